//! Against software that we did not write: a real server with our client, and real clients with
//! our sandbox.
//!
//! Needs `npm ci` in `tests/interop`, so it runs only when asked for: `./tests/all`, or
//! `cargo test --all-features --test interop`.

#[path = "interop/node.rs"]
mod node;

use node::{Provider, run};
use okta_introspect::{
    Algorithm, Client, ClientBuilder, ErrorKind, Issuer, Scopes, SeededRandom, Signer, SigningKey,
    TokenSource,
};
use serde_json::{Value, json};

const CLIENT_ID: &str = "0oa-interop";
const SCOPE: &str = "okta.users.read";

fn key(algorithm: Algorithm) -> SigningKey {
    let key = SigningKey::generate(algorithm).unwrap();
    let thumbprint = key.public_jwk().thumbprint();
    key.with_key_id(Some(thumbprint))
}

fn registration(key: &SigningKey) -> Value {
    let jwk: Value = serde_json::from_str(&key.public_jwk().to_json()).unwrap();
    json!({"client_id": CLIENT_ID, "jwks": {"keys": [jwk]}, "alg": key.algorithm(), "scopes": [SCOPE]})
}

fn scopes() -> Scopes {
    Scopes::parse(SCOPE).unwrap()
}

fn builder(provider: &Provider, key: SigningKey) -> ClientBuilder {
    Client::builder(Issuer::parse(provider.issuer()).unwrap(), CLIENT_ID, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn token_active_revoke_inactive_at_a_real_server() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        for audience in ["own", "endpoint"] {
            let key = key(algorithm);
            let provider =
                Provider::start(&json!({"clients": [registration(&key)], "audience": audience}));
            println!("oidc-provider {} ({algorithm}, audience: {audience})", provider.version());
            let client = builder(&provider, key).build().unwrap();

            let token = client.token_source(scopes()).token().await.unwrap();
            let answer = client.introspect(token.token(), None).await.unwrap();
            assert!(answer.active);
            assert_eq!(answer.client_id.as_deref(), Some(CLIENT_ID));
            assert_eq!(answer.scope, Some(scopes()));
            client.revoke(token.token(), None).await.unwrap();
            assert!(!client.introspect(token.token(), None).await.unwrap().active);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_at_a_real_server() {
    let key = key(Algorithm::Es256);
    let provider =
        Provider::start(&json!({"clients": [registration(&key)], "audience": "endpoint"}));
    let client = builder(&provider, key).build().unwrap();
    let metadata = client.metadata().await.unwrap();
    assert_eq!(&metadata.endpoints().unwrap(), client.endpoints());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_server_dress_works_with_opaque_tokens() {
    let key = key(Algorithm::Es256);
    let provider = Provider::start(&json!({
        "clients": [registration(&key)], "audience": "endpoint", "custom": "default", "token_format": "opaque",
    }));
    let client = builder(&provider, key).build().unwrap();
    let token = client.request_token(&scopes()).await.unwrap();
    let answer = client.introspect(token.token(), None).await.unwrap();
    assert!(answer.active);
    assert_eq!(answer.aud, ["api://default"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_refuses_what_it_must() {
    let registered = key(Algorithm::Es256);
    let provider =
        Provider::start(&json!({"clients": [registration(&registered)], "audience": "endpoint"}));
    let kid = Signer::key_id(&registered).map(str::to_owned);
    let again =
        || builder(&provider, registered.clone()).random(SeededRandom::new(7)).build().unwrap();

    let stranger = builder(&provider, key(Algorithm::Es256).with_key_id(kid)).build().unwrap();
    let error = stranger.request_token(&scopes()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClientRefused, "wrong key: {error}");

    let unknown_kid = registered.clone().with_key_id(Some("unknown".to_owned()));
    let error = builder(&provider, unknown_kid)
        .build()
        .unwrap()
        .request_token(&scopes())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClientRefused, "unknown kid: {error}");

    // The same randomness makes the same `jti`, as a replayed assertion would have.
    again().request_token(&scopes()).await.unwrap();
    let error = again().request_token(&scopes()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClientRefused, "used assertion: {error}");

    let details = provider.control("GET", "/control/refusals").await;
    let details: Vec<_> = details
        .as_array()
        .unwrap()
        .iter()
        .map(|refusal| refusal["detail"].as_str().unwrap())
        .collect();
    assert_eq!(
        details,
        [
            "signature verification failed",
            "no applicable key found in the JSON Web Key Set",
            "client assertion tokens must only be used once",
        ]
    );
}
