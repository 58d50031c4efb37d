//! What a follower makes of a batch that says something about times.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::clock::ManualClock;
use crate::issuer::Issuer;
use crate::shared::{
    InProcessStore, Shared, SharedSecret, SharedStore, StoreTime, TimeScale, Watched,
};
use crate::signals::feed::Feed;
use crate::signals::signal::{Signal, SourceKind, Subject};
use crate::signals::stream::batch::{Batch, BatchId, CoveredUntil, Place};
use crate::signals::stream::follower::Follower;
use crate::signals::stream::instance::Instance;
use crate::support::random::SeededRandom;

const MICROS: u64 = 1_796_032_800_000_000;

struct World {
    store: InProcessStore,
    feed: Feed,
    instance: Arc<Instance>,
    follower: Follower,
    clock: ManualClock,
    batches: u8,
    watched: Option<Watched>,
}

impl World {
    fn new() -> Self {
        let now: DateTime<Utc> = DateTime::from_timestamp_micros(MICROS as i64).unwrap();
        let clock = ManualClock::new(now);
        let store = InProcessStore::new(clock.clone());
        let secret = SharedSecret::parse(b"c2VjcmV0IG9mIHRlc3RzOiAwMTIzNDU2Nzg5").unwrap();
        let shared = Shared::builder(store.clone(), secret).random(SeededRandom::new(1));
        let shared = shared.build().unwrap();
        let issuer = Issuer::parse("https://acme.okta.com").unwrap();
        let feed = Feed::builder([]).clock(clock.clone()).build();
        let (org, address) = (shared.org(&issuer), issuer.org().to_owned());
        let instance = Arc::new(Instance::new(shared, org, address, feed.clone()));
        let follower = Follower::new(Arc::clone(&instance));
        Self { store, feed, instance, follower, clock, batches: 0, watched: None }
    }

    async fn scale(&mut self) -> TimeScale {
        let scale = self.instance.scale().await.unwrap();
        self.watched = Some(scale.watched());
        scale.id()
    }

    /// Applies a batch that goes on behind the one before.
    async fn hear(&mut self, made: Option<StoreTime>, until: Option<StoreTime>) -> (u64, u64) {
        let behind = self.batches.checked_sub(1).map(|before| BatchId([before; 16]));
        let covered = until.map(|until| CoveredUntil { until, within: Duration::from_secs(7) });
        let place = Some(Place { behind, covered, ..Place::default() });
        self.hear_batch(made, place, Vec::new()).await;
        let uncovered = self.uncovered();
        (uncovered["other_scale"], uncovered["future"])
    }

    async fn hear_batch(
        &mut self,
        made: Option<StoreTime>,
        place: Option<Place>,
        signals: Vec<Signal>,
    ) {
        let (id, watched) = (BatchId([self.batches; 16]), self.watched);
        let batch = Batch { id, made, watched, place, signals };
        self.batches += 1;
        let entry = self.instance.seal(&batch);
        self.store.append(&self.instance.org.stream, &entry).await.unwrap();
        self.follower.turn().await.unwrap();
    }

    fn uncovered(&self) -> std::collections::BTreeMap<&'static str, u64> {
        crate::signals::StreamMetrics::new(Arc::clone(&self.instance)).status().uncovered
    }

    fn lag(&self) -> Option<Duration> {
        self.feed.status().first().and_then(|status| status.lag)
    }
}

#[test_support::test]
async fn coverage_goes_as_far_as_is_said_in_the_own_scale_and_never_into_the_future() {
    let mut world = World::new();
    let scale = world.scale().await;
    let at = |micros: u64| Some(StoreTime { micros, scale });
    let other = |micros: u64| Some(StoreTime { micros, scale: TimeScale([9; 16]) });
    let second = 1_000_000;
    assert_eq!(world.hear(at(MICROS), None).await, (0, 0));
    assert_eq!(world.lag(), None);
    // The store's clock shows whole microseconds, and the latest that it may show is one further.
    for (made, until, uncovered, lag) in [
        (at(MICROS), at(MICROS - 5 * second), (0, 0), Some(5)),
        (None, at(MICROS - 4 * second), (1, 0), Some(5)),
        (other(MICROS), at(MICROS - 4 * second), (2, 0), Some(5)),
        (at(MICROS), other(MICROS - 4 * second), (3, 0), Some(5)),
        (at(MICROS + 2), at(MICROS - 4 * second), (3, 1), Some(5)),
        (at(MICROS - 4 * second - 1), at(MICROS - 4 * second), (3, 2), Some(5)),
        (at(MICROS - 4 * second), at(MICROS - 4 * second), (3, 2), Some(4)),
        (at(MICROS + 1), at(MICROS - 3 * second), (3, 2), Some(3)),
    ] {
        assert_eq!(world.hear(made, until).await, uncovered, "{made:?} {until:?}");
        let told = world.lag().map(|lag| lag.as_secs());
        assert_eq!(told, lag, "{made:?} {until:?}");
    }
    // Nor where the clock may have been set between what the two have seen of it.
    for (since, until, counts) in [
        (0, MICROS - 1, false),
        (MICROS + 1, u64::MAX, false),
        (0, MICROS, true),
        (MICROS, u64::MAX, true),
    ] {
        let (before, _) = world.hear(at(MICROS), at(MICROS - 3 * second)).await;
        world.watched = Some(Watched { since, until });
        let (after, _) = world.hear(at(MICROS), at(MICROS - 2 * second)).await;
        assert_eq!(after - before, u64::from(!counts), "{since} {until}");
        world.watched = world.instance.scale().await.map(|scale| scale.watched());
    }
    world.watched = None;
    assert_eq!(world.hear(at(MICROS), at(MICROS - second)).await, (6, 2));
    assert_eq!(world.lag().map(|lag| lag.as_secs()), Some(2));
}

#[test_support::test]
async fn what_was_kept_back_for_longer_than_five_minutes_is_not_applied() {
    for (kept_back, is_applied) in [(-1, true), (0, true), (1, false)] {
        let mut world = World::new();
        let scale = world.scale().await;
        let at = |micros: u64| Some(StoreTime { micros, scale });
        world.clock.advance(Duration::from_secs(1));
        world.hear(at(MICROS), None).await;
        let made = MICROS.saturating_add_signed(-300_000_000 - kept_back);
        let signal = Signal::new(SourceKind::EventHook, "k", [Subject::Everything]);
        world.hear_batch(at(made), None, vec![signal]).await;
        let status = world.feed.status();
        let is_heard = status.iter().any(|status| status.source == SourceKind::EventHook);
        assert_eq!(is_heard, is_applied, "{kept_back}");
        // Of another scale it cannot be told.
        let other = Some(StoreTime { micros: 1, scale: TimeScale([9; 16]) });
        let signal = Signal::new(SourceKind::SecurityEvent, "k", [Subject::Everything]);
        world.hear_batch(other, None, vec![signal]).await;
        assert!(world.feed.status().iter().any(|it| it.source == SourceKind::SecurityEvent));
    }
}

#[test_support::test]
async fn a_batch_of_the_future_makes_none_stale() {
    let mut world = World::new();
    let scale = world.scale().await;
    let at = |micros: u64| Some(StoreTime { micros, scale });
    world.hear(at(MICROS), None).await;
    world.hear(at(MICROS + 3_600_000_000), None).await;
    let signal = Signal::new(SourceKind::EventHook, "k", [Subject::Everything]);
    world.hear_batch(at(MICROS), None, vec![signal]).await;
    assert!(world.feed.status().iter().any(|it| it.source == SourceKind::EventHook));
}
