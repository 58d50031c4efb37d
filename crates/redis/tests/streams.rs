//! What is lost of a stream is known, and what is wrong in one does not stop it.

use std::collections::BTreeSet;
use std::time::Duration;

use okta_introspect::shared::{
    Commit, EntryId, Lead, Leadership, MAX_VALUE, SharedStore as _, StreamPosition,
};
use okta_introspect_redis::RedisStore;

use crate::server::{Server, until_async};

const NO_WAIT: Duration = Duration::ZERO;
const STREAM: &str = "oi1:{a}:s";

fn store(server: &Server) -> RedisStore {
    RedisStore::builder(&server.url()).build().unwrap()
}

fn lead() -> Lead {
    let ttl = Duration::from_secs(60);
    Lead { name: "oi1:{a}:leader".to_owned(), owner: "me".to_owned(), ttl }
}

fn behind(id: &EntryId) -> StreamPosition {
    StreamPosition::Behind(id.clone())
}

#[test_support::test]
async fn a_reader_whose_place_was_trimmed_away_learns_it() {
    let Some(server) = Server::start("trimmed streams", &[]) else { return };
    let store = store(&server);
    let mut ids = Vec::new();
    for entry in 0..10_u8 {
        ids.push(store.append(STREAM, &[entry]).await.unwrap());
    }
    server.run(&["XTRIM", STREAM, "MAXLEN", "3"]);
    for (place, is_continuous) in [(5, false), (6, false), (7, true), (9, true)] {
        let page = store.read(STREAM, &behind(&ids[place]), 10, NO_WAIT).await.unwrap();
        assert_eq!(page.is_continuous, is_continuous, "{place}");
        assert_eq!(page.entries.len(), 9 - place.max(6), "{place}");
    }
    // One in the midst.
    server.run(&["XDEL", STREAM, ids[8].as_str()]);
    let page = store.read(STREAM, &behind(&ids[8]), 10, NO_WAIT).await.unwrap();
    assert!(!page.is_continuous);
}

#[test_support::test]
async fn a_stream_is_kept_short() {
    let Some(server) = Server::start("long streams", &[]) else { return };
    let store = store(&server);
    let script = "for i = 1, 100500 do redis.call('XADD', KEYS[1], '*', 'e', 'x') end";
    server.run(&["EVAL", script, "1", STREAM]);
    store.append(STREAM, b"x").await.unwrap();
    let length: usize = server.run(&["XLEN", STREAM]).parse().unwrap();
    assert!((100_000..100_200).contains(&length), "{length}");
}

#[test_support::test]
async fn a_flushed_server_is_known_by_it() {
    let Some(server) = Server::start("flushed servers", &[]) else { return };
    let store = store(&server);
    store.lead(&lead()).await.unwrap();
    let commit = store.commit(&lead(), STREAM, None, b"x", b"cursor").await.unwrap();
    let Commit::Done(id) = commit else { panic!("{commit:?}") };
    server.run(&["FLUSHALL"]);
    let page = store.read(STREAM, &behind(&id), 10, NO_WAIT).await.unwrap();
    assert!(!page.is_continuous);
    let commit = store.commit(&lead(), STREAM, Some(&id), b"y", b"cursor").await.unwrap();
    assert_eq!(commit, Commit::NotLeader);
    assert_eq!(store.lead(&lead()).await.unwrap(), Leadership::Own { cursor: None });
    let commit = store.commit(&lead(), STREAM, Some(&id), b"y", b"cursor").await.unwrap();
    assert_eq!(commit, Commit::Lost);
    server.run(&["SCRIPT", "FLUSH"]);
    store.append(STREAM, b"z").await.unwrap();
}

/// What a replica that lacks the last writes is: an earlier state.
#[test_support::test]
async fn a_server_that_lost_the_last_writes_is_known_by_it() {
    let Some(mut server) = Server::start("lost writes", &[]) else { return };
    let store = store(&server);
    store.lead(&lead()).await.unwrap();
    let commit = async |behind: Option<&EntryId>, entry: &[u8]| match store
        .commit(&lead(), STREAM, behind, entry, entry)
        .await
        .unwrap()
    {
        Commit::Done(id) => id,
        other => panic!("{other:?}"),
    };
    let kept = commit(None, b"kept").await;
    server.run(&["SAVE"]);
    let lost = commit(Some(&kept), b"lost").await;
    server.kill();
    server.start_again();
    let page = until_async("a new connection", async || {
        store.read(STREAM, &behind(&lost), 10, NO_WAIT).await.ok()
    })
    .await;
    assert!(!page.is_continuous);
    let outcome = store.commit(&lead(), STREAM, Some(&lost), b"next", b"next").await.unwrap();
    assert_eq!(outcome, Commit::Lost);
    // It goes on with what is there.
    let own = Leadership::Own { cursor: Some(b"kept".to_vec()) };
    assert_eq!(store.lead(&lead()).await.unwrap(), own);
    commit(Some(&kept), b"lost, again").await;
    let page = store.read(STREAM, &behind(&kept), 10, NO_WAIT).await.unwrap();
    assert!(page.is_continuous);
    // Nor can a later entry ever take the lost one's id.
    let page = store.read(STREAM, &behind(&lost), 10, NO_WAIT).await.unwrap();
    assert!(!page.is_continuous);
}

#[test_support::test]
async fn no_id_can_be_guessed_even_where_the_clock_was_set_back() {
    let Some(server) = Server::start("ids", &[]) else { return };
    let store = store(&server);
    // An entry of an hour ahead, as is there after the clock was set back.
    let ahead = "90000000000000-18446744073709551615";
    server.run(&["XADD", STREAM, ahead, "e", "x"]);
    let mut numbers = BTreeSet::new();
    let mut last = ahead.to_owned();
    for round in 1..=20_u64 {
        let id = store.append(STREAM, b"y").await.unwrap();
        let (millis, number) = id.as_str().split_once('-').unwrap();
        assert_eq!(millis.parse::<u64>().unwrap(), 90_000_000_000_000 + round);
        assert!(numbers.insert(number.parse::<u64>().unwrap()));
        let page = store.read(STREAM, &behind(&EntryId::new(last)), 10, NO_WAIT).await.unwrap();
        assert_eq!((page.is_continuous, page.entries.len()), (true, 1));
        last = id.as_str().to_owned();
    }
    assert!(numbers.iter().any(|number| *number > 1 << 32), "{numbers:?}");
}

#[test_support::test]
async fn a_stream_that_can_take_no_more_begins_anew() {
    let Some(server) = Server::start("exhausted streams", &[]) else { return };
    let store = store(&server);
    let last = "18446744073709551615-18446744073709551615";
    let before = store.append(STREAM, b"before").await.unwrap();
    server.run(&["XADD", STREAM, last, "e", "x"]);
    let id = store.append(STREAM, b"after").await.unwrap();
    let page = store.read(STREAM, &StreamPosition::Since(0), 10, NO_WAIT).await.unwrap();
    assert_eq!(page.entries, [(id, b"after".to_vec())]);
    let page = store.read(STREAM, &behind(&before), 10, NO_WAIT).await.unwrap();
    assert!(!page.is_continuous);
    // The same of one whose entries are all gone.
    server.run(&["XADD", STREAM, last, "e", "x"]);
    server.run(&["XTRIM", STREAM, "MAXLEN", "0"]);
    store.append(STREAM, b"after").await.unwrap();
}

#[test_support::test]
async fn an_entry_that_is_none_of_ours_is_an_empty_one() {
    let Some(server) = Server::start("entries of others", &[]) else { return };
    let store = store(&server);
    let first = store.append(STREAM, b"first").await.unwrap();
    server.run(&["XADD", STREAM, "*", "other", "x"]);
    server.run(&["XADD", STREAM, "*", "e", "x", "other", "x"]);
    let long = "x".repeat(MAX_VALUE + 1);
    server.run(&["XADD", STREAM, "*", "e", &long]);
    let script = "redis.call('XADD', KEYS[1], '*', 'e', string.rep('x', 5000000))";
    server.run(&["EVAL", script, "1", STREAM]);
    for wait in [NO_WAIT, Duration::from_secs(1)] {
        let mut place = first.clone();
        for _ in 0..4 {
            // Each begins behind the one before, as readers do that wait.
            let page = store.read(STREAM, &behind(&place), 1, wait).await.unwrap();
            assert_eq!((page.is_continuous, page.entries.len()), (true, 1));
            let (id, entry) = page.entries[0].clone();
            assert!(entry.is_empty());
            place = id;
        }
    }
    let last = store.append(STREAM, b"last").await.unwrap();
    let page = store.read(STREAM, &behind(&first), 10, NO_WAIT).await.unwrap();
    assert_eq!(page.entries.len(), 5);
    assert_eq!(page.entries[4], (last, b"last".to_vec()));
}

#[test_support::test]
async fn a_page_is_bounded_by_its_bytes() {
    let Some(server) = Server::start("long pages", &[]) else { return };
    let store = store(&server);
    let longest = vec![b'x'; MAX_VALUE];
    let first = store.append(STREAM, b"first").await.unwrap();
    for _ in 0..40 {
        store.append(STREAM, &longest).await.unwrap();
    }
    let (mut place, mut pages) = (first, Vec::new());
    loop {
        let page = store.read(STREAM, &behind(&place), usize::MAX, NO_WAIT).await.unwrap();
        assert!(page.is_continuous);
        let Some((id, _)) = page.entries.last() else { break };
        place = id.clone();
        pages.push(page.entries.len());
    }
    assert_eq!(pages, [16, 16, 8], "a mebibyte each");
}

#[test_support::test]
async fn readers_that_wait_keep_nobody_waiting() {
    let Some(server) = Server::start("readers that wait", &[]) else { return };
    let store = store(&server);
    let streams: Vec<String> = (0..8).map(|number| format!("oi1:{{{number}}}:s")).collect();
    let waits: Vec<_> = streams
        .iter()
        .map(|stream| {
            let (store, stream) = (store.clone(), stream.clone());
            tokio::spawn(async move {
                let latest = StreamPosition::Latest;
                store.read(&stream, &latest, 1, Duration::from_secs(2)).await.unwrap()
            })
        })
        .collect();
    until_async("eight that wait", async || {
        store.get(&["oi1:{a}:e:1"]).await.unwrap();
        (server.info("blocked_clients") == "8").then_some(())
    })
    .await;
    for stream in &streams {
        store.append(stream, b"x").await.unwrap();
    }
    for wait in waits {
        assert_eq!(wait.await.unwrap().entries.len(), 1);
    }
    // Connections are kept for the next, but not all.
    until_async("connections that are closed", async || {
        let connected: usize = server.info("connected_clients").parse().unwrap();
        (connected <= 1 + 4 + 1).then_some(())
    })
    .await;
}

#[test_support::test]
async fn a_reader_that_gives_up_closes_its_connection() {
    let Some(server) = Server::start("readers that give up", &[]) else { return };
    let store = store(&server);
    let reading = {
        let store = store.clone();
        tokio::spawn(async move {
            store.read(STREAM, &StreamPosition::Latest, 1, Duration::from_secs(2)).await
        })
    };
    until_async("one that waits", async || {
        tokio::task::yield_now().await;
        (server.info("blocked_clients") == "1").then_some(())
    })
    .await;
    reading.abort();
    reading.await.unwrap_err();
    until_async("a connection that is closed", async || {
        (server.info("blocked_clients") == "0").then_some(())
    })
    .await;
    store.append(STREAM, b"x").await.unwrap();
}
