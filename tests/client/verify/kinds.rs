//! Local verification: access tokens, ID tokens and other JWTs are told apart.

use okta_introspect::{ErrorKind, InvalidToken, Issuer, Scopes, Verifier};
use serde_json::json;

use super::verifiers::{access, id, rs256};
use crate::tokens::minter::{AUDIENCE, CLIENT, NONCE, access_claims, id_claims, with};
use crate::tokens::reason;

/// Okta signs both with the same keys, and an audience may happen to be the client id.
#[test_support::test]
async fn an_id_token_is_no_access_token_and_the_other_way_round() {
    let wrong = Some("wrong_kind");
    let as_access = async |changes| {
        let minter = rs256();
        let token = minter.token(&with(with(id_claims(), json!({"aud": AUDIENCE})), changes));
        access(&minter).build().unwrap().verify(&token).await.unwrap().reason().map(reason)
    };
    for (name, changes, expected) in [
        ("ID token of Okta", json!({}), wrong),
        ("without its id", json!({"jti": null}), wrong),
        ("with its nonce alone", json!({"jti": null, "at_hash": null}), wrong),
        ("with its hash alone", json!({"jti": null, "nonce": null}), wrong),
        ("with a client", json!({"cid": CLIENT}), wrong),
        ("with a scope and its hash", json!({"jti": null, "scope": "openid"}), wrong),
        ("bare", json!({"jti": null, "nonce": null, "at_hash": null}), Some("not_an_access_token")),
    ] {
        assert_eq!(as_access(changes).await.as_deref(), expected, "{name}");
    }
    let as_id = async |changes| {
        let minter = rs256();
        let token = minter.token(&with(with(access_claims(), json!({"aud": CLIENT})), changes));
        id(&minter).build().unwrap().verify(&token, None).await.unwrap().reason().map(reason)
    };
    for (name, changes) in [
        ("access token of Okta", json!({})),
        ("without its id", json!({"jti": null})),
        ("with its client alone", json!({"jti": null, "scp": null})),
        ("with its scopes alone", json!({"jti": null, "cid": null})),
    ] {
        assert_eq!(as_id(changes).await.as_deref(), wrong, "{name}");
    }
}

#[test_support::test]
async fn types_of_other_jwts_are_refused() {
    let minter = rs256();
    let (access, id) = (access(&minter).build().unwrap(), id(&minter).build().unwrap());
    for (typ, as_access, as_id) in [
        ("JWT", None, None),
        ("jwt", None, None),
        ("at+jwt", None, Some("wrong_kind")),
        ("application/at+JWT", None, Some("wrong_kind")),
        ("dpop+jwt", Some("wrong_type"), Some("wrong_type")),
        ("logout+jwt", Some("wrong_type"), Some("wrong_type")),
        ("secevent+jwt", Some("wrong_type"), Some("wrong_type")),
        ("token-introspection+jwt", Some("wrong_type"), Some("wrong_type")),
        ("", Some("wrong_type"), Some("wrong_type")),
        ("application/okta-internal-at+jwt", Some("org_access_token"), Some("wrong_kind")),
    ] {
        let header = with(minter.header(), json!({ "typ": typ })).to_string();
        let token = minter.sign(&header, access_claims().to_string());
        let found = access.verify(&token).await.unwrap().reason().map(reason);
        assert_eq!(found.as_deref(), as_access, "access token: {typ:?}");
        let token = minter.sign(&header, id_claims().to_string());
        let found = id.verify(&token, Some(NONCE)).await.unwrap().reason().map(reason);
        assert_eq!(found.as_deref(), as_id, "ID token: {typ:?}");
    }
}

#[test_support::test]
async fn access_tokens_of_the_org_server_are_refused_with_the_explanation() {
    let org = "https://acme.okta.com";
    let rejection = {
        let minter = rs256();
        let token = minter.token(&with(access_claims(), json!({"iss": org, "aud": org})));
        access(&minter).build().unwrap().verify(&token).await.unwrap().into_result().unwrap_err()
    };
    assert_eq!(rejection, InvalidToken::OrgAccessToken { issuer: Some(org.to_owned()) });
    assert!(rejection.to_string().contains("introspection"), "{rejection}");
    let error = Verifier::access_token(Issuer::parse(org).unwrap(), org).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.advice().contains("introspect"), "{}", error.advice());
    // The org server's ID tokens are another matter.
    assert!(Verifier::id_token(Issuer::parse(org).unwrap(), CLIENT).build().is_ok());
}

/// RFC 9068 names client and scopes differently, and has a type.
#[test_support::test]
async fn access_tokens_of_other_servers_are_read_as_well() {
    let minter = rs256();
    let changes = json!({
        "cid": null, "scp": null, "jti": "x", "client_id": CLIENT, "scope": "orders.read openid",
    });
    let claims = with(access_claims(), changes).to_string();
    let verifier = access(&minter)
        .clients([CLIENT])
        .required_scopes(Scopes::parse("orders.read").unwrap())
        .build()
        .unwrap();
    for typ in ["at+jwt", "application/at+jwt", "AT+JWT", "JWT"] {
        let header = with(minter.header(), json!({ "typ": typ })).to_string();
        let verification = verifier.verify(&minter.sign(&header, &claims)).await.unwrap();
        assert!(verification.is_verified(), "{typ}: {verification:?}");
    }
}
