//! Peers that are not Redis, or not as they should be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use okta_introspect::shared::{SharedStore as _, StreamPosition};
use okta_introspect::{Clock as _, Error, ErrorKind, ManualClock, SystemClock};
use okta_introspect_redis::RedisStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::server::until_async;

/// A peer that answers each piece that it reads with the next of these, the last one for ever; an
/// empty one is no answer, and none at all closes the connection.
pub(crate) struct Peer {
    port: u16,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Peer {
    pub(crate) async fn start(answers: Vec<Option<Vec<u8>>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let answers = Arc::new(answers);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&answers)));
            }
        });
        Self { port, connections }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

async fn serve(mut stream: TcpStream, answers: Arc<Vec<Option<Vec<u8>>>>) {
    let mut buffer = vec![0; 64 * 1024];
    let mut next = 0;
    while let Ok(1..) = stream.read(&mut buffer).await {
        let Some(answer) = &answers[next.min(answers.len() - 1)] else { return };
        next += 1;
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

fn text(answer: &str) -> Option<Vec<u8>> {
    Some(answer.as_bytes().to_vec())
}

fn pong() -> Option<Vec<u8>> {
    text("+PONG\r\n")
}

async fn refusal(answers: Vec<Option<Vec<u8>>>) -> Error {
    let peer = Peer::start(answers).await;
    let store = RedisStore::builder(&peer.url()).build().unwrap();
    let error = store.get(&["oi1:{secret}:e:1"]).await.unwrap_err();
    let shown = format!("{error:?} {error}");
    assert!(!shown.contains("secret") && !shown.contains("hunter2"), "{shown}");
    error
}

#[test_support::test]
async fn what_is_no_redis_is_known_by_what_it_says() {
    let garbage = |bytes: &[u8]| Some(bytes.to_vec());
    let cases = [
        vec![text("HTTP/1.1 400 hunter2\r\n\r\n")],
        vec![pong(), text("HTTP/1.1 400 hunter2\r\n\r\n")],
        vec![garbage(&[0x15, 3, 1, 0, 2, 2, 10])],
        vec![garbage(&[0xFF; 100])],
        vec![pong(), text("$-2x\r\n")],
        vec![pong(), text("$hunter2\r\n")],
        vec![pong(), garbage(b"+\xFF\xFE\r\n")],
        vec![text("+PONG\r\n+PONG\r\n")],
    ];
    for answers in cases {
        let case = format!("{answers:?}");
        let error = refusal(answers).await;
        assert_eq!(error.kind(), ErrorKind::Malformed, "{case}: {error}");
        assert!(error.to_string().contains("does not speak"), "{error}");
    }
    // What is nested too deeply ends the connection where it is parsed.
    let nested = garbage(&b"*1\r\n".repeat(1000));
    assert_eq!(refusal(vec![pong(), nested]).await.kind(), ErrorKind::Unreachable);
}

#[test_support::test]
async fn a_reply_that_is_too_long_ends_the_connection() {
    let value = |length: usize| {
        let mut reply = format!("${length}\r\n").into_bytes();
        reply.resize(reply.len() + length.min(4_000_000), b'x');
        Some(reply)
    };
    for answer in [value(10_000_000), value(usize::MAX / 20), text("*99999999\r\n")] {
        let error = refusal(vec![pong(), answer]).await;
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert!(error.to_string().contains("answered with more than"), "{error}");
    }
    // By its parts, each of which would do.
    let part = format!("$1000000\r\n{}\r\n", "x".repeat(1_000_000));
    let error = refusal(vec![pong(), text(&format!("*3\r\n{}", part.repeat(3)))]).await;
    assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
}

#[test_support::test]
async fn a_reply_of_another_shape_is_no_answer() {
    let shapes = [":1\r\n", "*0\r\n", "*1\r\n$1\r\nx\r\n", "+OK\r\n", "*-1\r\n"];
    let lead = okta_introspect::shared::Lead {
        name: "oi1:{a}:leader".to_owned(),
        owner: "me".to_owned(),
        ttl: Duration::from_secs(6),
    };
    for shape in shapes {
        let peer = Peer::start(vec![pong(), text(shape)]).await;
        let store = RedisStore::builder(&peer.url()).build().unwrap();
        let scale = okta_introspect::shared::TimeScale([1; 16]);
        let errors = [
            store.get(&["n"]).await.err(),
            store.time("n", scale, None).await.err(),
            store.append("n", b"x").await.err(),
            store.read("n", &StreamPosition::Latest, 1, Duration::ZERO).await.err(),
            store.lead(&lead).await.err(),
            store.commit(&lead, "n", None, b"x", b"x").await.err(),
        ];
        for (call, error) in errors.into_iter().enumerate() {
            let error = error.unwrap_or_else(|| panic!("{shape:?} for call {call}"));
            assert_eq!(error.kind(), ErrorKind::Malformed, "{shape:?} for call {call}: {error}");
        }
    }
    // Numbers and ids that cannot be.
    for shape in [
        "*3\r\n$16\r\n0123456789abcdef\r\n$20\r\n99999999999999999999\r\n$1\r\n1\r\n",
        "*3\r\n$16\r\n0123456789abcdef\r\n$14\r\n99999999999999\r\n$20\r\n18446744073709551615\r\n",
        "*3\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n1\r\n",
    ] {
        let peer = Peer::start(vec![pong(), text(shape)]).await;
        let store = RedisStore::builder(&peer.url()).build().unwrap();
        let scale = okta_introspect::shared::TimeScale([1; 16]);
        let error = store.time("n", scale, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{shape:?}");
    }
}

#[test_support::test]
async fn a_refusal_is_told_by_its_first_word_alone() {
    let cases = [
        ("-MISCONF secret of hunter2\r\n", ErrorKind::ServerFailed, "MISCONF"),
        ("-hunter2 secret\r\n", ErrorKind::ServerFailed, "an error"),
        ("-LOADING hunter2\r\n", ErrorKind::ServerFailed, "still reading"),
        ("-MOVED 1 secret:1\r\n", ErrorKind::Configuration, "redis+cluster://"),
        ("-NOPERM hunter2\r\n", ErrorKind::RequestRefused, "docs/redis.md"),
        ("-NOAUTH hunter2\r\n", ErrorKind::ClientRefused, "demands a password"),
    ];
    for (answer, kind, expected) in cases {
        let error = refusal(vec![pong(), text(answer)]).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test_support::test]
async fn a_peer_that_closes_is_left_alone_for_a_while() {
    let peer = Peer::start(vec![None]).await;
    let clock = ManualClock::new(SystemClock.now());
    let store = RedisStore::builder(&peer.url()).clock(clock.clone()).build().unwrap();
    let first = store.get(&["n"]).await.unwrap_err();
    assert_eq!(first.kind(), ErrorKind::Unreachable, "{first}");
    for _ in 0..100 {
        // The clock stands still, and so nothing is tried, unless the wait is no time at all.
        store.get(&["n"]).await.unwrap_err();
    }
    assert_eq!(peer.connections.load(Ordering::SeqCst), 1);
    // Ever longer, but never longer than ten seconds.
    for _ in 0..20 {
        clock.advance(Duration::from_secs(10));
        store.get(&["n"]).await.unwrap_err();
    }
    assert_eq!(peer.connections.load(Ordering::SeqCst), 21);
}

#[test_support::test]
async fn instances_that_lose_a_server_come_back_at_different_times() {
    let peer = Peer::start(vec![pong(), None]).await;
    let clock = ManualClock::new(SystemClock.now());
    let stores: Vec<_> = (0..50)
        .map(|_| RedisStore::builder(&peer.url()).clock(clock.clone()).build().unwrap())
        .collect();
    for store in &stores {
        store.get(&["n"]).await.unwrap_err();
    }
    assert_eq!(peer.connections.load(Ordering::SeqCst), 50);
    let mut begun = vec![50];
    for _ in 0..10 {
        clock.advance(Duration::from_millis(50));
        for store in &stores {
            store.get(&["n"]).await.unwrap_err();
        }
        begun.push(peer.connections.load(Ordering::SeqCst));
    }
    let steps: Vec<_> = begun.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Half a second at first: after a tenth of it, a few.
    assert!(steps[0] < 20, "{steps:?}");
    assert!(steps.iter().sum::<usize>() >= 50, "{steps:?}");
}

#[test_support::test]
async fn a_peer_that_accepts_and_says_nothing_is_given_up() {
    let peer = Peer::start(vec![Some(Vec::new())]).await;
    let store = RedisStore::builder(&peer.url())
        .connect_timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    let error = store.get(&["n"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
}

#[test_support::test]
async fn a_connection_on_which_nothing_comes_is_given_up() {
    for begun in ["", "$5\r\nval"] {
        stalls(begun).await;
    }
}

async fn stalls(begun: &str) {
    let peer = Peer::start(vec![pong(), text(begun), Some(Vec::new())]).await;
    let clock = ManualClock::new(SystemClock.now());
    let store = RedisStore::builder(&peer.url()).clock(clock.clone()).build().unwrap();
    let waiting = {
        let store = store.clone();
        tokio::spawn(async move { store.get(&["n"]).await })
    };
    until_async("a connection", async || {
        (peer.connections.load(Ordering::SeqCst) == 1).then_some(())
    })
    .await;
    // Callers give up by themselves, and what they asked for is sent or not.
    for _ in 0..5 {
        let soon = SystemClock.sleep_until(SystemClock.monotonic() + Duration::from_millis(5));
        tokio::select! {
            _ = store.get(&["n"]) => panic!("it answers"),
            () = soon => {}
        }
    }
    let mut seconds = 0;
    until_async("the end", async || {
        clock.advance(Duration::from_secs(1));
        seconds += 1;
        waiting.is_finished().then_some(())
    })
    .await;
    assert!(seconds >= 3, "{seconds}");
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    clock.advance(Duration::from_secs(10));
    drop(tokio::spawn(async move { store.get(&["n"]).await }));
    until_async("another connection", async || {
        (peer.connections.load(Ordering::SeqCst) == 2).then_some(())
    })
    .await;
}

#[test_support::test]
async fn calls_that_give_up_do_not_end_an_attempt() {
    let peer = Peer::start(vec![pong(), text("$5\r\nvalue\r\n")]).await;
    let store = RedisStore::builder(&peer.url()).build().unwrap();
    // Polled once, and dropped.
    let mut call = Box::pin(store.get(&["n"]));
    std::future::poll_fn(|cx| {
        assert!(call.as_mut().poll(cx).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    drop(call);
    until_async("a connection", async || {
        (peer.connections.load(Ordering::SeqCst) == 1).then_some(())
    })
    .await;
    assert_eq!(store.get(&["n"]).await.unwrap(), [Some(b"value".to_vec())]);
    assert_eq!(peer.connections.load(Ordering::SeqCst), 1);
}

#[test_support::test]
async fn a_store_that_is_dropped_closes_its_connections() {
    let closed = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let store = RedisStore::builder(&url).build().unwrap();
    let count = Arc::clone(&closed);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, Arc::new(vec![pong(), text("$5\r\nvalue\r\n")])).await;
        count.fetch_add(1, Ordering::SeqCst);
    });
    store.get(&["n"]).await.unwrap();
    assert_eq!(closed.load(Ordering::SeqCst), 0);
    drop(store);
    until_async("the end", async || (closed.load(Ordering::SeqCst) == 1).then_some(())).await;
}

#[test]
fn a_store_outlives_the_runtime_that_connected() {
    test_support::limited(|| {
        let runtime =
            || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let server = runtime();
        let peer = server.block_on(Peer::start(vec![pong(), text("$1\r\nx\r\n")]));
        let store = RedisStore::builder(&peer.url()).build().unwrap();
        std::thread::spawn(move || server.block_on(std::future::pending::<()>()));
        for _ in 0..3 {
            runtime().block_on(async {
                // The first that comes upon a connection of the last runtime learns that it is dead.
                let found = until_async("a value", async || store.get(&["n"]).await.ok()).await;
                assert_eq!(found, [Some(b"x".to_vec())]);
            });
        }
    });
}
