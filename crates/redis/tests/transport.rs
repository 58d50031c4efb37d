//! The contract over each way to a server.

use std::path::PathBuf;
use std::time::Duration;

use okta_introspect::{Error, ErrorKind, Secret};
use okta_introspect_redis::{RedisStore, RedisStoreBuilder};
use test_support::tls::{Identity, authority, issue};

use crate::contract;
use crate::server::{Server, file, has};

fn build(builder: RedisStoreBuilder) -> RedisStore {
    builder.build().unwrap()
}

#[test_support::test]
async fn redis_holds_the_contract() {
    let Some(server) = Server::start("the contract on Redis", &[]) else { return };
    let store = build(RedisStore::builder(&server.url()));
    store.check().await.unwrap();
    contract::holds(&store).await;
    // Scripts are called by their digests once they are known.
    let texts = server.info("cmdstat_eval");
    assert!(texts.starts_with("calls=6,"), "{texts}");
}

#[test_support::test]
async fn valkey_holds_the_contract() {
    if !has("valkey-server", "the contract on Valkey") {
        return;
    }
    let server = Server::of("valkey-server", &[]);
    contract::holds(&build(RedisStore::builder(&server.url()))).await;
}

#[test_support::test]
async fn another_database_is_taken_with_its_number() {
    let Some(server) = Server::start("databases", &[]) else { return };
    for store in [
        build(RedisStore::builder(&format!("{}/3", server.url()))),
        build(RedisStore::builder(&server.url()).database(4)),
    ] {
        contract::holds(&store).await;
    }
    assert_eq!(server.run(&["DBSIZE"]), "0");
}

/// Certificates in a folder.
struct Certificates {
    folder: tempfile::TempDir,
    authority: Identity,
}

impl Certificates {
    fn new() -> Self {
        let certificates = Self { folder: tempfile::tempdir().unwrap(), authority: authority() };
        certificates.write("ca", &certificates.authority);
        certificates
    }

    fn write(&self, name: &str, identity: &Identity) -> (PathBuf, PathBuf) {
        let certificate = identity.certificate.to_pem().unwrap();
        let key = identity.key.private_key_to_pem_pkcs8().unwrap();
        (
            file(self.folder.path(), &format!("{name}.pem"), certificate),
            file(self.folder.path(), &format!("{name}.key"), key),
        )
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A server with a certificate for this host, and the URL to it.
    fn server(&self, host: &str, until: i64, clients: &str) -> (Server, String) {
        let (certificate, key) = self.write("server", &issue(&self.authority, host, until));
        let port = crate::server::free_port();
        let server = Server::of(
            "redis-server",
            &[
                &format!("--tls-port {port}"),
                &format!("--tls-cert-file {}", certificate.display()),
                &format!("--tls-key-file {}", key.display()),
                &format!("--tls-ca-cert-file {}", self.ca().display()),
                &format!("--tls-auth-clients {clients}"),
            ],
        );
        (server, format!("rediss://localhost:{port}"))
    }
}

#[test_support::test]
async fn tls_is_spoken_with_an_authority_of_ones_own() {
    if !has("redis-server", "TLS") {
        return;
    }
    let certificates = Certificates::new();
    let (_server, url) = certificates.server("localhost", 3600, "no");
    contract::holds(&build(RedisStore::builder(&url).ca_file(certificates.ca()))).await;
}

#[test_support::test]
async fn a_certificate_that_is_not_right_is_refused() {
    if !has("redis-server", "wrong certificates") {
        return;
    }
    let (ours, theirs) = (Certificates::new(), Certificates::new());
    let refusal = async |store: RedisStore| {
        let error = store.check().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        error.to_string()
    };
    let (_server, url) = ours.server("localhost", 3600, "no");
    let why = refusal(build(RedisStore::builder(&url).ca_file(theirs.ca()))).await;
    assert!(why.contains("an authority that is not trusted"), "{why}");
    let why = refusal(build(RedisStore::builder(&url))).await;
    assert!(why.contains("an authority that is not trusted"), "the system's: {why}");
    let (_server, url) = ours.server("redis.example", 3600, "no");
    let why = refusal(build(RedisStore::builder(&url).ca_file(ours.ca()))).await;
    assert!(why.contains("for another host"), "{why}");
    let (server, url) = ours.server("localhost", -60, "no");
    let why = refusal(build(RedisStore::builder(&url).ca_file(ours.ca()))).await;
    assert!(why.contains("has expired"), "{why}");
    // Each side waits for the other to say more.
    let plain = server.url().replace("redis://127.0.0.1", "rediss://localhost");
    let store = RedisStore::builder(&plain).ca_file(ours.ca());
    let error = build(store.connect_timeout(Duration::from_millis(100))).check().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert!(error.to_string().contains("may not speak TLS"), "{error}");
    let error = build(RedisStore::builder(&url.replace("rediss", "redis"))).check().await;
    assert!([ErrorKind::Malformed, ErrorKind::Unreachable].contains(&error.unwrap_err().kind()));
}

#[test_support::test]
async fn a_clients_certificate_is_shown_where_it_is_demanded() {
    if !has("redis-server", "client certificates") {
        return;
    }
    let certificates = Certificates::new();
    let (_server, url) = certificates.server("localhost", 3600, "yes");
    let (certificate, key) =
        certificates.write("client", &issue(&certificates.authority, "client", 3600));
    let with = RedisStore::builder(&url)
        .ca_file(certificates.ca())
        .client_certificate_files(certificate, key);
    build(with).check().await.unwrap();
    let without = build(RedisStore::builder(&url).ca_file(certificates.ca()));
    let error = without.check().await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[test]
fn settings_are_checked_when_the_store_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let text = file(folder.path(), "text", "hunter2");
    let empty = file(folder.path(), "empty", "\n");
    let long = file(folder.path(), "long", "x".repeat(20_000));
    let none = folder.path().join("none");
    let plain = || RedisStore::builder("redis://h");
    let full = || RedisStore::builder("redis://me:hunter2@h/1");
    let password = || Secret::new("hunter2");
    let cases: Vec<(&str, RedisStoreBuilder)> = vec![
        ("begins with", RedisStore::builder("hunter2")),
        ("the user of Redis is given twice", full().username("me")),
        ("the password of Redis is given twice", full().password(password())),
        ("the password of Redis is given twice", plain().password(password()).password_file(&text)),
        ("the database of Redis is given twice", full().database(1)),
        ("without a password", plain().username("me")),
        ("no database but 0", RedisStore::builder("redis://a,b/1")),
        ("cannot be read", plain().password_file(&none)),
        ("not a regular file", plain().password_file(folder.path())),
        ("is empty", plain().password_file(&empty)),
        ("longer than", plain().password_file(&long)),
        ("with rediss:// alone", plain().ca_file(&text)),
        ("no certificates in PEM", RedisStore::builder("rediss://h").ca_file(&text)),
        ("from 1 ms to 60 s", plain().connect_timeout(Duration::ZERO)),
        ("from 1 ms to 60 s", plain().connect_timeout(Duration::MAX)),
    ];
    for (expected, builder) in cases {
        let shown = format!("{builder:?}");
        let error: Error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        for text in [shown, format!("{error:?}"), error.to_string()] {
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
