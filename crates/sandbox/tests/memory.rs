//! How much memory requests take. It measures its process: the unit tests beside it take little.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout)] // the figure is there to be read

use okta_sandbox::Sandbox;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MIB: usize = 1024 * 1024;

/// The memory of this process that is in use, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// Sends as many requests with this body, without credentials.
async fn send(sandbox: &Sandbox, requests: usize, body: &str) {
    let head = format!(
        "POST /oauth2/v1/token HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..requests {
        let mut stream = TcpStream::connect(sandbox.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 40"), "{answer}");
    }
}

#[test_support::test]
async fn thousands_of_long_requests_take_less_than_64_mib() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    // As many members as there can be, and one that the log tells of.
    let (many, long) = ("a&".repeat(128 * 1024), format!("scope={}", "a".repeat(255 * 1024)));
    send(&sandbox, 1, &many).await;
    let before = resident();
    send(&sandbox, 1000, &many).await;
    send(&sandbox, 1000, &long).await;
    let grown = resident().saturating_sub(before);
    println!("2,000 requests of 256 KiB: {:.1} MiB more", grown as f64 / MIB as f64);
    assert!(grown < 64 * MIB, "{} MiB", grown / MIB);
    assert!(sandbox.requests().len() > 100, "the latest are kept");
}
