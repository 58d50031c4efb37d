//! Servers that are killed, paused or stopped.

use std::time::Duration;

use okta_introspect::shared::{SharedStore as _, StreamPosition};
use okta_introspect::{Clock as _, ErrorKind, SystemClock};
use okta_introspect_redis::RedisStore;
use rustix::process::Signal;

use crate::server::{Server, until_async};

const LONG: Duration = Duration::from_secs(60);
const NAME: &str = "oi1:{a}:e:1";

fn store(server: &Server) -> RedisStore {
    RedisStore::builder(&server.url()).build().unwrap()
}

#[test_support::test]
async fn a_server_that_is_killed_is_an_error_and_then_a_server_again() {
    let Some(mut server) = Server::start("killed servers", &[]) else { return };
    let store = store(&server);
    for _ in 0..3 {
        store.put(NAME, b"x", LONG).await.unwrap();
        server.kill();
        let error = store.get(&[NAME]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        server.start_again();
        let found = until_async("a connection", async || store.get(&[NAME]).await.ok()).await;
        assert_eq!(found, [None], "it was empty");
    }
}

#[test_support::test]
async fn a_reader_that_waits_survives_a_server_that_is_killed() {
    let Some(mut server) = Server::start("killed servers and readers", &[]) else { return };
    let store = store(&server);
    let stream = "oi1:{a}:s";
    let id = store.append(stream, b"x").await.unwrap();
    let reading = {
        let store = store.clone();
        let behind = StreamPosition::Behind(id.clone());
        tokio::spawn(async move { store.read(stream, &behind, 1, Duration::from_secs(2)).await })
    };
    until_async("one that waits", async || {
        tokio::task::yield_now().await;
        (server.info("blocked_clients") == "1").then_some(())
    })
    .await;
    server.kill();
    let error = reading.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    server.start_again();
    let page = until_async("a page", async || {
        store.read(stream, &StreamPosition::Behind(id.clone()), 1, Duration::ZERO).await.ok()
    })
    .await;
    assert!(!page.is_continuous);
}

#[test_support::test]
async fn a_server_that_was_not_there_at_first_is_found_later() {
    let Some(mut server) = Server::start("late servers", &[]) else { return };
    server.kill();
    let store = store(&server);
    let error = store.check().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains("no connection to 127.0.0.1"), "{error}");
    server.start_again();
    until_async("a connection", async || store.check().await.ok()).await;
}

#[test_support::test]
async fn a_server_that_pauses_costs_patience_alone() {
    let Some(server) = Server::start("paused servers", &[]) else { return };
    let store = store(&server);
    store.put(NAME, b"x", LONG).await.unwrap();
    server.run(&["CLIENT", "PAUSE", "500", "ALL"]);
    let mut given_up = 0;
    let found = until_async("the end of the pause", async || {
        let limit = SystemClock.sleep_until(SystemClock.monotonic() + Duration::from_millis(20));
        tokio::select! {
            found = store.get(&[NAME]) => found.ok(),
            () = limit => { given_up += 1; None }
        }
    })
    .await;
    assert_eq!(found, [Some(b"x".to_vec())]);
    assert!(given_up > 5, "{given_up}");
    // It was the same connection all along, and its replies are still those of their calls.
    let clients = server.run(&["CLIENT", "LIST"]);
    assert_eq!(clients.lines().count(), 2, "and the test's own: {clients}");
    for number in 0..100_u8 {
        store.put(NAME, &[number], LONG).await.unwrap();
        assert_eq!(store.get(&[NAME]).await.unwrap(), [Some(vec![number])]);
    }
}

/// As where its computer has gone: the connection is open, and nothing ever comes.
#[test_support::test]
async fn a_server_that_is_stopped_is_given_up_and_found_again() {
    let Some(server) = Server::start("stopped servers", &[]) else { return };
    let store = store(&server);
    store.put(NAME, b"x", LONG).await.unwrap();
    server.signal(Signal::STOP);
    let begun = SystemClock.monotonic();
    let error = store.get(&[NAME]).await.unwrap_err();
    let waited = SystemClock.monotonic() - begun;
    server.signal(Signal::CONT);
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert!(waited < Duration::from_secs(6), "{waited:?}");
    let found = until_async("a connection", async || store.get(&[NAME]).await.ok()).await;
    assert_eq!(found, [Some(b"x".to_vec())]);
}

#[test_support::test]
async fn a_script_that_is_forgotten_is_brought_again() {
    let Some(server) = Server::start("forgotten scripts", &[]) else { return };
    let store = store(&server);
    let stream = "oi1:{a}:s";
    for _ in 0..3 {
        store.append(stream, b"x").await.unwrap();
        store.read(stream, &StreamPosition::Latest, 1, LONG).await.unwrap();
        store.read(stream, &StreamPosition::Latest, 1, Duration::ZERO).await.unwrap();
        server.run(&["SCRIPT", "FLUSH"]);
    }
}

#[test_support::test]
async fn many_calls_at_once_get_each_its_own_reply() {
    let Some(server) = Server::start("many calls", &[]) else { return };
    let store = store(&server);
    let calls: Vec<_> = (0..500_u32)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let name = format!("oi1:{{a}}:e:{number}");
                let value = number.to_le_bytes();
                store.put(&name, &value, LONG).await.unwrap();
                assert_eq!(store.get(&[&name]).await.unwrap(), [Some(value.to_vec())]);
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    let clients = server.run(&["CLIENT", "LIST"]);
    assert_eq!(clients.lines().count(), 2, "one connection carries them all: {clients}");
}
