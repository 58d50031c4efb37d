//! Local verification: when a token is good, and what may stand where a time belongs.

use std::time::Duration;

use chrono::DateTime;
use okta_introspect::InvalidToken;
use serde_json::json;

use super::verifiers::{access, access_reason, rs256};
use crate::tokens::minter::{NOW, access_claims, with};

#[test_support::test]
async fn times_are_compared_to_the_second_with_leeway() {
    let leeway = 120;
    for (name, changes, expected) in [
        ("ends beyond the leeway", json!({"exp": NOW - leeway}), Some("expired")),
        ("ends within the leeway", json!({"exp": NOW - leeway + 1}), None),
        ("ends now", json!({"exp": NOW}), None),
        ("ends in a fraction", json!({"exp": NOW as f64 - 119.5}), Some("expired")),
        ("begins beyond the leeway", json!({"nbf": NOW + leeway + 1}), Some("not_yet_valid")),
        ("begins within the leeway", json!({"nbf": NOW + leeway}), None),
        ("issued beyond the leeway", json!({"iat": NOW + leeway + 1}), Some("issued_in_future")),
        ("issued within the leeway", json!({"iat": NOW + leeway}), None),
        ("issued with a fraction", json!({"iat": NOW as f64 + 0.9}), None),
        ("issued at the epoch", json!({"iat": 0}), None),
        ("ends with the calendar", json!({"exp": 8_210_266_876_799_i64}), None),
        (
            "ends beyond the calendar",
            json!({"exp": 8_210_266_876_800_i64}),
            Some("malformed_claim"),
        ),
        ("ends beyond all numbers", json!({"exp": 1e300}), Some("malformed_claim")),
        ("ended before the epoch", json!({"exp": -1}), Some("expired")),
        ("end is a text", json!({"exp": "1795214859"}), Some("malformed_claim")),
        ("end is a truth", json!({"exp": true}), Some("malformed_claim")),
        ("begin is a text", json!({"nbf": "0"}), Some("malformed_claim")),
    ] {
        assert_eq!(access_reason(changes).await.as_deref(), expected, "{name}");
    }
}

#[test_support::test]
async fn facts_of_time_are_in_the_rejection() {
    let minter = rs256();
    let verifier = access(&minter).leeway(Duration::from_secs(1)).build().unwrap();
    let token = minter.token(&with(access_claims(), json!({"exp": NOW - 1})));
    let verification = verifier.verify(&token).await.unwrap();
    let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
    let expected =
        InvalidToken::Expired { exp: at(NOW - 1), now: at(NOW), leeway: Duration::from_secs(1) };
    assert_eq!(verification.reason(), Some(&expected));
    assert_eq!(
        serde_json::to_value(&expected).unwrap(),
        json!({"reason": "expired", "exp": at(NOW - 1), "now": at(NOW), "leeway_secs": 1})
    );
}

/// What may stand where a time belongs; a claim that is none is never taken for a time.
#[test_support::test]
async fn no_number_in_a_time_does_any_harm() {
    let minter = rs256();
    let verifier = access(&minter).build().unwrap();
    for value in [
        "0",
        "1",
        "-1",
        "2147483648",
        "9223372036854775807",
        "18446744073709551615",
        "1.5",
        "1e400",
        "-9223372036854775808",
        "1795211259000",
        "99999999999999999999999999",
        "\"soon\"",
        "8210266876799",
        "-8334601228800",
        "null",
    ] {
        for name in ["exp", "iat", "nbf", "auth_time"] {
            let claims = with(access_claims(), json!({ name: "HERE" })).to_string();
            let token =
                minter.sign(&minter.header().to_string(), claims.replace("\"HERE\"", value));
            let taken = verifier.verify(&token).await.unwrap().is_verified();
            // What no clock shows is refused even where nothing is decided by it.
            let good: &[&str] = match name {
                "exp" => &["2147483648", "1795211259000", "8210266876799"],
                "iat" => &["0", "1", "-1", "1.5", "-8334601228800"],
                "nbf" => &["0", "1", "-1", "1.5", "-8334601228800", "null"],
                _ => &[
                    "0",
                    "1",
                    "-1",
                    "1.5",
                    "-8334601228800",
                    "null",
                    "2147483648",
                    "1795211259000",
                    "8210266876799",
                ],
            };
            assert_eq!(taken, good.contains(&value), "{name} {value}");
        }
    }
}
