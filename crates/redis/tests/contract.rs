//! What each store has to hold, whatever it is made of.

use std::time::Duration;

use okta_introspect::SystemClock;
use okta_introspect::shared::{
    Commit, EntryId, InProcessStore, Lead, Leadership, MAX_VALUE, SharedStore, StreamPosition,
    TimeScale,
};

use crate::server::until_async;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);
const NO_WAIT: Duration = Duration::ZERO;

/// All of it. The names must not have been used.
pub(crate) async fn holds(store: &dyn SharedStore) {
    times(store).await;
    values(store).await;
    claims(store).await;
    entries(store).await;
    waiting(store).await;
    leads(store).await;
    commits(store).await;
}

#[test_support::test]
async fn the_store_in_the_process_holds_it() {
    holds(&InProcessStore::new(SystemClock)).await;
}

async fn times(store: &dyn SharedStore) {
    let name = "oi1:{contract}:time";
    let scales = [1, 2, 3].map(|byte| TimeScale([byte; 16]));
    let first = store.time(name, scales[0], None).await.unwrap();
    assert_eq!(first.scale, scales[0], "there was none");
    let second = store.time(name, scales[1], None).await.unwrap();
    assert_eq!(second.scale, scales[0], "it stays");
    assert!(second.micros >= first.micros);
    let third = store.time(name, scales[1], Some(scales[2])).await.unwrap();
    assert_eq!(third.scale, scales[0], "another is broken");
    let fourth = store.time(name, scales[1], Some(scales[0])).await.unwrap();
    assert_eq!(fourth.scale, scales[1], "it is broken");
    let fifth = store.time(name, scales[2], Some(scales[0])).await.unwrap();
    assert_eq!(fifth.scale, scales[1], "the others learn of it");
    let other = store.time("oi1:{contract}:time2", scales[2], None).await.unwrap();
    assert_eq!(other.scale, scales[2], "names are apart");
}

async fn values(store: &dyn SharedStore) {
    let [one, two, three] = ["oi1:{contract}:e:1", "oi1:{contract}:e:2", "oi1:{contract}:n:1"];
    assert_eq!(store.get(&[]).await.unwrap(), []);
    assert_eq!(store.get(&[one]).await.unwrap(), [None]);
    let bytes: Vec<u8> = (0..=255).collect();
    store.put(one, &bytes, LONG).await.unwrap();
    store.put(three, b"three", LONG).await.unwrap();
    let found = store.get(&[three, two, one, one]).await.unwrap();
    assert_eq!(found, [Some(b"three".to_vec()), None, Some(bytes.clone()), Some(bytes)]);
    store.put(one, b"later", LONG).await.unwrap();
    assert_eq!(store.get(&[one]).await.unwrap(), [Some(b"later".to_vec())]);

    let longest = vec![b'x'; MAX_VALUE];
    store.put(two, &longest, LONG).await.unwrap();
    assert_eq!(store.get(&[two]).await.unwrap(), [Some(longest)]);
    store.put(two, &vec![b'x'; MAX_VALUE + 1], LONG).await.unwrap_err();

    store.put(two, b"soon over", SHORT).await.unwrap();
    until_async("the end of a value", async || {
        store.get(&[two]).await.unwrap()[0].is_none().then_some(())
    })
    .await;
    assert_eq!(store.get(&[one]).await.unwrap(), [Some(b"later".to_vec())]);
}

async fn claims(store: &dyn SharedStore) {
    let name = "oi1:{contract}:l:1";
    assert!(store.claim(name, "a", SHORT).await.unwrap());
    until_async("the end of a claim", async || {
        store.claim(name, "b", LONG).await.unwrap().then_some(())
    })
    .await;
    assert!(!store.claim(name, "c", LONG).await.unwrap());
    assert!(!store.claim(name, "b", LONG).await.unwrap(), "not even its own, again");
    assert!(store.claim("oi1:{contract}:l:2", "a", LONG).await.unwrap());
}

fn latest() -> StreamPosition {
    StreamPosition::Latest
}

fn behind(id: &EntryId) -> StreamPosition {
    StreamPosition::Behind(id.clone())
}

async fn entries(store: &dyn SharedStore) {
    let stream = "oi1:{contract}:s";
    let empty = store.read(stream, &latest(), 10, NO_WAIT).await.unwrap();
    assert_eq!((empty.entries.len(), empty.is_continuous), (0, true));
    let never = EntryId::new("1-1");
    let lost = store.read(stream, &behind(&never), 10, NO_WAIT).await.unwrap();
    assert_eq!((lost.entries.len(), lost.is_continuous), (0, false));

    let mut all = Vec::new();
    for number in 0..10_u8 {
        let entry = vec![number; 1 + usize::from(number)];
        all.push((store.append(stream, &entry).await.unwrap(), entry));
    }
    let page = store.read(stream, &latest(), 10, NO_WAIT).await.unwrap();
    assert_eq!((page.entries, page.is_continuous), (all[9..].to_vec(), true));
    let page = store.read(stream, &behind(&all[1].0), 3, NO_WAIT).await.unwrap();
    assert_eq!((page.entries, page.is_continuous), (all[2..5].to_vec(), true));
    let page = store.read(stream, &behind(&all[9].0), 3, NO_WAIT).await.unwrap();
    assert_eq!((page.entries, page.is_continuous), (Vec::new(), true));
    let page = store.read(stream, &StreamPosition::Since(0), 100, NO_WAIT).await.unwrap();
    assert_eq!((page.entries, page.is_continuous), (all.clone(), true));
    let page = store.read(stream, &StreamPosition::Since(1 << 50), 100, NO_WAIT).await.unwrap();
    assert_eq!((page.entries, page.is_continuous), (Vec::new(), true));
    let page = store.read(stream, &behind(&never), 100, NO_WAIT).await.unwrap();
    assert!(!page.is_continuous, "an entry that never was");
    let page = store.read(stream, &behind(&EntryId::new("what")), 1, NO_WAIT).await.unwrap();
    assert!(!page.is_continuous, "an id of another store");

    let longest = vec![b'x'; MAX_VALUE];
    let id = store.append(stream, &longest).await.unwrap();
    let page = store.read(stream, &latest(), 1, NO_WAIT).await.unwrap();
    assert_eq!(page.entries, [(id, longest)]);
}

async fn waiting(store: &dyn SharedStore) {
    let wait = Duration::from_secs(2);
    let stream = "oi1:{contract}:s2";
    for from in [latest(), StreamPosition::Since(0)] {
        let stream = format!("{stream}:{from:?}");
        let (page, id) =
            tokio::join!(store.read(&stream, &from, 10, wait), store.append(&stream, b"first"));
        let id = id.unwrap();
        assert_eq!(page.unwrap().entries, [(id.clone(), b"first".to_vec())], "{from:?}");

        let from = behind(&id);
        let (page, id) =
            tokio::join!(store.read(&stream, &from, 10, wait), store.append(&stream, b"second"));
        assert_eq!(page.unwrap().entries, [(id.unwrap(), b"second".to_vec())]);
        // What is there is not waited for.
        let page = store.read(&stream, &from, 10, Duration::MAX).await.unwrap();
        assert_eq!(page.entries.len(), 1);
    }
    let empty = store.read(stream, &latest(), 10, SHORT).await.unwrap();
    assert_eq!((empty.entries.len(), empty.is_continuous), (0, true));
}

fn lead(owner: &str, ttl: Duration) -> Lead {
    Lead { name: "oi1:{contract}:leader".to_owned(), owner: owner.to_owned(), ttl }
}

async fn leads(store: &dyn SharedStore) {
    let (a, b) = (lead("a", LONG), lead("b", LONG));
    assert_eq!(store.lead(&a).await.unwrap(), Leadership::Own { cursor: None });
    assert_eq!(store.lead(&a).await.unwrap(), Leadership::Own { cursor: None }, "renewed");
    assert_eq!(store.lead(&b).await.unwrap(), Leadership::Another);
    store.resign(&b).await.unwrap();
    assert_eq!(store.lead(&b).await.unwrap(), Leadership::Another, "it was not b's to give up");
    store.resign(&a).await.unwrap();
    assert_eq!(store.lead(&lead("b", SHORT)).await.unwrap(), Leadership::Own { cursor: None });
    until_async("the end of a lead", async || {
        let leadership = store.lead(&a).await.unwrap();
        (leadership != Leadership::Another).then_some(())
    })
    .await;
    store.resign(&a).await.unwrap();
}

async fn commits(store: &dyn SharedStore) {
    let stream = "oi1:{contract}:s3";
    let (a, b) = (lead("a", LONG), lead("b", LONG));
    let none = store.commit(&a, stream, None, b"entry", b"cursor").await.unwrap();
    assert_eq!(none, Commit::NotLeader, "nobody has the lead");
    store.lead(&a).await.unwrap();
    let other = store.commit(&b, stream, None, b"entry", b"cursor").await.unwrap();
    assert_eq!(other, Commit::NotLeader);
    let page = store.read(stream, &StreamPosition::Since(0), 10, NO_WAIT).await.unwrap();
    assert_eq!(page.entries, [], "nothing was done");

    let done = store.commit(&a, stream, None, b"one", b"cursor one").await.unwrap();
    let Commit::Done(one) = done else { panic!("{done:?}") };
    let done = store.commit(&a, stream, Some(&one), b"two", b"cursor two").await.unwrap();
    let Commit::Done(two) = done else { panic!("{done:?}") };
    let page = store.read(stream, &StreamPosition::Since(0), 10, NO_WAIT).await.unwrap();
    assert_eq!(page.entries, [(one.clone(), b"one".to_vec()), (two, b"two".to_vec())]);
    for lost in [EntryId::new("1-1"), EntryId::new("what")] {
        let lost = store.commit(&a, stream, Some(&lost), b"three", b"cursor three").await.unwrap();
        assert_eq!(lost, Commit::Lost);
    }
    let page = store.read(stream, &StreamPosition::Since(0), 10, NO_WAIT).await.unwrap();
    assert_eq!(page.entries.len(), 2, "nothing was done");
    let own = Leadership::Own { cursor: Some(b"cursor two".to_vec()) };
    assert_eq!(store.lead(&a).await.unwrap(), own);
    store.resign(&a).await.unwrap();
    assert_eq!(store.lead(&b).await.unwrap(), own, "the successor goes on there");

    // A commit renews the lead.
    store.lead(&lead("b", SHORT)).await.unwrap();
    store.commit(&b, stream, None, b"entry", b"cursor").await.unwrap();
    // As long as the earlier lead would have lasted.
    store.claim("oi1:{contract}:l:3", "x", SHORT * 2).await.unwrap();
    until_async("the end of a claim", async || {
        store.claim("oi1:{contract}:l:3", "y", SHORT).await.unwrap().then_some(())
    })
    .await;
    assert_eq!(store.lead(&a).await.unwrap(), Leadership::Another);
    store.resign(&b).await.unwrap();
}
