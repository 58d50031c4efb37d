//! Signing keys of the sandbox, their rotation, and the tokens that users get.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use okta_introspect::Token;
use okta_introspect::sandbox::{Grant, SignIn, UserStatus};
use serde_json::{Value, json};

use crate::org::{CLIENT, NOW, Org, USER, decode};

const ORG_KEYS: &str = "/oauth2/v1/keys";
const KEYS: &str = "/oauth2/default/v1/keys";

/// The key ids at this path.
async fn key_ids(org: &Org, path: &str) -> Vec<String> {
    let document = org.get(path).await.json();
    let keys = document["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// The id of the key that signs access tokens of the custom server now.
fn signing_key_id(org: &Org) -> String {
    let token = org.sandbox.issue(&Grant::to_client(CLIENT).server("default")).unwrap();
    decode(token.expose()).0["kid"].as_str().unwrap().to_owned()
}

/// The key at this path with which the token was signed.
async fn verifies(org: &Org, path: &str, token: &Token) -> bool {
    let document = org.get(path).await.json();
    let kid = decode(token.expose()).0["kid"].clone();
    let key = document["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid);
    key.is_some_and(|key| {
        let jwk = josekit::jwk::Jwk::from_bytes(key.to_string()).unwrap();
        let verifier = josekit::jws::RS256.verifier_from_jwk(&jwk).unwrap();
        josekit::jwt::decode_with_verifier(token.expose(), &verifier).is_ok()
    })
}

#[test_support::test]
async fn the_next_key_is_published_before_it_signs_and_the_last_one_after() {
    let org = Org::start().await;
    let before = key_ids(&org, KEYS).await;
    assert_eq!(before.len(), 2);
    assert_eq!(signing_key_id(&org), before[0]);
    let old = org.sandbox.issue(&Grant::to_client(CLIENT).server("default")).unwrap();
    org.sandbox.rotate_keys("default").unwrap();
    let after = key_ids(&org, KEYS).await;
    assert_eq!(signing_key_id(&org), before[1]);
    assert_eq!((&after[0], &after[2]), (&before[1], &before[0]));
    assert!(!before.contains(&after[1]));
    assert!(verifies(&org, KEYS, &old).await);
    org.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(key_ids(&org, KEYS).await, after[..2]);
    let event = org.sandbox.log().pop().unwrap();
    assert_eq!(event.event_type, "app.oauth2.as.key.rollover");
    assert_eq!(event.target[0].id, "default");
}

#[test_support::test]
async fn servers_rotate_apart_and_only_custom_ones() {
    let org = Org::start().await;
    let org_keys = key_ids(&org, ORG_KEYS).await;
    org.sandbox.rotate_keys("default").unwrap();
    assert_eq!(key_ids(&org, ORG_KEYS).await, org_keys);
    assert!(org.sandbox.rotate_keys("none").is_err());
    assert!(org.sandbox.schedule_rotation("none", org.sandbox.now()).is_err());
}

#[test_support::test]
async fn the_life_of_cached_keys_ends_with_a_scheduled_rotation() {
    let org = Org::start().await;
    let max_age = async || org.get(KEYS).await.header("cache-control");
    assert_eq!(max_age().await, "max-age=3832304, must-revalidate");
    let before = key_ids(&org, KEYS).await;
    org.sandbox.schedule_rotation("default", org.sandbox.now() + TimeDelta::hours(1)).unwrap();
    assert_eq!(max_age().await, "max-age=3600, must-revalidate");
    org.clock.advance(Duration::from_secs(3599));
    assert_eq!(max_age().await, "max-age=1, must-revalidate");
    assert_eq!(signing_key_id(&org), before[0]);
    org.clock.advance(Duration::from_secs(1));
    assert_eq!(signing_key_id(&org), before[1]);
    assert_eq!(max_age().await, "max-age=3832304, must-revalidate");
    let rollovers = org.sandbox.log();
    assert_eq!(rollovers.iter().filter(|e| e.event_type.ends_with("key.rollover")).count(), 1);
}

#[test_support::test]
async fn a_rotation_happens_for_whoever_asks_first() {
    let org = Org::start().await;
    let before = key_ids(&org, KEYS).await;
    org.sandbox.schedule_rotation("default", org.sandbox.now()).unwrap();
    assert_eq!(key_ids(&org, KEYS).await[0], before[1]);
}

#[test_support::test]
async fn an_id_token_is_signed_with_a_published_key() {
    let org = Org::start().await;
    for (sign_in, issuer, keys) in [
        (SignIn::new(CLIENT, USER), "", ORG_KEYS),
        (SignIn::new(CLIENT, USER).server("default"), "/oauth2/default", KEYS),
    ] {
        let token = org.sandbox.issue_id_token(&sign_in).unwrap();
        let (header, claims) = decode(token.expose());
        assert_eq!((&header["alg"], header.get("typ")), (&json!("RS256"), None));
        assert!(verifies(&org, keys, &token).await, "{keys}");
        assert!(claims["jti"].as_str().unwrap().starts_with("ID."));
        let expected = json!({
            "ver": 1, "jti": claims["jti"], "iss": org.url(issuer), "aud": CLIENT, "sub": USER,
            "iat": NOW, "exp": NOW + 3600, "auth_time": NOW, "amr": ["pwd"], "idp": "00osandbox",
        });
        assert_eq!(claims, expected);
    }
}

#[test_support::test]
async fn an_id_token_says_what_was_asked_for() {
    let org = Org::start().await;
    let access_token = org.sandbox.issue(&Grant::to_client(CLIENT).user(USER)).unwrap();
    let hash = openssl::sha::sha256(access_token.expose().as_bytes());
    let sign_in = SignIn::new(CLIENT, USER)
        .scope("profile")
        .scope("email")
        .nonce("n-1")
        .access_token(access_token)
        .lifetime(Duration::from_secs(60));
    let token = org.sandbox.issue_id_token(&sign_in).unwrap();
    let claims = decode(token.expose()).1;
    for (claim, value) in [
        ("nonce", json!("n-1")),
        ("at_hash", json!(URL_SAFE_NO_PAD.encode(&hash[..16]))),
        ("exp", json!(NOW + 60)),
        ("name", json!("Ada Lovelace")),
        ("given_name", json!("Ada")),
        ("family_name", json!("Lovelace")),
        ("preferred_username", json!("ada@example.test")),
        ("email", json!("ada@example.test")),
        ("email_verified", json!(true)),
    ] {
        assert_eq!(claims[claim], value, "{claim}");
    }
    for unknown in [SignIn::new("0oa9", USER), SignIn::new(CLIENT, "00u9"), sign_in.server("none")]
    {
        assert!(org.sandbox.issue_id_token(&unknown).is_err());
    }
}

#[test_support::test]
async fn an_id_token_is_known_to_its_server_and_lets_nobody_in() {
    let org = Org::start().await;
    let sign_in = SignIn::new(CLIENT, USER).scope("okta.users.read");
    let token = org.sandbox.issue_id_token(&sign_in).unwrap();
    let text = token.expose();
    let introspect = async || org.introspect("/oauth2/v1/introspect", text).await.json();
    let answer = introspect().await;
    assert_eq!((&answer["active"], &answer["sub"]), (&json!(true), &json!(USER)));
    assert_eq!((&answer["aud"], answer.get("scope")), (&json!(CLIENT), None));
    assert_eq!(org.get_with("/api/v1/users", text).await.status, 401);
    org.post("/oauth2/v1/revoke", &[("token", text)]).await;
    assert!(!org.sandbox.revoke(&token));
    assert_eq!(introspect().await["active"], true, "it cannot be revoked");
    org.sandbox.set_user_status(USER, UserStatus::Suspended).unwrap();
    assert_eq!(introspect().await, json!({"active": false}));
}

#[test_support::test]
async fn an_access_token_says_for_whom_it_is() {
    let org = Org::start().await;
    let grant = Grant::to_client(CLIENT).user(USER).server("default").scope("read");
    let token = org.sandbox.issue(&grant).unwrap();
    let claims: Value = decode(token.expose()).1;
    let expected = json!({
        "ver": 1, "jti": claims["jti"], "iss": org.url("/oauth2/default"), "aud": "api://default",
        "iat": NOW, "exp": NOW + 3600, "cid": CLIENT, "uid": USER, "scp": ["read"],
        "auth_time": NOW, "sub": "ada@example.test",
    });
    assert_eq!(claims, expected);
    assert!(verifies(&org, KEYS, &token).await);
}
