//! What is spoken, by whom, and what is refused of it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

#[test_support::test]
async fn the_kernel_names_a_unix_peer_for_every_request_of_its_connection() {
    let served = Served::unix(Limits::default()).await;
    let mut stream = served.connect().await;
    let uid = rustix_free_uid();
    for _ in 0..2 {
        let said = ask(&mut stream, "/").await;
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
        assert!(said.contains(&format!("Unix {{ uid: {uid}, ")), "{said}");
        assert!(said.ends_with(&format!("pid: Some({pid}) }}")), "{said}");
    }
    assert_eq!(served.metrics.requests(Outcome::Allowed), 2);
    drop(stream);
    served.until(|metrics| metrics.connections() == 0).await;
    assert_eq!(served.servers.connections(), 0);
}

/// The user of this process, by a file that it makes.
fn rustix_free_uid() -> u32 {
    use std::os::unix::fs::MetadataExt;
    tempfile::tempfile().unwrap().metadata().unwrap().uid()
}

#[test_support::test]
async fn http2_is_spoken_on_the_same_socket_without_tls() {
    let served = Served::unix(Limits::default()).await;
    let mut stream = served.connect().await;
    // A byte first: the beginning may come in pieces.
    stream.write_all(&PREFACE[..1]).await.unwrap();
    stream.write_all(&[&PREFACE[1..], &get(1)[..]].concat()).await.unwrap();
    let body = frame(&mut stream, DATA).await;
    assert!(String::from_utf8(body).unwrap().starts_with("Unix {"));
    let mut other = served.connect().await;
    assert!(ask(&mut other, "/").await.starts_with("HTTP/1.1 200"));
}

#[test_support::test]
async fn garbage_and_huge_heads_are_refused_and_harm_nobody() {
    let served = Served::unix(Limits::default()).await;
    let mut good = served.connect().await;
    let head = |bytes: usize| {
        let value = "a".repeat(bytes - "GET / HTTP/1.1\r\nhost: a\r\nx: \r\n\r\n".len());
        format!("GET / HTTP/1.1\r\nhost: a\r\nx: {value}\r\n\r\n").into_bytes()
    };
    let many = "x: y\r\n".repeat(1_000);
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("garbage", vec![0x16; 300], "HTTP/1.1 400"),
        ("no version", b"GET /\r\n\r\n".to_vec(), "HTTP/1.1 400"),
        (
            "two lengths",
            b"GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_vec(),
            "HTTP/1.1 400",
        ),
        ("many", format!("GET / HTTP/1.1\r\n{many}\r\n").into_bytes(), "HTTP/1.1 431"),
        ("huge", head(64 * 1024), "HTTP/1.1 431"),
        ("endless", vec![b'a'; 1024 * 1024], "HTTP/1.1 4"),
    ];
    for (name, bytes, said) in &cases {
        let mut stream = served.connect().await;
        // Refused before all has been read.
        let _ = stream.write_all(bytes).await;
        let mut answer = vec![0; said.len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), *said, "{name}");
        rest(&mut stream).await;
    }
    served.until(|metrics| metrics.closures(Closed::Protocol) == 6).await;
    let mut stream = served.connect().await;
    stream.write_all(&head(15 * 1024)).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200"));
    assert!(ask(&mut good, "/").await.starts_with("HTTP/1.1 200"));
}

#[test_support::test]
async fn streams_that_are_opened_and_reset_in_a_hurry_end_their_connection_only() {
    let served = Served::unix(Limits::default()).await;
    let mut good = served.connect().await;
    let mut stream = served.connect().await;
    stream.write_all(PREFACE).await.unwrap();
    let attack: Vec<u8> = (0..60_u8)
        .flat_map(|nth| {
            let mut frames = get(2 * nth + 1);
            frames.extend([0, 0, 4, 3, 0, 0, 0, 0, 2 * nth + 1, 0, 0, 0, 8]);
            frames
        })
        .collect();
    let _ = stream.write_all(&attack).await;
    let goaway = frame(&mut stream, GOAWAY).await;
    assert_eq!(goaway[4..8], [0, 0, 0, 0xb], "ENHANCE_YOUR_CALM");
    assert!(ask(&mut good, "/").await.starts_with("HTTP/1.1 200"));
}
