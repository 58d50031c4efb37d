//! Local verification with keys at hand: which claims are taken, and why others are not.

use std::time::Duration;

use chrono::DateTime;
use okta_introspect::verify::TokenKind;
use okta_introspect::{
    AccessTokenClaims, Algorithm, ErrorKind, IdTokenClaims, InvalidToken, Jwks, Scopes,
    Verification, Verifier, VerifierBuilder,
};
use serde::Deserialize;
use serde_json::json;

use super::verifiers::{access, access_reason, id, id_reason, issuer, rs256};
use crate::tokens::minter::{
    AUDIENCE, CLIENT, ISSUER, Minter, NONCE, NOW, access_claims, id_claims, with,
};
use crate::tokens::mutations::{OF_EVERY_TOKEN, OF_ID_TOKENS, Original, Theirs};
use crate::tokens::reason;

#[test_support::test]
async fn a_good_access_token_gives_its_claims() {
    let minter = rs256();
    let claims = with(access_claims(), json!({"groups": ["Everyone"], "cnf": {"jkt": "thumb"}}));
    let verifier = access(&minter).build().unwrap();
    let verified = verifier.verify(&minter.token(&claims)).await.unwrap().into_result().unwrap();
    assert_eq!((verified.algorithm(), verified.key_id()), (Algorithm::Rs256, Some("k1")));
    let claims = verified.into_claims();
    assert_eq!((claims.iss.as_str(), claims.sub.as_str()), (ISSUER, "ada@acme.example"));
    assert_eq!(claims.aud, [AUDIENCE]);
    assert_eq!((claims.exp.timestamp(), claims.iat.timestamp()), (NOW + 3600, NOW));
    assert_eq!((claims.cid.as_deref(), claims.uid.as_deref()), (Some(CLIENT), Some("00u1ada")));
    assert!(claims.scp.contains("orders.read") && claims.scp.len() == 2);
    assert_eq!(claims.auth_time.unwrap().timestamp(), NOW - 60);
    assert!(claims.is_bound());
    assert_eq!(claims.further["groups"], json!(["Everyone"]));
    assert_eq!(claims.further["ver"], json!(1));
}

#[test_support::test]
async fn a_good_id_token_gives_its_claims() {
    let minter = rs256();
    let verifier = id(&minter).build().unwrap();
    let verified = verifier.verify(&minter.token(&id_claims()), Some(NONCE)).await.unwrap();
    let claims = verified.claims().unwrap();
    assert_eq!((claims.sub.as_str(), claims.nonce.as_deref()), ("00u1ada", Some(NONCE)));
    assert_eq!(claims.amr, ["pwd", "mfa"]);
    assert_eq!(claims.further["email"], json!("ada@acme.example"));
}

#[test_support::test]
async fn claims_are_written_as_they_were_in_the_token() {
    let minter = rs256();
    let other = json!({"scp": null, "cid": null, "client_id": CLIENT, "scope": "a b"});
    for changes in [
        json!({"scp": null, "aud": [AUDIENCE], "more": {"a": [1]}}),
        json!({"scp": ["orders.read", "orders.write"], "aud": AUDIENCE}),
        json!({"aud": [AUDIENCE, "api://other"]}),
        json!({"client_id": "another", "scope": "a b"}),
        other,
    ] {
        let claims = with(access_claims(), changes);
        let verification = access(&minter).build().unwrap().verify(&minter.token(&claims)).await;
        let written = serde_json::to_value(verification.unwrap().claims().unwrap()).unwrap();
        assert_eq!(written, claims);
    }
    for changes in [json!({"aud": [CLIENT]}), json!({"aud": CLIENT}), json!({"amr": null})] {
        let claims = with(id_claims(), changes);
        let token = minter.token(&claims);
        let verification = id(&minter).build().unwrap().verify(&token, Some(NONCE)).await;
        let written = serde_json::to_value(verification.unwrap().claims().unwrap()).unwrap();
        assert_eq!(written, claims);
    }
}

#[test_support::test]
async fn further_claims_are_read_into_a_struct_of_the_program() {
    #[derive(Debug, Deserialize)]
    struct Mine {
        tenant: String,
    }
    let minter = rs256();
    let verifier = access(&minter).further_claims::<Mine>().build().unwrap();
    let good = minter.token(&with(access_claims(), json!({"tenant": "t1"})));
    assert_eq!(verifier.verify(&good).await.unwrap().claims().unwrap().further.tenant, "t1");
    let without = verifier.verify(&minter.token(&access_claims())).await.unwrap();
    assert_eq!(without.reason().map(reason).as_deref(), Some("further_claims"));
    // The claim and its kind are named, its value is not.
    let other = with(access_claims(), json!({"tenant": {"s3cret": "s3cret"}}));
    let other = verifier.verify(&minter.token(&other)).await.unwrap();
    let said = other.reason().unwrap().to_string();
    assert!(said.ends_with("`tenant` is an object, expected a string"), "{said}");

    let verifier = id(&minter).further_claims::<Mine>().build().unwrap();
    let good = minter.token(&with(id_claims(), json!({"tenant": "t2"})));
    let verified = verifier.verify(&good, Some(NONCE)).await.unwrap();
    assert_eq!(verified.claims().unwrap().further.tenant, "t2");
}

/// The shared table: every mutation is refused for its reason, as access and as ID token.
#[test_support::test]
async fn every_mutation_is_refused_for_its_reason() {
    let (minter, stranger) = (rs256(), Minter::generate(Algorithm::Rs256, "stranger"));
    let sign = |input: &str| minter.sign_input(input);
    let original =
        |claims| Original { header: minter.header(), claims, sign: &sign, stranger: &stranger };
    let (access, id) = (access(&minter).build().unwrap(), id(&minter).build().unwrap());
    for mutation in &OF_EVERY_TOKEN {
        let token = (mutation.make)(&original(access_claims()));
        let verification = access.verify(&token).await.unwrap();
        let found = verification.reason().map(reason);
        assert_eq!(found.as_deref(), Some(mutation.reason), "access token: {}", mutation.name);
    }
    for mutation in OF_EVERY_TOKEN.iter().chain(&OF_ID_TOKENS) {
        let token = (mutation.make)(&original(id_claims()));
        let verification = id.verify(&token, Some(NONCE)).await.unwrap();
        let found = verification.reason().map(reason);
        assert_eq!(found.as_deref(), Some(mutation.reason), "ID token: {}", mutation.name);
    }
    let shared = OF_EVERY_TOKEN.iter().filter(|m| m.okta_jwt_verifier == Theirs::Refuses).count();
    assert!(shared >= 25, "{shared}");
}

#[test_support::test]
async fn claims_that_must_be_there_must_be_of_their_type() {
    for name in ["iss", "sub", "aud", "exp", "iat"] {
        let without = access_reason(json!({ name: null })).await;
        assert_eq!(without.as_deref(), Some("missing_claim"), "{name}");
        let of_other_type = access_reason(json!({name: {"a": 1}})).await;
        assert_eq!(of_other_type.as_deref(), Some("malformed_claim"), "{name}");
    }
    for (name, changes) in [
        ("audiences of which one is a number", json!({"aud": [AUDIENCE, 1]})),
        ("audiences of which one is null", json!({"aud": [AUDIENCE, null]})),
        ("scope with a blank", json!({"scp": ["orders.read admin"]})),
        ("scopes as a number", json!({"scp": 1})),
        ("client as a list", json!({"cid": [CLIENT]})),
        ("binding as a text", json!({"cnf": "thumb"})),
        ("thumbprint as a number", json!({"cnf": {"jkt": 1}})),
    ] {
        assert_eq!(access_reason(changes).await.as_deref(), Some("malformed_claim"), "{name}");
    }
}

#[test_support::test]
async fn one_of_several_audiences_is_enough_for_an_access_token() {
    assert_eq!(access_reason(json!({"aud": ["api://other", AUDIENCE]})).await, None);
}

#[test_support::test]
async fn clients_and_scopes_are_held_to_what_was_set() {
    let minter = rs256();
    let verifier = access(&minter)
        .clients([CLIENT, "0oa1other"])
        .required_scopes(Scopes::parse("orders.read openid").unwrap())
        .build()
        .unwrap();
    let rejection = async |changes| {
        let token = minter.token(&with(access_claims(), changes));
        verifier.verify(&token).await.unwrap().into_result().err()
    };
    assert_eq!(rejection(json!({})).await, None);
    let found = Some("0oa1stranger".to_owned());
    let other = rejection(json!({"cid": "0oa1stranger"})).await;
    assert_eq!(other, Some(InvalidToken::ClientNotAllowed { found }));
    let none = rejection(json!({"cid": null})).await;
    assert_eq!(none, Some(InvalidToken::ClientNotAllowed { found: None }));
    let missing = Scopes::parse("orders.read").unwrap();
    let fewer = rejection(json!({"scp": ["openid", "profile"]})).await;
    assert_eq!(fewer, Some(InvalidToken::MissingScopes { missing }));
}

#[test_support::test]
async fn the_nonce_is_compared_both_ways() {
    let cases = [
        (json!({}), Some(NONCE), None),
        (json!({}), Some("other"), Some("wrong_nonce")),
        (json!({}), None, Some("unexpected_nonce")),
        (json!({"nonce": null}), None, None),
        (json!({"nonce": null}), Some(NONCE), Some("missing_nonce")),
        (json!({"nonce": ""}), None, Some("unexpected_nonce")),
    ];
    for (changes, sent, expected) in cases {
        let found = id_reason(changes.clone(), sent).await;
        assert_eq!(found.as_deref(), expected, "{changes} {sent:?}");
    }
}

#[test_support::test]
async fn several_audiences_of_an_id_token_need_the_authorized_party() {
    let cases = [
        (json!({"aud": [CLIENT, "0oa1other"], "azp": CLIENT}), None),
        (json!({"aud": [CLIENT, "0oa1other"]}), Some("wrong_authorized_party")),
        (json!({"azp": "0oa1other"}), Some("wrong_authorized_party")),
        (json!({"azp": CLIENT}), None),
        (json!({"aud": [CLIENT]}), None),
    ];
    for (changes, expected) in cases {
        let found = id_reason(changes.clone(), Some(NONCE)).await;
        assert_eq!(found.as_deref(), expected, "{changes}");
    }
}

#[test_support::test]
async fn other_algorithms_are_taken_if_they_are_allowed_and_the_key_is_for_them() {
    for algorithm in [Algorithm::Es256, Algorithm::Ps256, Algorithm::Es512] {
        let minter = Minter::generate(algorithm, "k1");
        let token = minter.token(&access_claims());
        let allowed = access(&minter).algorithms([algorithm]).build().unwrap();
        assert!(allowed.verify(&token).await.unwrap().is_verified(), "{algorithm}");
        let refused = access(&minter).build().unwrap().verify(&token).await.unwrap();
        let expected =
            InvalidToken::AlgorithmNotAllowed { found: algorithm, allowed: vec![Algorithm::Rs256] };
        assert_eq!(refused.reason(), Some(&expected));
    }
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let minter = rs256();
    let max = VerifierBuilder::<AccessTokenClaims>::MAX_LEEWAY;
    let no_audience = Verifier::access_token(issuer(), "").keys(Jwks::fixed(minter.set()));
    for (name, builder) in [
        ("no audience", no_audience),
        ("no algorithm", access(&minter).algorithms([])),
        ("much leeway", access(&minter).leeway(max + Duration::from_millis(1))),
    ] {
        assert_eq!(builder.build().expect_err(name).kind(), ErrorKind::Configuration, "{name}");
    }
    assert!(access(&minter).leeway(max).build().is_ok());
}

#[test_support::test]
async fn what_the_token_holds_is_quoted_briefly_and_never_whole() {
    let minter = rs256();
    let long = format!("https://evil.example/é\n\u{1b}[2J{}", "é".repeat(2000));
    let changes = json!({"iss": long, "nonce": "s3cret-nonce"});
    let token = minter.token(&with(access_claims(), changes));
    let verification = access(&minter).build().unwrap().verify(&token).await.unwrap();
    let rejection = verification.reason().unwrap();
    let InvalidToken::WrongIssuer { found, .. } = rejection else { panic!("{rejection:?}") };
    assert!(found.len() <= InvalidToken::MAX_QUOTED && found.starts_with("https://evil.example/é"));
    let text = format!("{rejection} {rejection:?} {}", serde_json::to_string(rejection).unwrap());
    assert!(!text.contains(char::is_control), "a line of its own in a log: {text}");
    assert!(!text.contains("s3cret") && !text.contains(&token[token.len() - 40..]));
}

#[test]
fn only_what_may_come_right_says_so() {
    let now = DateTime::from_timestamp(NOW, 0).unwrap();
    let leeway = Duration::ZERO;
    for (rejection, expected) in [
        (InvalidToken::UnknownKey { kid: None, retry_after: None }, true),
        (InvalidToken::NotYetValid { nbf: now, now, leeway }, true),
        (InvalidToken::IssuedInFuture { iat: now, now, leeway }, true),
        (InvalidToken::Expired { exp: now, now, leeway }, false),
        (InvalidToken::Unsigned, false),
        (
            InvalidToken::WrongKind { expected: TokenKind::IdToken, found: TokenKind::AccessToken },
            false,
        ),
    ] {
        assert_eq!(rejection.may_change_later(), expected, "{rejection}");
    }
}

#[test]
fn verifiers_and_their_answers_cross_threads() {
    fn shareable<T: Send + Sync + Clone>() {}
    shareable::<Verifier>();
    shareable::<Verifier<IdTokenClaims>>();
    shareable::<Jwks>();
    shareable::<Verification<AccessTokenClaims>>();
}
