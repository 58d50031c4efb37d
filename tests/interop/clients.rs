//! A real server with our client, and real clients with our sandbox.

use okta_introspect::sandbox::{App, Sandbox, User};
use okta_introspect::{
    Algorithm, Client, ClientBuilder, DpopConfig, DpopMode, ErrorKind, Issuer, Scopes,
    SeededRandom, Signer, SigningKey, TokenSource, TokenType,
};
use serde_json::{Value, json};

use crate::node::{Provider, run};

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

#[test_support::test(multi_thread)]
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

#[test_support::test(multi_thread)]
async fn discovery_at_a_real_server() {
    let key = key(Algorithm::Es256);
    let provider =
        Provider::start(&json!({"clients": [registration(&key)], "audience": "endpoint"}));
    let client = builder(&provider, key).build().unwrap();
    let metadata = client.metadata().await.unwrap();
    assert_eq!(&metadata.endpoints().unwrap(), client.endpoints());
}

#[test_support::test(multi_thread)]
async fn a_custom_server_dress_works_with_opaque_tokens() {
    let key = key(Algorithm::Es256);
    let provider = Provider::start(&json!({
        "clients": [registration(&key)], "audience": "endpoint", "custom": "default", "token_format": "opaque",
    }));
    let client = builder(&provider, key).build().unwrap();
    let token = client.request_token(&scopes()).await.unwrap();
    let answer = client.introspect(token.token(), None).await.unwrap();
    assert!(answer.active);
    assert_eq!(*answer.aud, ["api://default"]);
}

#[test_support::test(multi_thread)]
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

/// An org of ours with a service app whose key is `key`, and three users.
async fn sandbox(key: &SigningKey) -> Sandbox {
    let app = App::service(CLIENT_ID).key(key.public_jwk()).grant(SCOPE);
    (1..=3)
        .fold(Sandbox::builder().app(app), |builder, number| {
            builder.user(User::new(format!("00u{number}"), format!("user{number}@acme.example")))
        })
        .start()
        .await
        .unwrap()
}

/// The key as PEM, which the scripts want. Keys are written to files and nowhere else.
fn pem(key: &SigningKey) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    key.write_new_file(&path).unwrap();
    std::fs::read_to_string(path).unwrap()
}

#[test_support::test(multi_thread)]
async fn oktas_node_sdk_gets_a_token_and_lists_users() {
    let key = key(Algorithm::Rs256);
    let sandbox = sandbox(&key).await;
    let config = json!({
        "orgUrl": sandbox.issuer().as_str(), "clientId": CLIENT_ID, "privateKeyPem": pem(&key),
        "keyId": Signer::key_id(&key), "scopes": [SCOPE], "limit": 2,
    });
    let said = tokio::task::spawn_blocking(move || run("sdk.mjs", &config)).await.unwrap();
    println!("@okta/okta-sdk-nodejs {} on Node {}", said["sdk_version"], said["node_version"]);
    assert_eq!(said["token_type"], "Bearer", "{said}");
    let logins: Vec<_> =
        said["users"].as_array().unwrap().iter().map(|user| user["login"].clone()).collect();
    assert_eq!(logins, ["user1@acme.example", "user2@acme.example", "user3@acme.example"]);
}

#[test_support::test(multi_thread)]
async fn oauth4webapi_gets_introspects_and_revokes_a_token() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384] {
        let key = key(algorithm);
        let sandbox = sandbox(&key).await;
        let issuer = sandbox.issuer();
        let endpoints = issuer.endpoints().unwrap();
        let config = json!({
            "issuer": issuer.as_str(), "token_endpoint": endpoints.token.as_str(),
            "introspection_endpoint": endpoints.introspection.as_str(),
            "revocation_endpoint": endpoints.revocation.as_str(), "clientId": CLIENT_ID,
            "privateKeyPem": pem(&key), "alg": algorithm, "kid": Signer::key_id(&key), "scope": SCOPE,
        });
        let said =
            tokio::task::spawn_blocking(move || run("oauth4webapi.mjs", &config)).await.unwrap();
        println!("oauth4webapi {} on Node {} ({algorithm})", said["version"], said["node_version"]);
        assert_eq!(said["active_before"], true, "{said}");
        assert_eq!(said["active_after"], false, "{said}");
        assert_eq!(said["client_id"], CLIENT_ID);
    }
}

#[test_support::test(multi_thread)]
async fn bound_tokens_at_a_real_server_through_a_nonce_rotation() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        let key = key(algorithm);
        let provider = Provider::start(&json!({
            "clients": [registration(&key)], "audience": "endpoint", "dpop": {"required": true, "nonces": true},
        }));
        let client =
            builder(&provider, key).dpop(DpopConfig::new(DpopMode::Always)).build().unwrap();
        let source = client.token_source(scopes());
        let held = std::cell::RefCell::new(None);
        let renew = async || {
            if let Some(token) = held.take() {
                source.invalidate(&token);
            }
            provider.control("POST", "/control/reset-requests").await;
            let token = source.token().await.unwrap();
            assert_eq!(token.token_type(), TokenType::Dpop);
            assert!(client.introspect(token.token(), None).await.unwrap().is_bound());
            held.replace(Some(token));
            provider.control("GET", "/control/requests").await["/oauth2/v1/token"].clone()
        };
        assert_eq!(
            renew().await,
            json!({"400": 1, "200": 1}),
            "the first request learns the nonce"
        );
        for _ in 0..3 {
            assert_eq!(renew().await, json!({"200": 1}), "a renewal is one request");
        }
        provider.control("POST", "/control/rotate-nonce").await;
        assert_eq!(renew().await, json!({"400": 1, "200": 1}), "a rotation costs one request");
        assert_eq!(renew().await, json!({"200": 1}));
        println!("oidc-provider {} with DPoP and nonces ({algorithm})", provider.version());
    }
}

#[test_support::test(multi_thread)]
async fn oktas_node_sdk_works_with_dpop_and_nonces() {
    let key = key(Algorithm::Rs256);
    let sandbox = sandbox(&key).await;
    sandbox
        .register(App::service(CLIENT_ID).key(key.public_jwk()).grant(SCOPE).dpop_required(true));
    let config = json!({
        "orgUrl": sandbox.issuer().as_str(), "clientId": CLIENT_ID, "privateKeyPem": pem(&key),
        "keyId": Signer::key_id(&key), "scopes": [SCOPE], "limit": 2, "dpop": true,
    });
    let said = tokio::task::spawn_blocking(move || run("sdk.mjs", &config)).await.unwrap();
    println!("@okta/okta-sdk-nodejs {} with DPoP and nonces", said["sdk_version"]);
    assert_eq!(said["token_type"], "DPoP", "{said}");
    assert_eq!(said["users"].as_array().unwrap().len(), 3);
}

#[test_support::test(multi_thread)]
async fn oauth4webapi_works_with_dpop_and_nonces() {
    let key = key(Algorithm::Es256);
    let sandbox = sandbox(&key).await;
    sandbox
        .register(App::service(CLIENT_ID).key(key.public_jwk()).grant(SCOPE).dpop_required(true));
    let issuer = sandbox.issuer();
    let endpoints = issuer.endpoints().unwrap();
    let config = json!({
        "issuer": issuer.as_str(), "token_endpoint": endpoints.token.as_str(),
        "introspection_endpoint": endpoints.introspection.as_str(),
        "revocation_endpoint": endpoints.revocation.as_str(), "clientId": CLIENT_ID,
        "privateKeyPem": pem(&key), "alg": "ES256", "kid": Signer::key_id(&key), "scope": SCOPE,
        "dpop": true, "resource": format!("{issuer}/api/v1/users"),
    });
    let said = tokio::task::spawn_blocking(move || run("oauth4webapi.mjs", &config)).await.unwrap();
    println!("oauth4webapi {} with DPoP and nonces", said["version"]);
    assert_eq!(said["token_type"], "dpop", "{said}");
    assert_eq!(
        (&said["token_requests"], &said["resource_status"]),
        (&json!(2), &json!(200)),
        "{said}"
    );
    assert_eq!((&said["active_before"], &said["active_after"]), (&json!(true), &json!(false)));
}
