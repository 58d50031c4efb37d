//! How all of it ends.

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use super::*;

#[test_support::test]
async fn while_draining_everything_is_served_and_peers_are_asked_to_leave() {
    let served = Served::unix(Limits::default()).await;
    let mut old = served.connect().await;
    assert!(!ask(&mut old, "/").await.contains("connection: close"));
    served.servers.drain();
    let mut new = served.connect().await;
    for stream in [&mut old, &mut new] {
        let said = ask(stream, "/").await;
        assert!(said.starts_with("HTTP/1.1 200") && said.contains("connection: close"), "{said}");
        assert_eq!(rest(stream).await, b"");
    }
}

#[test_support::test]
async fn a_connection_that_was_just_opened_is_served_though_the_process_closes() {
    let served = Served::unix(Limits::default()).await;
    let (mut asks, mut silent) = (served.connect().await, served.connect().await);
    served.until(|metrics| metrics.connections() == 2).await;
    served.servers.close();
    let answer = ask(&mut asks, "/").await.to_ascii_lowercase();
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(rest(&mut asks).await, b"");
    served.clock.advance(SECOND);
    assert_eq!(rest(&mut silent).await, b"");
    served.servers.finished().await;
}

#[test_support::test]
async fn closing_ends_what_is_idle_and_finishes_what_is_under_way() {
    let served = Served::unix(Limits::default()).await;
    let (mut idle, mut busy) = (served.connect().await, served.connect().await);
    let mut http2 = served.connect().await;
    ask(&mut idle, "/").await;
    http2.write_all(&[PREFACE, &get(1)].concat()).await.unwrap();
    frame(&mut http2, DATA).await;
    busy.write_all(b"GET /hold HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    served.held.notified().await;
    served.servers.close();
    assert_eq!(rest(&mut idle).await, b"");
    frame(&mut http2, GOAWAY).await;
    drop(http2);
    served.until(|metrics| metrics.connections() == 1).await;
    while served.path().exists() {
        yield_now().await;
    }
    UnixStream::connect(served.path()).await.unwrap_err();
    served.release.notify_one();
    let said = answer(&mut busy).await;
    assert!(said.starts_with("HTTP/1.1 200") && said.contains("connection: close"), "{said}");
    served.servers.finished().await;
}

#[test_support::test]
async fn the_end_waits_for_nothing() {
    let served = Served::unix(Limits::default()).await;
    let mut busy = served.connect().await;
    busy.write_all(b"GET /hold HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    served.held.notified().await;
    served.servers.close();
    served.servers.end();
    served.servers.finished().await;
    assert_eq!(rest(&mut busy).await, b"");
    assert_eq!(served.metrics.closures(Closed::Shutdown), 1);
}
