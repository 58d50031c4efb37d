//! `explain` tells why a token is inactive, as far as that can be known.

use std::time::Duration;

use okta_introspect::sandbox::{App, AppStatus, Grant, SignIn, UserStatus};
use serde_json::Value;

use crate::common::org::{CLIENT, Org};
use crate::common::server::recording;

/// What is said of the token, with the most important reason first.
#[track_caller]
fn explain(org: &Org, token: &str, exit: i32) -> (Value, String) {
    let run = org.run(&["explain", "--json"], &[], token);
    let told = run.exits(exit).hides(token.trim()).json();
    let first = told["reasons"][0].to_string();
    (told, first)
}

fn with_log() -> Org {
    Org::with(|app: App| app.grant("okta.logs.read"), |builder| builder)
}

fn issue(org: &Org, grant: &Grant) -> String {
    org.sandbox.issue(grant).unwrap().expose().to_owned()
}

#[test_support::test]
fn a_good_token_is_active_and_needs_no_reason() {
    let org = with_log();
    let (told, _) = explain(&org, &issue(&org, &Grant::to_client(CLIENT)), 0);
    assert_eq!(told["active"], true);
    assert_eq!(told["reasons"].as_array().unwrap().len(), 0, "{told}");
    let bound = issue(&org, &Grant::to_client(CLIENT).bound_to("thumbprint"));
    assert!(explain(&org, &bound, 0).1.contains("bound to a key"));
}

#[test_support::test]
fn the_reason_is_found() {
    let user = || Grant::to_client(CLIENT).user("00u1ada");
    type Make = fn(&Org, Grant) -> String;
    let cases: [(&str, Make, &str, &str); 8] = [
        (
            "expired",
            |org, grant| issue(org, &grant.lifetime(Duration::ZERO)),
            "likely",
            "it has expired",
        ),
        (
            "another server of the org",
            |org, grant| issue(org, &grant.server("default")),
            "certain",
            "it is active at",
        ),
        (
            "revoked",
            |org, grant| {
                let token = org.sandbox.issue(&grant).unwrap();
                org.sandbox.revoke(&token);
                token.expose().to_owned()
            },
            "certain",
            "it was revoked: at ",
        ),
        (
            "its user is deactivated",
            |org, grant| {
                let token = issue(org, &grant);
                org.sandbox.set_user_status("00u1ada", UserStatus::Deprovisioned).unwrap();
                token
            },
            "certain",
            "its user was deactivated",
        ),
        (
            "its app is deactivated",
            |org, _| {
                org.sandbox.register(App::service("0oa-other"));
                let token = issue(org, &Grant::to_client("0oa-other"));
                org.sandbox.set_app_status("0oa-other", AppStatus::Inactive).unwrap();
                token
            },
            "certain",
            "its app was deactivated",
        ),
        (
            "cut off",
            |org, grant| {
                let token = issue(org, &grant);
                token[..token.rfind('.').unwrap()].to_owned()
            },
            "likely",
            "cut off",
        ),
        ("made up", |_, _| "00made-up".to_owned(), "possible", "cannot be told from outside"),
        ("quotes", |_, _| "\"00made-up\"".to_owned(), "possible", "the quotes"),
    ];
    for (name, make, likelihood, told) in cases {
        let org = with_log();
        let token = make(&org, user());
        let (explanation, first) =
            explain(&org, &token, i32::from(name != "another server of the org"));
        assert!(first.contains(told), "{name}: {explanation:#}");
        assert_eq!(explanation["reasons"][0]["likelihood"], likelihood, "{name}: {explanation:#}");
    }
}

#[test_support::test]
fn an_id_token_is_known_as_one() {
    let org = with_log();
    let signed_in = SignIn::new(CLIENT, "00u1ada").server("default");
    let token = org.sandbox.issue_id_token(&signed_in).unwrap().expose().to_owned();
    let run = org.run(&["explain", "--json"], &[], &token);
    assert_eq!(run.json()["kind"], "an ID token", "{run:?}");
}

#[test_support::test]
fn an_address_that_stands_only_in_the_token_is_not_called() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let org = with_log();
    let elsewhere = recording(Vec::new());
    for issuer in [elsewhere.issuer(), format!("{}/oauth2/default", elsewhere.issuer())] {
        let claims = URL_SAFE_NO_PAD.encode(format!("{{\"iss\":\"{issuer}\"}}"));
        let (_, first) = explain(&org, &format!("eyJhbGciOiJub25lIn0.{claims}.AA"), 3);
        assert!(first.contains("which is not this org"), "{first}");
    }
    assert!(elsewhere.requests().is_empty(), "the address in the token was called");
}

#[test_support::test]
fn without_the_scope_the_log_is_not_searched_and_the_scope_named() {
    let org = Org::new();
    let token = org.sandbox.issue(&Grant::to_client(CLIENT)).unwrap();
    org.sandbox.revoke(&token);
    let run = org.run(&["explain"], &[], token.expose());
    let told = &run.exits(1).stdout;
    assert!(told.starts_with("inactive\n"), "{told}");
    assert!(told.contains("needs the scope okta.logs.read"), "{told}");
    assert!(told.contains("possible: it cannot be told from outside"), "{told}");
}

#[test_support::test]
fn a_signature_that_is_not_the_servers_is_the_reason() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let org = with_log();
    let grant = || Grant::to_client(CLIENT).server("default").scope("orders.read");
    let token = org.sandbox.issue(&grant()).unwrap();
    let (header, rest) = token.expose().split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let more = URL_SAFE_NO_PAD.encode(claims.replace("orders.read", "orders.delete"));
    let unsigned = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let unknown = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"another"}"#);
    let changed = format!("{header}.{more}.{signature}");
    let custom = format!("{}/oauth2/default", org.sandbox.issuer());
    let explain = |token: &str| {
        let run = org.run(&["explain", "--json"], &[("--issuer", &custom)], token);
        run.exits(1).hides(token).json()
    };
    for (case, token, likelihood, told) in [
        ("changed", &changed, "certain", "it was changed on the way, or made by somebody else"),
        ("unsigned", &format!("{unsigned}.{payload}."), "certain", "does not make such tokens"),
        ("another key", &format!("{unknown}.{payload}.{signature}"), "likely", "rotated away"),
    ] {
        let explanation = explain(token);
        let first = &explanation["reasons"][0];
        assert!(first["reason"].as_str().unwrap().contains(told), "{case}: {explanation:#}");
        assert_eq!(first["likelihood"], likelihood, "{case}: {explanation:#}");
        assert_eq!(explanation["signature"], "bad", "{case}");
    }
    // Asked at the org server, the token's own server is looked at as well.
    let (explanation, first) = self::explain(&org, &changed, 1);
    assert!(first.contains("it was changed on the way"), "{explanation:#}");

    org.sandbox.revoke(&token);
    let revoked = explain(token.expose());
    assert_eq!(revoked["signature"], "good", "{revoked:#}");
    assert!(revoked["reasons"][0]["reason"].as_str().unwrap().starts_with("it was revoked"));
    let opaque = explain("00made-up");
    assert!(opaque["signature"].as_str().unwrap().starts_with("not checked: "), "{opaque:#}");
}
