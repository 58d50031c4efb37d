//! A client whose key is in a token, against a server.

use std::sync::Arc;

use okta_introspect::sandbox::{App, Sandbox};
use okta_introspect::{Algorithm, Client, DpopConfig, DpopMode, KeyOptions, Scopes, TokenType};
use okta_introspect_signers::pkcs11::Pkcs11Key;

use crate::token::{Kind, with};

const ID: &str = "0oa1service";
const SCOPE: &str = "okta.users.read";

async fn sandbox(key: &Pkcs11Key, dpop: bool) -> Sandbox {
    let app = App::service(ID).key(key.public_jwk()).grant(SCOPE).dpop_required(dpop);
    Sandbox::builder().app(app).start().await.unwrap()
}

fn client(sandbox: &Sandbox, key: &Pkcs11Key, dpop: DpopMode) -> Client {
    Client::builder(sandbox.issuer(), ID, key.clone()).dpop(DpopConfig::new(dpop)).build().unwrap()
}

/// Token, introspection and revocation, with bound tokens and without.
async fn every_call(key: &Pkcs11Key) {
    let scopes = Scopes::parse(SCOPE).unwrap();
    for (mode, kind) in [(DpopMode::Never, TokenType::Bearer), (DpopMode::Always, TokenType::Dpop)]
    {
        let sandbox = sandbox(key, mode == DpopMode::Always).await;
        let client = client(&sandbox, key, mode);
        let token = client.request_token(&scopes).await.unwrap();
        assert_eq!(token.token_type(), kind);
        assert!(client.introspect(token.token(), None).await.unwrap().active);
        client.revoke(token.token(), None).await.unwrap();
        assert!(!client.introspect(token.token(), None).await.unwrap().active);
    }
}

async fn with_every_key(kind: Kind, name: &str, keys: &[(&str, Algorithm, u32)]) {
    let Some(token) = with(kind, name) else { return };
    for (label, algorithm, bits) in keys {
        token.make(label, *algorithm, *bits);
        every_call(&token.open(label, &KeyOptions::default().key_id("k1"))).await;
    }
}

#[test_support::test]
async fn soft_hsm_gets_tokens_introspects_and_revokes() {
    let keys = [
        ("r2048", Algorithm::Rs256, 2048),
        ("r3072", Algorithm::Rs256, 3072),
        ("p256", Algorithm::Es256, 0),
        ("p384", Algorithm::Es384, 0),
        ("p521", Algorithm::Es512, 0),
    ];
    let name = "requests::soft_hsm_gets_tokens_introspects_and_revokes";
    with_every_key(Kind::SoftHsm, name, &keys).await;
}

#[test_support::test]
async fn a_tpm_gets_tokens_introspects_and_revokes() {
    let keys = [("r2048", Algorithm::Rs256, 2048), ("p256", Algorithm::Es256, 0)];
    let name = "requests::a_tpm_gets_tokens_introspects_and_revokes";
    with_every_key(Kind::Tpm, name, &keys).await;
}

async fn a_hundred_at_once(kind: Kind, name: &str) {
    let Some(token) = with(kind, name) else { return };
    token.make("p256", Algorithm::Es256, 0);
    let key = token.open("p256", &KeyOptions::default().key_id("k1"));
    let sandbox = sandbox(&key, false).await;
    let client = Arc::new(client(&sandbox, &key, DpopMode::Never));
    let token = client.request_token(&Scopes::parse(SCOPE).unwrap()).await.unwrap();
    let asked: Vec<_> = (0..100)
        .map(|_| {
            let (client, token) = (Arc::clone(&client), token.token().clone());
            tokio::spawn(async move { client.introspect(&token, None).await.map(|it| it.active) })
        })
        .collect();
    for answer in asked {
        assert!(answer.await.unwrap().unwrap());
    }
}

#[test_support::test(multi_thread)]
async fn a_hundred_at_once_on_many_threads() {
    a_hundred_at_once(Kind::SoftHsm, "requests::a_hundred_at_once_on_many_threads").await;
}

#[test_support::test]
async fn a_hundred_at_once_on_one_thread() {
    a_hundred_at_once(Kind::SoftHsm, "requests::a_hundred_at_once_on_one_thread").await;
}

#[test_support::test]
async fn a_hundred_at_once_at_a_tpm() {
    a_hundred_at_once(Kind::Tpm, "requests::a_hundred_at_once_at_a_tpm").await;
}
