//! What others may have put under our names, and what Redis does when it is full.

use std::time::Duration;

use okta_introspect::ErrorKind;
use okta_introspect::shared::{
    Commit, Lead, Leadership, MAX_VALUE, SharedStore as _, StreamPosition, TimeScale,
};
use okta_introspect_redis::RedisStore;

use crate::server::Server;

const LONG: Duration = Duration::from_secs(60);

fn store(server: &Server) -> RedisStore {
    RedisStore::builder(&server.url()).build().unwrap()
}

fn lead() -> Lead {
    Lead { name: "oi1:{a}:leader".to_owned(), owner: "me".to_owned(), ttl: LONG }
}

#[test_support::test]
async fn a_value_that_is_too_long_is_not_there_and_is_not_fetched() {
    let Some(server) = Server::start("long values", &[]) else { return };
    let store = store(&server);
    let (long, right) = ("oi1:{a}:e:long", "oi1:{a}:e:right");
    // The value that another puts is 500 MB.
    server.run(&["SETRANGE", long, "500000000", "x"]);
    store.put(right, b"right", LONG).await.unwrap();
    let before: u64 = server.info("total_net_output_bytes").parse().unwrap();
    let found = store.get(&[long, right]).await.unwrap();
    assert_eq!(found, [None, Some(b"right".to_vec())]);
    let after: u64 = server.info("total_net_output_bytes").parse().unwrap();
    assert!(after - before < 2 * MAX_VALUE as u64, "{}", after - before);
    let one_more = "x".repeat(MAX_VALUE + 1);
    server.run(&["SET", long, &one_more]);
    assert_eq!(store.get(&[long]).await.unwrap(), [None]);
}

#[test_support::test]
async fn a_value_of_another_type_hides_no_others() {
    let Some(server) = Server::start("values of other types", &[]) else { return };
    let store = store(&server);
    let (list, right) = ("oi1:{a}:e:list", "oi1:{a}:e:right");
    server.run(&["LPUSH", list, "x"]);
    store.put(right, b"right", LONG).await.unwrap();
    let found = store.get(&[list, right]).await.unwrap();
    assert_eq!(found, [None, Some(b"right".to_vec())]);
    assert!(!store.claim(list, "me", LONG).await.unwrap());
    store.put(list, b"in its place", LONG).await.unwrap();
    assert_eq!(store.get(&[list]).await.unwrap(), [Some(b"in its place".to_vec())]);
}

#[test_support::test]
async fn scales_leads_and_streams_of_another_type() {
    let Some(server) = Server::start("scales and leads of other types", &[]) else { return };
    let store = store(&server);
    let fresh = TimeScale([7; 16]);
    for wrong in [&["LPUSH"][..], &["SADD"], &["APPEND"]] {
        let put = |name: &str| server.run(&[wrong, &[name, "x"]].concat());
        put("oi1:{a}:time");
        assert_eq!(store.time("oi1:{a}:time", fresh, None).await.unwrap().scale, fresh);
        server.run(&["DEL", "oi1:{a}:leader"]);
        put("oi1:{a}:leader");
        assert_eq!(store.lead(&lead()).await.unwrap(), Leadership::Own { cursor: None });
        put("oi1:{a}:s");
        let error = store.append("oi1:{a}:s", b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
        let latest = StreamPosition::Latest;
        let error = store.read("oi1:{a}:s", &latest, 1, Duration::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
        let error = store.read("oi1:{a}:s", &latest, 1, LONG).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
        let error = store.commit(&lead(), "oi1:{a}:s", None, b"x", b"cursor").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
        let own = Leadership::Own { cursor: None };
        assert_eq!(store.lead(&lead()).await.unwrap(), own, "nothing was done");
        server.run(&["DEL", "oi1:{a}:s"]);
        server.run(&["DEL", "oi1:{a}:time"]);
    }
}

#[test_support::test]
async fn a_scale_ends_where_the_clock_shows_less_than_was_told() {
    let Some(server) = Server::start("a clock that is set back", &[]) else { return };
    let store = store(&server);
    let name = "oi1:{a}:time";
    let [old, fresh] = [1, 2].map(|byte| TimeScale([byte; 16]));
    let told = |micros: &str| {
        // Sixteen bytes, as the scale of ones above.
        server.run(&["HSET", name, "scale", &"\u{1}".repeat(16), "told", micros]);
    };
    let now = store.time(name, old, None).await.unwrap().micros;
    for (told_at, expected) in [
        ((now - 3_600_000_000).to_string(), old),
        (now.to_string(), old),
        // What was told is an hour ahead: the clock was set back since.
        ((now + 3_600_000_000).to_string(), fresh),
        ("9".repeat(300), fresh),
        ("-1".to_owned(), old),
        ("nan".to_owned(), fresh),
        ("what".to_owned(), fresh),
        (String::new(), fresh),
    ] {
        told(&told_at);
        let time = store.time(name, fresh, None).await.unwrap();
        assert_eq!(time.scale, expected, "{told_at}");
        assert!(time.micros >= now && time.micros < now + 60_000_000);
        let again = store.time(name, TimeScale([3; 16]), None).await.unwrap();
        assert_eq!(again.scale, expected, "{told_at}");
    }
    server.run(&["HSET", name, "scale", "short", "told", "1"]);
    assert_eq!(store.time(name, fresh, None).await.unwrap().scale, fresh);
    assert!(server.run(&["PTTL", name]).parse::<i64>().unwrap() > 0, "it ends by itself");
}

#[test_support::test]
async fn a_lead_ends_where_the_clock_was_set_back() {
    let Some(server) = Server::start("a lead and a clock", &[]) else { return };
    let store = store(&server);
    let mut other = lead();
    other.owner = "another".to_owned();
    store.lead(&lead()).await.unwrap();
    assert_eq!(store.lead(&other).await.unwrap(), Leadership::Another);
    let till: i64 = server.run(&["HGET", &lead().name, "till"]).parse().unwrap();
    let set = |till: i64| server.run(&["HSET", &lead().name, "till", &till.to_string()]);
    // As much later as the clock was set back.
    set(till + 3_600_000);
    let commit = store.commit(&lead(), "oi1:{a}:s", None, b"x", b"").await.unwrap();
    assert_eq!(commit, Commit::NotLeader);
    assert_eq!(store.lead(&other).await.unwrap(), Leadership::Own { cursor: None });
    // And where it was set forward.
    set(till - 3_600_000);
    assert_eq!(store.lead(&lead()).await.unwrap(), Leadership::Own { cursor: None });
    assert_eq!(store.lead(&other).await.unwrap(), Leadership::Another);
    for wrong in ["nan", "inf", "", "what"] {
        server.run(&["HSET", &lead().name, "till", wrong]);
        let leadership = store.lead(&other).await.unwrap();
        assert_eq!(leadership, Leadership::Own { cursor: None }, "{wrong}");
    }
}

#[test_support::test]
async fn a_cursor_that_is_too_long_is_lost() {
    let Some(server) = Server::start("long cursors", &[]) else { return };
    let store = store(&server);
    let longest = vec![b'x'; MAX_VALUE];
    store.lead(&lead()).await.unwrap();
    store.commit(&lead(), "oi1:{a}:s", None, b"x", &longest).await.unwrap();
    let own = Leadership::Own { cursor: Some(longest) };
    assert_eq!(store.lead(&lead()).await.unwrap(), own);
    server.run(&["HSET", &lead().name, "cursor", &"x".repeat(MAX_VALUE + 1)]);
    assert_eq!(store.lead(&lead()).await.unwrap(), Leadership::Own { cursor: None });
    for (entry, cursor) in [(MAX_VALUE + 1, 1), (1, MAX_VALUE + 1)] {
        let (entry, cursor) = (vec![b'x'; entry], vec![b'x'; cursor]);
        let error = store.commit(&lead(), "oi1:{a}:s", None, &entry, &cursor).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
    }
    let error = store.append("oi1:{a}:s", &vec![b'x'; MAX_VALUE + 1]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
}

#[test_support::test]
async fn times_of_any_length_are_taken() {
    let Some(server) = Server::start("long and short times", &[]) else { return };
    let store = store(&server);
    for ttl in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        store.put("oi1:{a}:e:1", b"x", ttl).await.unwrap();
        store.claim("oi1:{a}:l:1", "me", ttl).await.unwrap();
        store.lead(&Lead { ttl, ..lead() }).await.unwrap();
    }
    assert_eq!(store.get(&["oi1:{a}:e:1"]).await.unwrap(), [Some(b"x".to_vec())]);
}

#[test_support::test]
async fn everything_ends_by_itself() {
    let Some(server) = Server::start("what is left behind", &[]) else { return };
    crate::contract::holds(&store(&server)).await;
    let names = server.run(&["KEYS", "*"]);
    assert!(names.lines().count() > 5, "{names}");
    for name in names.lines() {
        assert!(server.run(&["PTTL", name]).parse::<i64>().unwrap() > 0, "{name}");
    }
}

/// A megabyte more than an empty server needs.
fn fill(server: &Server, policy: &str) {
    let used: u64 = server.info("used_memory").parse().unwrap();
    server.run(&["CONFIG", "SET", "maxmemory-policy", policy]);
    server.run(&["CONFIG", "SET", "maxmemory", &(used + 1_000_000).to_string()]);
}

#[test_support::test]
async fn where_nothing_is_evicted_a_full_server_still_tells_what_it_has() {
    let Some(server) = Server::start("noeviction", &[]) else { return };
    let store = store(&server);
    store.put("oi1:{a}:e:first", b"first", LONG).await.unwrap();
    store.lead(&lead()).await.unwrap();
    let done = store.commit(&lead(), "oi1:{a}:s", None, b"x", b"cursor").await.unwrap();
    fill(&server, "noeviction");
    let value = vec![b'x'; 10_000];
    let mut error = None;
    for number in 0..1000 {
        let put = store.put(&format!("oi1:{{a}}:e:{number}"), &value, LONG).await;
        error = put.err();
        if error.is_some() {
            break;
        }
    }
    let error = error.expect("it is full");
    assert_eq!(error.kind(), ErrorKind::ServerFailed);
    assert!(error.to_string().contains("no memory left"), "{error}");
    let found = store.get(&["oi1:{a}:e:first", "oi1:{a}:e:0"]).await.unwrap();
    assert_eq!(found, [Some(b"first".to_vec()), Some(value)]);

    // A commit is carried out as a whole or not at all.
    let error = store.commit(&lead(), "oi1:{a}:s", None, b"y", b"other").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerFailed, "{error}");
    server.run(&["CONFIG", "SET", "maxmemory", "0"]);
    let own = Leadership::Own { cursor: Some(b"cursor".to_vec()) };
    assert_eq!(store.lead(&lead()).await.unwrap(), own);
    let page = store.read("oi1:{a}:s", &StreamPosition::Latest, 10, Duration::ZERO).await.unwrap();
    let Commit::Done(id) = done else { panic!("{done:?}") };
    assert_eq!(page.entries, [(id, b"x".to_vec())]);
}

#[test_support::test]
async fn where_anything_is_evicted_it_is_as_if_it_was_not_there() {
    let Some(server) = Server::start("eviction", &[]) else { return };
    let store = store(&server);
    for policy in ["allkeys-lru", "volatile-ttl", "allkeys-random"] {
        server.run(&["CONFIG", "SET", "maxmemory", "0"]);
        server.run(&["FLUSHALL"]);
        store.lead(&lead()).await.unwrap();
        let commit = store.commit(&lead(), "oi1:{a}:s", None, b"x", b"cursor").await.unwrap();
        let Commit::Done(id) = commit else { panic!("{commit:?}") };
        fill(&server, policy);
        let value = vec![b'x'; 10_000];
        for number in 0..500 {
            store.put(&format!("oi1:{{a}}:e:{number}"), &value, LONG).await.unwrap();
        }
        assert!(server.info("evicted_keys") != "0");
        let behind = StreamPosition::Behind(id.clone());
        let page = store.read("oi1:{a}:s", &behind, 10, Duration::ZERO).await.unwrap();
        let leadership = store.lead(&lead()).await.unwrap();
        let Leadership::Own { cursor } = leadership else { panic!("{leadership:?}") };
        if policy == "volatile-ttl" {
            // What ends soonest goes first: streams and cursors are the last.
            assert!(page.is_continuous);
            assert_eq!(cursor, Some(b"cursor".to_vec()));
        }
        let commit = store.commit(&lead(), "oi1:{a}:s", Some(&id), b"y", b"").await.unwrap();
        assert_eq!(commit == Commit::Lost, !page.is_continuous, "{policy}: {commit:?}");
    }
}
