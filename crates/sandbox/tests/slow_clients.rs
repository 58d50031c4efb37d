//! Clients that begin to say something and do not go on.

use okta_sandbox::{Sandbox, SandboxBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

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
