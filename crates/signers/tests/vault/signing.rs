//! What is sent to Vault, and what is made of its answers.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use okta_introspect::{Algorithm, Error, ErrorKind, Secret, Signer, SigningKey};
use okta_introspect_signers::vault::{VaultAuth, VaultSecret, VaultSigner, VaultSignerBuilder};
use openssl::hash::{MessageDigest, hash};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::fake::{INPUT, Vault, errors, pkey};

const TOKEN: &str = "hvs.CAESIGivenTokenOfTheTest";

fn builder(vault: &Vault) -> VaultSignerBuilder {
    vault.state().tokens.insert(TOKEN.to_owned());
    let auth = VaultAuth::Token(VaultSecret::Text(Secret::new(TOKEN)));
    VaultSigner::builder(vault.address(), "service-app", auth)
}

#[test_support::test]
async fn each_algorithm_is_asked_for_in_its_way_and_only_the_digest_leaves() {
    for (algorithm, made_for, hash_name, form) in [
        (Algorithm::Es256, Algorithm::Es256, "sha2-256", json!({"marshaling_algorithm": "jws"})),
        (Algorithm::Es384, Algorithm::Es384, "sha2-384", json!({"marshaling_algorithm": "jws"})),
        (Algorithm::Es512, Algorithm::Es512, "sha2-512", json!({"marshaling_algorithm": "jws"})),
        (
            Algorithm::Rs256,
            Algorithm::Rs256,
            "sha2-256",
            json!({"signature_algorithm": "pkcs1v15"}),
        ),
        (
            Algorithm::Ps384,
            Algorithm::Rs256,
            "sha2-384",
            json!({"signature_algorithm": "pss", "salt_length": "hash"}),
        ),
    ] {
        let vault = Vault::start(made_for).await;
        let signer =
            builder(&vault).namespace("team/orders").algorithm(algorithm).connect().await.unwrap();
        assert_eq!((signer.algorithm(), signer.key_id()), (algorithm, Some("service-app-v1")));
        let signature = signer.sign(INPUT).await.unwrap();
        assert!(signer.public_jwk().unwrap().verifies(INPUT, &signature), "{algorithm}");

        let [request] = &vault.signed()[..] else { panic!("one request to sign") };
        assert_eq!(request.method, "POST");
        assert_eq!(request.target, format!("/v1/transit/sign/service-app/{hash_name}"));
        let digest = match hash_name {
            "sha2-256" => MessageDigest::sha256(),
            "sha2-384" => MessageDigest::sha384(),
            _ => MessageDigest::sha512(),
        };
        let digest = STANDARD.encode(hash(digest, INPUT).unwrap());
        let mut expected = json!({"input": digest, "prehashed": true, "key_version": 1});
        expected.as_object_mut().unwrap().extend(form.as_object().unwrap().clone());
        assert_eq!(serde_json::from_str::<Value>(&request.body).unwrap(), expected);
        for request in vault.peer.requests() {
            assert_eq!(request.header("x-vault-namespace"), Some("team/orders"));
            assert_eq!(request.header("x-vault-token"), Some(TOKEN));
            let whole = format!("{request:?}");
            assert_eq!(whole.matches(TOKEN).count(), 1, "in its header alone");
            assert!(!whole.contains(std::str::from_utf8(INPUT).unwrap()));
            let usual = [
                "x-vault-request",
                "x-vault-namespace",
                "x-vault-token",
                "host",
                "accept",
                "content-type",
                "content-length",
            ];
            assert!(
                request
                    .headers
                    .iter()
                    .all(|(name, _)| usual.contains(&name.to_lowercase().as_str())),
                "{whole}"
            );
        }
    }
}

#[test_support::test]
async fn a_hundred_at_once_are_each_the_right_one() {
    let vault = Vault::start(Algorithm::Es256).await;
    let signer = Arc::new(builder(&vault).connect().await.unwrap());
    let mut signatures = JoinSet::new();
    for number in 0..100 {
        let signer = Arc::clone(&signer);
        // Each is verified by the signer itself.
        signatures
            .spawn(async move { signer.sign(format!("e30.{number}").as_bytes()).await.unwrap() });
    }
    assert_eq!(signatures.join_all().await.len(), 100);
}

#[test_support::test]
async fn a_version_is_kept_to_and_a_later_one_is_told() {
    let vault = Vault::start(Algorithm::Es256).await;
    let signer = builder(&vault).key_id("k1").connect().await.unwrap();
    assert!(signer.newer(None).await.unwrap().is_none());

    vault.state().keys.push(pkey(Algorithm::Es256));
    let signature = signer.sign(INPUT).await.unwrap();
    assert!(signer.public_jwk().unwrap().verifies(INPUT, &signature));
    let newer = signer.newer(Some("k2")).await.unwrap().unwrap();
    assert_eq!((newer.version(), newer.key_id()), (2, Some("k2")));
    assert_ne!(newer.public_jwk().unwrap().thumbprint(), signer.public_jwk().unwrap().thumbprint());
    newer.sign(INPUT).await.unwrap();

    let first = builder(&vault).version(1).connect().await.unwrap();
    assert_eq!(first.public_jwk().unwrap().thumbprint(), signer.public_jwk().unwrap().thumbprint());
    let error = builder(&vault).version(3).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    assert!(error.to_string().contains("the latest is 2"), "{error}");
}

#[test_support::test]
async fn another_version_or_key_or_form_is_refused() {
    let vault = Vault::start(Algorithm::Es256).await;
    let signer = builder(&vault).connect().await.unwrap();
    let other = SigningKey::generate(Algorithm::Es256).unwrap().sign_blocking(INPUT).unwrap();
    let other = STANDARD.encode(other);
    for (signature, kind) in [
        (format!("vault:v1:{other}"), ErrorKind::Key),
        (format!("vault:v2:{other}"), ErrorKind::Key),
        ("vault:v1:AQID".to_owned(), ErrorKind::Key),
        ("vault:v1:!".to_owned(), ErrorKind::Malformed),
        ("vault:v1".to_owned(), ErrorKind::Malformed),
        (String::new(), ErrorKind::Malformed),
    ] {
        let body = json!({"data": {"signature": signature}}).to_string();
        vault.state().signs = Some(test_support::reply(200, "application/json", &body));
        let error = signer.sign(INPUT).await.unwrap_err().downcast::<Error>().unwrap();
        assert_eq!(error.kind(), kind, "{signature}: {error}");
    }
    vault.state().signs = Some(errors(
        400,
        "requested version for signing is less than the minimum encryption key version",
    ));
    let error = signer.sign(INPUT).await.unwrap_err().downcast::<Error>().unwrap();
    assert_eq!(error.kind(), ErrorKind::Key);
    assert!(error.to_string().contains("minimum encryption key version"), "{error}");
}

#[test_support::test]
async fn code_that_is_not_asynchronous_can_have_it_too() {
    let vault = Vault::start(Algorithm::Es256).await;
    let builder = builder(&vault);
    let signer = tokio::task::spawn_blocking(|| builder.connect_blocking()).await.unwrap().unwrap();
    signer.sign(INPUT).await.unwrap();
    assert_eq!(vault.of("/v1/auth/token/lookup-self").len(), 1, "the token is kept");
}
