use chrono::{DateTime, TimeDelta};

use super::*;
use crate::clock::ManualClock;

const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(1);
const SCALES: [TimeScale; 3] = [TimeScale([1; 16]), TimeScale([2; 16]), TimeScale([3; 16])];

fn store() -> (ManualClock, InProcessStore) {
    let clock = ManualClock::new(DateTime::from_timestamp(1_796_000_000, 0).unwrap());
    (clock.clone(), InProcessStore::new(clock))
}

fn lead(owner: &str) -> Lead {
    Lead { name: "leader".to_owned(), owner: owner.to_owned(), ttl: 6 * SECOND }
}

fn texts(page: &StreamPage) -> Vec<&str> {
    page.entries.iter().map(|(_, entry)| std::str::from_utf8(entry).unwrap()).collect()
}

#[test_support::test]
async fn a_scale_lasts_until_the_clock_is_set_back_or_it_is_called_broken() {
    let (clock, store) = store();
    let [first, second, third] = SCALES;
    let told = store.time("t", first, None).await.unwrap();
    assert_eq!(told, StoreTime { micros: 1_796_000_000_000_000, scale: first });
    clock.advance(SECOND);
    let told = store.time("t", second, None).await.unwrap();
    assert_eq!((told.micros, told.scale), (1_796_000_001_000_000, first));
    assert_eq!(store.time("t", second, Some(second)).await.unwrap().scale, first);
    clock.set_wall(clock.now() - TimeDelta::microseconds(1));
    assert_eq!(store.time("t", second, None).await.unwrap().scale, second);
    assert_eq!(store.time("t", third, Some(second)).await.unwrap().scale, third);
    assert_eq!(store.time("other", first, None).await.unwrap().scale, first);
    store.flush();
    assert_eq!(store.time("t", first, None).await.unwrap().scale, first);
}

#[test_support::test]
async fn a_value_ends_by_itself_and_is_bounded() {
    let (clock, store) = store();
    store.put("a", b"1", SECOND).await.unwrap();
    store.put("b", b"2", 2 * SECOND).await.unwrap();
    clock.advance(SECOND - MOMENT);
    let values = store.get(&["b", "none", "a"]).await.unwrap();
    assert_eq!(values, [Some(b"2".to_vec()), None, Some(b"1".to_vec())]);
    clock.advance(MOMENT);
    assert_eq!(store.get(&["a", "b"]).await.unwrap(), [None, Some(b"2".to_vec())]);
    store.put("b", &[0; MAX_VALUE], SECOND).await.unwrap();
    let error = store.put("b", &[0; MAX_VALUE + 1], SECOND).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
}

#[test_support::test]
async fn what_has_ended_takes_no_memory() {
    let (clock, store) = store();
    for number in 0..10 * MIN_SWEEP {
        store.put(&format!("v{number}"), b"1", SECOND).await.unwrap();
        store.claim(&format!("c{number}"), "a", SECOND).await.unwrap();
        clock.advance(SECOND / 100);
    }
    let state = store.state();
    assert!(state.values.len() + state.owners.len() <= MIN_SWEEP + 2);
}

#[test_support::test]
async fn a_name_has_one_owner_at_a_time() {
    let (clock, store) = store();
    assert!(store.claim("c", "a", SECOND).await.unwrap());
    assert!(!store.claim("c", "b", SECOND).await.unwrap());
    assert!(store.claim("d", "b", SECOND).await.unwrap());
    clock.advance(SECOND - MOMENT);
    assert!(!store.claim("c", "b", SECOND).await.unwrap());
    clock.advance(MOMENT);
    assert!(store.claim("c", "b", SECOND).await.unwrap());
}

#[test_support::test]
async fn a_stream_is_read_from_each_position_in_order() {
    let (clock, store) = store();
    let read = async |from: &StreamPosition, max| {
        store.read("s", from, max, Duration::ZERO).await.unwrap()
    };
    assert_eq!(read(&StreamPosition::Latest, 9).await.entries, []);
    let first = store.append("s", b"a").await.unwrap();
    store.append("s", b"b").await.unwrap();
    clock.advance(SECOND);
    // A clock that is set back does not bring entries out of order.
    clock.set_wall(clock.now() - TimeDelta::hours(1));
    store.append("s", b"c").await.unwrap();
    let behind = StreamPosition::Behind(first);
    assert_eq!(texts(&read(&StreamPosition::Latest, 9).await), ["c"]);
    assert_eq!(texts(&read(&StreamPosition::Since(0), 2).await), ["a", "b"]);
    assert_eq!(texts(&read(&StreamPosition::Since(1_796_000_000_001), 9).await), [""; 0]);
    assert_eq!(texts(&read(&behind, 9).await), ["b", "c"]);
    assert!(read(&behind, 9).await.is_continuous);
    assert_eq!(store.read("other", &behind, 9, SECOND).await.unwrap().entries, []);
}

#[test_support::test]
async fn what_was_trimmed_away_is_told() {
    let (_, store) = store();
    let first = StreamPosition::Behind(store.append("s", b"a").await.unwrap());
    for _ in 1..STREAM_LENGTH {
        store.append("s", b"").await.unwrap();
    }
    let page = store.read("s", &first, 1, Duration::ZERO).await.unwrap();
    assert!(page.is_continuous);
    store.append("s", b"").await.unwrap();
    let page = store.read("s", &first, 1, Duration::ZERO).await.unwrap();
    assert!(!page.is_continuous && page.entries.len() == 1);
    store.flush();
    assert!(!store.read("s", &first, 1, SECOND).await.unwrap().is_continuous);
}

#[test_support::test]
async fn a_reader_waits_for_an_entry_and_no_longer_than_it_says() {
    let (clock, store) = store();
    let reading = |wait| {
        let store = store.clone();
        tokio::spawn(
            async move { store.read("s", &StreamPosition::Latest, 9, wait).await.unwrap() },
        )
    };
    let (short, long) = (reading(SECOND), reading(2 * SECOND));
    tokio::task::yield_now().await;
    clock.advance(SECOND - MOMENT);
    tokio::task::yield_now().await;
    assert!(!short.is_finished());
    clock.advance(MOMENT);
    assert_eq!(texts(&short.await.unwrap()), [""; 0]);
    store.append("s", b"a").await.unwrap();
    assert_eq!(texts(&long.await.unwrap()), ["a"]);
}

#[test_support::test]
async fn the_lead_is_one_owners_and_goes_on_where_it_was_left() {
    let (clock, store) = store();
    let (a, b) = (lead("a"), lead("b"));
    assert_eq!(store.lead(&a).await.unwrap(), Leadership::Own { cursor: None });
    assert_eq!(store.lead(&b).await.unwrap(), Leadership::Another);
    assert_eq!(store.commit(&b, "s", None, b"x", b"0").await.unwrap(), Commit::NotLeader);
    let Commit::Done(first) = store.commit(&a, "s", None, b"x", b"1").await.unwrap() else {
        panic!("it has the lead");
    };
    clock.advance(6 * SECOND - MOMENT);
    let done = store.commit(&a, "s", Some(&first), b"y", b"2").await.unwrap();
    assert!(matches!(done, Commit::Done(_)));
    // That renewed it.
    clock.advance(6 * SECOND - MOMENT);
    assert_eq!(store.lead(&b).await.unwrap(), Leadership::Another);
    clock.advance(MOMENT);
    let cursor = Some(b"2".to_vec());
    assert_eq!(store.commit(&a, "s", None, b"z", b"3").await.unwrap(), Commit::NotLeader);
    assert_eq!(store.lead(&b).await.unwrap(), Leadership::Own { cursor: cursor.clone() });
    store.resign(&a).await.unwrap();
    assert_eq!(store.lead(&a).await.unwrap(), Leadership::Another);
    store.resign(&b).await.unwrap();
    assert_eq!(store.lead(&a).await.unwrap(), Leadership::Own { cursor });
}

#[test_support::test]
async fn nothing_is_committed_behind_what_is_lost() {
    let (_, store) = store();
    let (lead, id) = (lead("a"), EntryId::new("1796000000000-7"));
    store.lead(&lead).await.unwrap();
    assert_eq!(store.commit(&lead, "s", Some(&id), b"x", b"1").await.unwrap(), Commit::Lost);
    assert_eq!(store.lead(&lead).await.unwrap(), Leadership::Own { cursor: None });
    let page = store.read("s", &StreamPosition::Since(0), 9, Duration::ZERO).await.unwrap();
    assert!(page.entries.is_empty());
}
