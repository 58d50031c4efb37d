//! What the types of the shared store show.

use std::collections::BTreeMap;
use std::time::Duration;

use okta_introspect::shared::{
    EntryId, InProcessStore, Lead, Shared, SharedSecret, SharedStore, StreamPosition, TimeScale,
};
use okta_introspect::{Error, ErrorKind, SigningKey};
use test_support::secrets::Secrets;

use crate::org::Org;
use crate::said::{TOKEN, told};

const SECRET: &str = "kO3sJ0vXn1Qe8rT5yU2iPa7dF4gH6jL9";

/// The lines of these types, with a store that carries a token in clear, which ours never does.
pub(super) async fn kept(
    org: &Org,
    key: &SigningKey,
    secrets: &mut Secrets,
) -> BTreeMap<&'static str, String> {
    secrets.add("the shared secret", SECRET);
    let secret = SharedSecret::parse(SECRET.as_bytes()).unwrap();
    let store = InProcessStore::new(org.clock.clone());
    store.put(TOKEN, TOKEN.as_bytes(), Duration::from_secs(10)).await.unwrap();
    let builder =
        Shared::builder(store.clone(), secret.clone()).previous(SharedSecret::of_key(key).unwrap());
    let shared = builder.clone().build().unwrap();
    let (scale, nothing) = (TimeScale([1; 16]), Duration::ZERO);
    let lead = Lead { name: "l".to_owned(), owner: "o".to_owned(), ttl: Duration::from_secs(1) };
    let led = store.lead(&lead).await.unwrap();
    let committed = store.commit(&lead, "s", None, b"sealed", b"sealed").await.unwrap();
    let page = store.read("s", &StreamPosition::Latest, 1, nothing).await.unwrap();
    let errors = [
        SharedSecret::parse(&SECRET.as_bytes()[1..]).unwrap_err(),
        SharedSecret::parse(format!("{SECRET} {TOKEN}").as_bytes()).unwrap_err(),
        SharedSecret::from_file(SECRET).unwrap_err(),
        Error::from_store(ErrorKind::Unreachable, "the store is gone"),
    ];
    let errors: String = errors.iter().map(told).collect();
    BTreeMap::from([
        ("Commit", said!(committed)),
        ("EntryId", said!(EntryId::new("1-0"))),
        ("InProcessStore", said!(store)),
        ("Lead", said!(lead)),
        ("Leadership", said!(led)),
        ("Shared", said!(shared)),
        ("SharedBuilder", said!(builder)),
        ("SharedMetrics", said!(shared.metrics())),
        ("SharedSecret", said!(secret) + &errors),
        ("SharedStore", said!(*(&store as &dyn SharedStore))),
        ("StoreTime", said!(store.time("t", scale, None).await.unwrap())),
        ("StreamPage", said!(page)),
        ("StreamPosition", said!(StreamPosition::Latest)),
        ("TimeScale", said!(scale)),
    ])
}
