//! Clients that begin to say something and do not go on.

use okta_sandbox::{Sandbox, SandboxBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, IpAddr, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Says this to the sandbox, and gives what comes until the connection ends.
async fn said(builder: SandboxBuilder, begin: &str) -> String {
    let sandbox = builder.start().await.unwrap();
    let mut stream = TcpStream::connect(sandbox.address()).await.unwrap();
    stream.write_all(begin.as_bytes()).await.unwrap();
    let start = Instant::now();
    // Time goes on only while nothing happens.
    tokio::time::pause();
    let mut answer = String::new();
    // A reset is an end as well.
    let _ = stream.read_to_string(&mut answer).await;
    assert_eq!(start.elapsed().as_secs(), 30, "{begin}");
    answer
}

#[test_support::test]
async fn half_a_request_ends_with_its_connection() {
    assert_eq!(said(Sandbox::builder(), "GET /oauth2/v1/keys HTTP/1.1\r\nhost: a").await, "");
}

#[test_support::test]
async fn a_connection_without_a_request_ends() {
    assert_eq!(said(Sandbox::builder(), "").await, "");
}

#[test_support::test]
async fn half_a_body_is_refused() {
    let head = "POST /oauth2/v1/token HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\ngrant";
    assert!(said(Sandbox::builder(), head).await.starts_with("HTTP/1.1 400"));
}

#[test_support::test]
async fn half_a_handshake_ends_with_its_connection() {
    assert_eq!(said(Sandbox::builder().tls_self_made(), "\u{16}\u{3}\u{1}").await, "");
}

/// As [`said`], over HTTP/2; nothing that can be read comes.
async fn said_over_http_2(begin: &[u8]) {
    let sandbox = Sandbox::builder().tls_self_made().start().await.unwrap();
    let mut roots = RootCertStore::empty();
    let ca = sandbox.ca_pem().unwrap();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(sandbox.address()).await.unwrap();
    let name = ServerName::IpAddress(IpAddr::from(sandbox.address().ip()));
    let connector = TlsConnector::from(std::sync::Arc::new(config));
    let mut stream = connector.connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    stream.write_all(begin).await.unwrap();
    stream.flush().await.unwrap();
    let start = Instant::now();
    tokio::time::pause();
    let _ = stream.read_to_end(&mut Vec::new()).await;
    assert_eq!(start.elapsed().as_secs(), 30, "{begin:?}");
}

/// What a connection begins with, and its empty SETTINGS (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[test_support::test]
async fn a_connection_of_http_2_without_a_request_ends() {
    said_over_http_2(PREFACE).await;
}

#[test_support::test]
async fn a_connection_that_does_not_even_begin_http_2_ends() {
    said_over_http_2(b"").await;
}

#[test_support::test]
async fn half_a_request_of_http_2_ends_with_its_connection() {
    // HEADERS with `:method: GET` alone and no END_HEADERS, so that more must follow (RFC 9113 §6.2).
    said_over_http_2(&[PREFACE, b"\0\0\x01\x01\0\0\0\0\x01\x82"].concat()).await;
}
