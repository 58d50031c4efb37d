//! A server that does not do what it should, and settings that cannot be.

use std::time::Duration;

use chrono::DateTime;
use okta_introspect::{Algorithm, Error, ErrorKind, ManualClock, Secret, Signer};
use okta_introspect_signers::vault::{VaultAuth, VaultSecret, VaultSigner, VaultSignerBuilder};
use test_support::secrets::Secrets;
use test_support::{Act, Peer, reply, reply_with};

use crate::fake::{INPUT, JWT, ROLE, SECRET_ID, Vault, errors};

const TOKEN: &str = "hvs.CAESIGivenTokenOfTheTest";

fn auth() -> VaultAuth {
    VaultAuth::Token(VaultSecret::Text(Secret::new(TOKEN)))
}

fn builder(address: &str) -> VaultSignerBuilder {
    VaultSigner::builder(address, "service-app", auth())
}

async fn signer(vault: &Vault) -> VaultSigner {
    vault.state().tokens.insert(TOKEN.to_owned());
    builder(&vault.address()).connect().await.unwrap()
}

async fn error_of(signer: &VaultSigner) -> Error {
    *signer.sign(INPUT).await.unwrap_err().downcast::<Error>().unwrap()
}

#[test_support::test]
async fn what_the_server_answers_is_an_error_of_its_kind() {
    let vault = Vault::start(Algorithm::Es256).await;
    let signer = signer(&vault).await;
    let elsewhere = Peer::always(Act::Write(reply(200, "application/json", "{}"))).await;
    let location = format!("{}/v1/transit/sign/service-app/sha2-256", elsewhere.issuer());
    let long = format!("{{\"data\":\"{}\"}}", "x".repeat(1024 * 1024));
    for (name, answer, kind) in [
        ("sealed", errors(503, "Vault is sealed"), ErrorKind::ServerFailed),
        ("a standby", errors(473, ""), ErrorKind::ServerFailed),
        ("it fails", errors(500, "internal error"), ErrorKind::ServerFailed),
        ("busy", reply_with(429, &[("retry-after", "7")], "{}"), ErrorKind::RateLimited),
        ("no such key", errors(404, ""), ErrorKind::Configuration),
        ("not for that", errors(400, "unsupported key type"), ErrorKind::Key),
        (
            "another address",
            reply_with(307, &[("location", &location)], ""),
            ErrorKind::Configuration,
        ),
        ("a page", reply(200, "text/html", "<html>Sign in</html>"), ErrorKind::Malformed),
        ("a list", reply(200, "application/json", "[]"), ErrorKind::Malformed),
        ("nothing", reply(204, "application/json", ""), ErrorKind::Malformed),
        ("without end", reply(200, "application/json", &long), ErrorKind::Malformed),
        (
            "half an answer",
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec(),
            ErrorKind::Unreachable,
        ),
    ] {
        vault.state().signs = Some(answer);
        let error = error_of(&signer).await;
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(!error.advice().is_empty(), "{name}");
        if name == "busy" {
            assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        }
    }
    assert_eq!(elsewhere.requests().len(), 0, "no token goes to another address");
}

#[test_support::test]
async fn no_answer_is_an_error_of_its_kind() {
    let clock = ManualClock::stepped(DateTime::UNIX_EPOCH);
    let silent = Peer::always(Act::Silence).await;
    let connecting = builder(&silent.issuer()).clock(clock.clone()).connect();
    let mut connecting = std::pin::pin!(connecting);
    let error = loop {
        tokio::select! {
            biased;
            result = &mut connecting => break result.unwrap_err(),
            () = tokio::task::yield_now() => clock.advance(Duration::from_millis(100)),
        }
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let broken = Peer::always(Act::ResetAtOnce).await;
    let error = builder(&broken.issuer()).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    let error = builder("http://127.0.0.1:1").connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}

#[test_support::test]
async fn a_certificate_of_a_stranger_is_not_trusted() {
    let identity = test_support::tls::authority();
    let body = reply(200, "application/json", "{}");
    let server = test_support::tls::TlsPeer::start(&identity, None, body);
    let error = builder(&server.issuer()).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}

#[test_support::test]
async fn settings_that_cannot_be_are_refused() {
    let address = "https://vault.example:8200";
    let of = |key: &str| VaultSigner::builder(address, key, auth());
    let login = |mount: &str| VaultAuth::Kubernetes {
        mount: mount.to_owned(),
        role: ROLE.to_owned(),
        token_file: "/nowhere".into(),
    };
    for (name, builder) in [
        ("plain http", builder("http://vault.example:8200")),
        ("a path in the name", of("a/b")),
        ("a way out", of("..")),
        ("a query", of("a?b")),
        ("no name", of("")),
        ("a mount that climbs", of("a").mount("transit/../sys")),
        ("no mount", of("a").mount("")),
        ("a namespace with a line break", of("a").namespace("a\nb")),
        ("a login elsewhere", VaultSigner::builder(address, "a", login("../sys"))),
        ("no file", VaultSigner::builder(address, "a", login("kubernetes"))),
        ("no time", of("a").time_limit(Duration::ZERO)),
        (
            "no PEM",
            of("a").authorities("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
        ),
        ("no certificate", of("a").authorities("none")),
    ] {
        let error = builder.connect().await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Configuration, "{name}: {error}");
    }
}

#[test_support::test]
async fn nothing_secret_is_shown() {
    let mut secrets = Secrets::default();
    for (name, secret) in [("token", TOKEN), ("secret id", SECRET_ID), ("JWT", JWT)] {
        secrets.add(name, secret);
    }
    secrets.add("signing input", std::str::from_utf8(INPUT).unwrap());
    let approle = VaultAuth::AppRole {
        mount: "approle".to_owned(),
        role_id: "another".to_owned(),
        secret_id: Some(VaultSecret::Text(Secret::new(SECRET_ID))),
    };
    let vault = Vault::start(Algorithm::Es256).await;
    let signer = signer(&vault).await;
    let builder = VaultSigner::builder(vault.address(), "service-app", approle.clone());
    let mut shown = vec![format!("{approle:?} {builder:?} {signer:?} {:?}", auth())];
    shown.push(format!("{:?}", builder.connect().await.unwrap_err()));
    let input = std::str::from_utf8(INPUT).unwrap();
    for answer in [
        errors(400, &format!("cannot sign {input} with {TOKEN}")),
        errors(403, &format!("{TOKEN} may not")),
        reply(200, "text/plain", TOKEN),
    ] {
        vault.state().signs = Some(answer);
        let error = error_of(&signer).await;
        shown.push(format!("{error} {error:?} {}", error.advice()));
    }
    for text in shown {
        secrets.assert_absent("vault", &text);
    }
}
