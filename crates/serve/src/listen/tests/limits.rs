//! Limits in time and in numbers.

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use super::*;
use crate::metrics::Refusal;

#[test_support::test]
async fn a_head_has_five_seconds_and_not_a_millisecond_more() {
    let served = Served::unix(Limits::default()).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nho").await.unwrap();
    served.clock.advance(5 * SECOND - MILLI);
    let mut timely = served.connect().await;
    assert!(ask(&mut timely, "/").await.starts_with("HTTP/1.1 200"));
    assert_eq!(served.metrics.closures(Closed::SlowHead), 0);
    served.clock.advance(MILLI);
    assert_eq!(rest(&mut stream).await, b"");
    served.until(|metrics| metrics.closures(Closed::SlowHead) == 1).await;
    // That one has begun no further head.
    assert!(ask(&mut timely, "/").await.starts_with("HTTP/1.1 200"));
}

#[test_support::test]
async fn a_client_of_http2_may_connect_long_before_it_asks() {
    let served = Served::unix(Limits::default()).await;
    let mut stream = served.connect().await;
    stream.write_all(PREFACE).await.unwrap();
    // Its settings are acknowledged, so the preface has been read.
    frame(&mut stream, 4).await;
    served.clock.advance(600 * SECOND);
    stream.write_all(&get(1)).await.unwrap();
    frame(&mut stream, DATA).await;
    assert_eq!(served.metrics.closures(Closed::SlowHead), 0);
}

#[test_support::test]
async fn an_idle_connection_is_asked_to_leave_after_its_time() {
    let served = Served::unix(Limits::default()).await;
    let (mut one, mut two) = (served.connect().await, served.connect().await);
    ask(&mut one, "/").await;
    two.write_all(&[PREFACE, &get(1)].concat()).await.unwrap();
    frame(&mut two, DATA).await;
    served.clock.advance(65 * 60 * SECOND - MILLI);
    ask(&mut one, "/").await;
    served.clock.advance(MILLI);
    // The one that asked meanwhile stays, the other hears of it first.
    frame(&mut two, GOAWAY).await;
    ask(&mut one, "/").await;
    served.clock.advance(5 * SECOND);
    rest(&mut two).await;
    served.clock.advance(65 * 60 * SECOND);
    assert_eq!(rest(&mut one).await, b"");
    served.until(|metrics| metrics.closures(Closed::Idle) == 2).await;
}

#[test_support::test]
async fn a_request_that_is_not_answered_ends_with_its_connection() {
    let served = Served::unix(Limits::default()).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /hold HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    served.held.notified().await;
    served.clock.advance(30 * SECOND);
    assert_eq!(rest(&mut stream).await, b"");
    served.until(|metrics| metrics.closures(Closed::SlowRequest) == 1).await;
    served.until(|metrics| metrics.connections() == 0).await;
}

#[test_support::test]
async fn a_connection_too_many_is_closed_at_once_and_room_comes_back() {
    let (mut limits, mut first) = (Limits::default(), Vec::new());
    limits.connections_per_listener = 2;
    let served = Served::unix(limits).await;
    for _ in 0..2 {
        first.push(served.connect().await);
    }
    let mut third = UnixStream::connect(served.path()).await.unwrap();
    assert_eq!(rest(&mut third).await, b"");
    assert_eq!(served.metrics.refusals(Refusal::ListenerLimit), 1);
    first.pop();
    served.until(|metrics| metrics.connections() == 1).await;
    ask(&mut served.connect().await, "/").await;
}

#[test_support::test]
async fn the_limit_of_all_holds_across_listeners() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let served = Served::unix(limits).await;
    let other = served.folder.path().join("other.sock");
    let socket = Socket::unix(&other, 0o600).await.unwrap();
    served.servers.serve("other", socket, None, served.service()).unwrap();
    let _first = served.connect().await;
    let mut second = UnixStream::connect(other).await.unwrap();
    assert_eq!(rest(&mut second).await, b"");
    assert_eq!(served.metrics.refusals(Refusal::TotalLimit), 0, "it is the other's");
}
