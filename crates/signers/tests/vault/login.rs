//! How the signer comes to a token, and keeps one.

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use okta_introspect::{Algorithm, Error, ErrorKind, ManualClock, Secret, Signer};
use okta_introspect_signers::vault::{VaultAuth, VaultSecret, VaultSigner, VaultSignerBuilder};
use tokio::task::JoinSet;

use crate::fake::{INPUT, JWT, ROLE, SECRET_ID, Vault};

fn approle(vault: &Vault, secret_id: &str) -> VaultSignerBuilder {
    let auth = VaultAuth::AppRole {
        mount: VaultAuth::APPROLE_MOUNT.to_owned(),
        role_id: ROLE.to_owned(),
        secret_id: Some(VaultSecret::Text(Secret::new(secret_id))),
    };
    VaultSigner::builder(vault.address(), "service-app", auth)
}

fn clock() -> ManualClock {
    ManualClock::stepped(DateTime::UNIX_EPOCH)
}

async fn error_of(signer: &VaultSigner) -> Error {
    *signer.sign(INPUT).await.unwrap_err().downcast::<Error>().unwrap()
}

#[test_support::test]
async fn one_login_serves_a_hundred_and_is_renewed_in_time() {
    let (vault, clock) = (Vault::start(Algorithm::Es256).await, clock());
    let signer = approle(&vault, SECRET_ID).clock(clock.clone()).connect().await.unwrap();
    let signer = Arc::new(signer);
    let sign_many = || {
        let mut signatures = JoinSet::new();
        for _ in 0..50 {
            let signer = Arc::clone(&signer);
            signatures.spawn(async move { signer.sign(INPUT).await.unwrap() });
        }
        signatures.join_all()
    };
    let counts = || vault.counts();
    sign_many().await;
    assert_eq!(counts(), (1, 0));
    clock.advance(Duration::from_millis(399_999));
    sign_many().await;
    assert_eq!(counts(), (1, 0), "before two thirds of ten minutes");
    clock.advance(Duration::from_millis(1));
    sign_many().await;
    assert_eq!(counts(), (1, 1));
    clock.advance(Duration::from_secs(600));
    sign_many().await;
    assert_eq!(counts(), (2, 1), "what has ended is not renewed");
}

#[test_support::test]
async fn a_lease_that_grows_no_longer_is_exchanged() {
    let (vault, clock) = (Vault::start(Algorithm::Es256).await, clock());
    let signer = approle(&vault, SECRET_ID).clock(clock.clone()).connect().await.unwrap();
    // The longest that the token may live has been reached: a renewal gives no more.
    vault.state().lease = 1;
    clock.advance(Duration::from_secs(400));
    signer.sign(INPUT).await.unwrap();
    assert_eq!(vault.counts(), (1, 1));
    clock.advance(Duration::from_secs(1));
    vault.state().lease = 600;
    signer.sign(INPUT).await.unwrap();
    assert_eq!(vault.state().logins, 2);
}

#[test_support::test]
async fn a_token_that_is_refused_is_exchanged_once() {
    let vault = Vault::start(Algorithm::Es256).await;
    let signer = Arc::new(approle(&vault, SECRET_ID).connect().await.unwrap());
    vault.state().tokens.clear();
    let mut signatures = JoinSet::new();
    for _ in 0..20 {
        let signer = Arc::clone(&signer);
        signatures.spawn(async move { signer.sign(INPUT).await.unwrap() });
    }
    signatures.join_all().await;
    assert_eq!(vault.state().logins, 2, "one for all");

    // The policy does not allow it, whatever the token.
    vault.state().signs = Some(crate::fake::errors(403, "permission denied"));
    let before = vault.signed().len();
    let error = error_of(&signer).await;
    assert_eq!(error.kind(), ErrorKind::ClientRefused);
    assert!(error.advice().contains("policy"), "{error:?}");
    assert_eq!(vault.signed().len() - before, 2, "and not again");
}

#[test_support::test]
async fn a_login_that_is_refused_is_told_and_not_tried_by_all() {
    let vault = Vault::start(Algorithm::Es256).await;
    let error = approle(&vault, "another").connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    assert!(error.to_string().contains("to log in"), "{error}");

    let clock = clock();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret-id");
    std::fs::write(&file, format!("{SECRET_ID}\n")).unwrap();
    let auth = VaultAuth::AppRole {
        mount: "approle".to_owned(),
        role_id: ROLE.to_owned(),
        secret_id: Some(VaultSecret::File(file.clone())),
    };
    let signer = VaultSigner::builder(vault.address(), "service-app", auth).clock(clock.clone());
    let signer = Arc::new(signer.connect().await.unwrap());
    std::fs::write(&file, "another").unwrap();
    clock.advance(Duration::from_secs(600));
    let before = vault.of("/v1/auth/approle/login").len();
    for _ in 0..20 {
        error_of(&signer).await;
    }
    assert_eq!(vault.of("/v1/auth/approle/login").len() - before, 1);
    std::fs::write(&file, SECRET_ID).unwrap();
    clock.advance(Duration::from_secs(1));
    signer.sign(INPUT).await.unwrap();
}

#[test_support::test]
async fn a_token_s_file_is_read_again_when_the_token_is_refused() {
    let vault = Vault::start(Algorithm::Es256).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    vault.state().tokens.insert("hvs.First".to_owned());
    std::fs::write(&file, "hvs.First\n").unwrap();
    let auth = VaultAuth::Token(VaultSecret::File(file.clone()));
    let signer =
        VaultSigner::builder(vault.address(), "service-app", auth).connect().await.unwrap();
    vault.state().tokens = ["hvs.Second".to_owned()].into();
    let error = error_of(&signer).await;
    assert_eq!(error.kind(), ErrorKind::ClientRefused, "the file has the same");
    std::fs::write(&file, "hvs.Second\n").unwrap();
    signer.sign(INPUT).await.unwrap();
    std::fs::remove_file(&file).unwrap();
    vault.state().tokens.clear();
    assert_eq!(error_of(&signer).await.kind(), ErrorKind::Configuration);
}

#[test_support::test]
async fn a_pod_logs_in_with_its_service_account() {
    let (vault, clock) = (Vault::start(Algorithm::Es256).await, clock());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "old").unwrap();
    let auth = VaultAuth::Kubernetes {
        mount: VaultAuth::KUBERNETES_MOUNT.to_owned(),
        role: ROLE.to_owned(),
        token_file: file.clone(),
    };
    let builder = || VaultSigner::builder(vault.address(), "service-app", auth.clone());
    assert_eq!(builder().connect().await.unwrap_err().kind(), ErrorKind::Key);
    // Kubernetes exchanges it.
    std::fs::write(&file, JWT).unwrap();
    let signer = builder().clock(clock.clone()).connect().await.unwrap();
    clock.advance(Duration::from_secs(601));
    signer.sign(INPUT).await.unwrap();
    assert_eq!(vault.state().logins, 2);
}
