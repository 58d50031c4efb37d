//! TLS: whom the client trusts, what it says when it does not, and that it does not try again.

#![allow(clippy::print_stdout)] // the rows are there to be read

use std::io::{Read, Write};
use std::sync::atomic::Ordering;

use okta_introspect::{ErrorKind, HttpConfig, Introspection};
use openssl::ssl::SslVersion;
use test_support::reply;
use test_support::tls::{Identity, TlsPeer, authority, authority_for, issue};

use crate::support::{all_text, builder, clock, token};

const DAY: i64 = 86_400;

async fn introspect(
    peer: &TlsPeer,
    roots: &[&Identity],
) -> Result<Introspection, okta_introspect::Error> {
    let mut http = HttpConfig::default();
    for root in roots {
        http.extra_roots.extend(root.certificate.to_pem().unwrap());
    }
    builder(&peer.issuer(), &clock()).http(http).build().unwrap().introspect(&token(), None).await
}

fn answer() -> Vec<u8> {
    reply(200, "application/json", r#"{"active":true}"#)
}

#[test_support::test(multi_thread)]
async fn a_server_of_our_own_authority_is_trusted_when_the_authority_is_named() {
    let (own, other) = (authority(), authority());
    for newest in [None, Some(SslVersion::TLS1_2)] {
        let peer = TlsPeer::start(&issue(&own, "localhost", DAY), newest, answer());
        assert!(introspect(&peer, &[&other, &own]).await.unwrap().active);
    }
}

#[test_support::test(multi_thread)]
async fn what_cannot_be_trusted_is_said_once_and_nothing_is_sent() {
    let (own, other) = (authority(), authority());
    let (myself, old) = (authority_for("localhost"), Some(SslVersion::TLS1_1));
    for (name, identity, newest, root, says, advises) in [
        ("expired", issue(&own, "localhost", -DAY / 2), None, &own, "expired", "certificate"),
        ("other host", issue(&own, "other.example", DAY), None, &own, "other names", "certificate"),
        ("authority", issue(&own, "localhost", DAY), None, &other, "accepted", "certificate"),
        ("own authority", myself.clone(), None, &myself, "CaUsedAsEndEntity", "certificate"),
        ("TLS 1.1", issue(&own, "localhost", DAY), old, &own, "no safe version", "TLS 1.2"),
    ] {
        let peer = TlsPeer::start(&identity, newest, answer());
        let error = introspect(&peer, &[root]).await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{name}: {error}");
        assert!(error.to_string().contains("could not be trusted"), "{name}: {}", all_text(&error));
        assert!(error.to_string().contains(says), "{name}: {}", all_text(&error));
        assert!(error.advice().contains(advises), "{name}: {}", error.advice());
        assert_eq!(peer.connections.load(Ordering::SeqCst), 1, "{name}: tried again in vain");
        assert_eq!(peer.requests.load(Ordering::SeqCst), 0, "{name}");
        assert!(!all_text(&error).contains(crate::support::TOKEN), "{name}");
        println!("{name:<44} {:<16} 0 (1 connection)", "Unreachable");
    }
}

#[test_support::test(multi_thread)]
async fn a_server_without_tls_is_said_to_have_none() {
    for answer in [reply(400, "text/plain", "plain HTTP"), b"220 mail.example ESMTP\r\n".to_vec()] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("https://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(&answer).unwrap();
            // Until the client hangs up.
            let _ = stream.read_to_end(&mut Vec::new());
            listener.set_nonblocking(true).unwrap();
            listener.accept().is_err()
        });
        let client = builder(&issuer, &clock()).build().unwrap();
        let error = client.introspect(&token(), None).await.unwrap_err();
        assert!(error.to_string().contains("does not speak it"), "{}", all_text(&error));
        assert!(error.advice().contains("port"), "{}", error.advice());
        assert_eq!(error.attempts().unwrap().count, 1);
        assert!(server.join().unwrap(), "tried again in vain");
    }
}

#[cfg(feature = "native-tls")]
#[test_support::test(multi_thread)]
async fn the_operating_systems_library_is_not_asked_again_either() {
    let (own, other) = (authority(), authority());
    let old = Some(SslVersion::TLS1_1);
    for (name, identity, newest, root) in [
        ("unknown authority", issue(&own, "localhost", DAY), None, &other),
        ("TLS 1.1", issue(&own, "localhost", DAY), old, &own),
    ] {
        let peer = TlsPeer::start(&identity, newest, answer());
        let mut http = HttpConfig::default();
        http.tls = okta_introspect::TlsBackend::Native;
        http.extra_roots = root.certificate.to_pem().unwrap();
        let client = builder(&peer.issuer(), &clock()).http(http).build().unwrap();
        let error = client.introspect(&token(), None).await.expect_err(name);
        assert!(error.to_string().contains("could not be trusted"), "{name}: {}", all_text(&error));
        assert_eq!(peer.connections.load(Ordering::SeqCst), 1, "{name}: tried again in vain");
    }
}

#[test]
fn authorities_that_are_none_are_refused_when_building() {
    for (name, pem) in [
        ("not PEM", b"hello".to_vec()),
        ("a key", authority().key.private_key_to_pem_pkcs8().unwrap()),
        ("damaged", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec()),
    ] {
        let mut http = HttpConfig::default();
        http.extra_roots = pem;
        let made = builder("https://localhost:1", &clock()).http(http).build();
        let error = made.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Configuration, "{name}");
        assert!(!all_text(&error).contains("PRIVATE"), "{name}");
    }
}
