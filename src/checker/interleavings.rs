//! The pieces that several threads touch, under a scheduler that tries their interleavings:
//!
//! `RUSTC_WORKSPACE_WRAPPER=$PWD/tests/with-shuttle cargo test -p okta-introspect --lib interleavings`
//!
//! `SCHEDULES` in the environment says how many are tried of each.

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use shuttle::thread;

use crate::checker::cache::Cache;
use crate::checker::cache::facts::{Known, Refused, sample};
use crate::checker::cache::freshness::Bounds;
use crate::checker::cache::key::{Key, Keyer};
use crate::checker::cache::pool::Pool;
use crate::checker::flights::sample::demand;
use crate::checker::flights::{Calls, Flights, Found};
use crate::checker::watermark::{About, Named, Watermarks};
use crate::checker::{
    Answered, Checker, CheckerConfig, Invalidation, Requirement, SignalMode, Upstream,
};
use crate::clock::send_time::{SendTime, Sent, Timeline};
use crate::clock::{Clock, ManualClock, SystemClock};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::secret::Token;
use crate::support::boxed_future::BoxFuture;
use crate::support::random::SeededRandom;
use crate::support::single_flight::RunId;
use crate::support::sync::atomic::{AtomicUsize, Ordering};

fn schedules() -> usize {
    std::env::var("SCHEDULES").map_or(5_000, |text| text.parse().unwrap())
}

/// Flights, cache and watermarks around one token.
struct World {
    timeline: Timeline,
    key: Key,
    flights: Flights,
    cache: Cache,
    watermarks: Watermarks,
    started: AtomicUsize,
}

impl World {
    fn new() -> Arc<Self> {
        let (timeline, random) = (Timeline::new(SystemClock.monotonic()), SeededRandom::new(1));
        let retention = Duration::from_secs(60);
        let watermarks = Watermarks::new(timeline.clone(), &random, 100, retention);
        let key = Keyer::new(&random).key("token");
        let (flights, cache) = (Flights::new(), Cache::new(8, 8));
        Arc::new(Self { timeline, key, flights, cache, watermarks, started: AtomicUsize::new(0) })
    }

    /// What a check finds that joins any call under way if `join` is set, and none otherwise.
    fn join_or_start(&self, join: bool) -> Found {
        let start = |calls: &mut Calls| {
            self.started.fetch_add(1, Ordering::SeqCst);
            Ok(calls.start_idle(demand(&self.timeline)))
        };
        let known = || self.cache.get(self.key).filter(|known| self.counts(known));
        self.flights.join_or_start(self.key, known, |_| join, start).unwrap()
    }

    fn sent(&self) -> Sent {
        self.timeline.sent(SystemClock.monotonic())
    }

    fn counts(&self, known: &Known) -> bool {
        self.watermarks.passes(&About { key: self.key, server: 0, token: "token" }, known)
    }

    fn finish(&self, id: RunId, known: &Known) {
        self.flights.finish(self.key, id, Some(known), &self.cache);
    }
}

fn active(sent: Sent) -> Known {
    let answer = sample::introspection(serde_json::json!({"uid": "00u1"}));
    Known::Active(Arc::new(sample::facts(answer, sent, None)))
}

#[test]
fn however_answers_overtake_each_other_the_newest_stays_and_time_never_runs_back() {
    shuttle::check_random(
        || {
            let world = World::new();
            world.join_or_start(false);
            let older = active(world.sent());
            world.join_or_start(false);
            let newer = Known::Inactive(Refused { sent: world.sent() });
            let newest = newer.sent().number;
            let threads = [(1, older), (2, newer)].map(|(id, known)| {
                let world = Arc::clone(&world);
                thread::spawn(move || world.finish(id, &known))
            });
            let reader = thread::spawn({
                let world = Arc::clone(&world);
                move || {
                    let mut seen = 0;
                    for _ in 0..4 {
                        let number = world.cache.get(world.key).map(|known| known.sent().number);
                        assert!(number.is_none_or(|number| number >= seen), "back in time");
                        seen = number.unwrap_or(seen);
                    }
                }
            });
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            reader.join().unwrap();
            let last = world.cache.get(world.key).map(|known| known.sent().number);
            assert_eq!((last, world.flights.len()), (Some(newest), 0));
        },
        schedules(),
    );
}

#[test]
fn of_many_checks_at_once_one_starts_a_call() {
    shuttle::check_random(
        || {
            let world = World::new();
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let world = Arc::clone(&world);
                    thread::spawn(move || match world.join_or_start(true) {
                        Found::Started(_) => world.finish(1, &active(world.sent())),
                        Found::Joined(_) | Found::Known(_) => {}
                    })
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(world.started.load(Ordering::SeqCst), 1);
            assert_eq!(world.flights.len(), 0);
        },
        schedules(),
    );
}

#[test]
fn whoever_joins_while_an_old_answer_is_found_gets_it_only_if_it_is_young_enough() {
    shuttle::check_random(
        || {
            let world = World::new();
            let demand = demand(&world.timeline);
            let old = active(world.sent());
            let taker = thread::spawn({
                let (demand, old) = (Arc::clone(&demand), old.clone());
                move || demand.take(&old)
            });
            // Accepts nothing that is there already.
            let zero = Duration::ZERO.into();
            let now = Bounds { max_age: zero, inactive_max_age: zero, stale_if_error: zero };
            let oldest = now.oldest(world.timeline.ticks(SystemClock.monotonic()));
            let joins = demand.join(oldest, SystemClock.monotonic(), |_| true);
            let taken = taker.join().unwrap();
            assert!(joins != taken, "an old answer, or none although it would do");
        },
        schedules(),
    );
}

#[test]
fn what_was_asked_before_an_invalidation_never_counts_after_it() {
    shuttle::check_random(
        || {
            let world = World::new();
            world.join_or_start(false);
            let call = thread::spawn({
                let world = Arc::clone(&world);
                move || world.finish(1, &active(world.sent()))
            });
            let reader = thread::spawn({
                let world = Arc::clone(&world);
                // The facts remember that they passed: that must not outlive the invalidation.
                move || world.cache.get(world.key).map(|known| world.counts(&known))
            });
            let invalidations = [Named::User("00u2"), Named::User("00u1")].map(|named| {
                let world = Arc::clone(&world);
                thread::spawn(move || {
                    let before = world.timeline.next_event();
                    world.watermarks.raise(named, SystemClock.monotonic());
                    if matches!(named, Named::User("00u1")) {
                        let known = world.cache.get(world.key);
                        let counts = known.filter(|known| world.counts(known));
                        let number = counts.map(|known| known.sent().number);
                        assert!(number.is_none_or(|number| number > before), "{number:?} {before}");
                    }
                })
            });
            call.join().unwrap();
            reader.join().unwrap();
            invalidations.into_iter().for_each(|thread| thread.join().unwrap());
        },
        schedules(),
    );
}

#[test]
fn an_invalidation_counts_while_a_later_one_takes_its_place() {
    shuttle::check_random(
        || {
            let world = World::new();
            let before = active(world.sent());
            let later = thread::spawn({
                let world = Arc::clone(&world);
                move || world.watermarks.raise(Named::Everything, SystemClock.monotonic())
            });
            world.watermarks.raise(Named::User("00u1"), SystemClock.monotonic());
            assert!(!world.counts(&before), "let in after its user was invalidated");
            later.join().unwrap();
            assert!(!world.counts(&before), "let in after everything was invalidated");
        },
        schedules(),
    );
}

#[test]
fn however_writers_meet_the_pool_counts_what_it_holds() {
    shuttle::check_random(
        || {
            let keyer = Keyer::new(&SeededRandom::new(1));
            let keys = ["a", "b", "c"].map(|text| keyer.key(text));
            let pool = Arc::new(Pool::new(2));
            let writers = keys.map(|key| {
                let pool = Arc::clone(&pool);
                thread::spawn(move || pool.insert(key, ()))
            });
            pool.remove(keys[0]);
            assert!(pool.len() <= keys.len(), "taken out before it was counted");
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            let held = keys.iter().filter(|key| pool.get(**key, |()| ()).is_some()).count();
            assert_eq!(pool.len(), held);
            assert!(held <= 2);
        },
        schedules(),
    );
}

/// A checker that knows two users' tokens, both longer than its bound, and asks nobody.
struct Extending {
    clock: ManualClock,
    checker: Checker,
    requirement: Requirement,
}

#[derive(Debug)]
struct Nobody(Issuer);

impl Upstream for Nobody {
    fn issuer(&self) -> &Issuer {
        &self.0
    }

    fn introspect<'a>(
        &'a self,
        _: &'a Token,
        _: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        unreachable!("the cache is looked at, and no more")
    }
}

impl Extending {
    fn new() -> Arc<Self> {
        let clock = ManualClock::new(DateTime::UNIX_EPOCH);
        let mut config = CheckerConfig::default();
        config.signals = SignalMode::Extend;
        (config.capacity, config.inactive_capacity, config.refresh_ahead) = (8, 8, false);
        let checker = Checker::builder(Nobody(Issuer::parse("https://acme.okta.com").unwrap()))
            .config(config)
            .clock(clock.clone())
            .random(SeededRandom::new(1))
            .build()
            .unwrap();
        let requirement = Requirement::new().max_age(Duration::from_secs(1)).extended();
        Arc::new(Self { clock, checker, requirement })
    }

    /// An answer to a request that is sent now. The token's text is its user's id.
    fn know(&self, user: &str) {
        let inner = &self.checker.inner;
        let answer = sample::introspection(serde_json::json!({ "uid": user }));
        let sent = inner.timeline.sent(self.clock.monotonic());
        let known = Known::Active(Arc::new(sample::facts(answer, sent, None)));
        inner.cache.put(inner.servers[0].keyer.key(user), &known);
    }

    fn lets_in(&self, token: &str) -> bool {
        self.checker.try_check(token, &self.requirement).is_some()
    }

    fn advance(&self) {
        self.checker.coverage().advance(self.clock.monotonic());
    }
}

#[test]
fn an_advance_that_is_seen_shows_every_invalidation_before_it() {
    shuttle::check_random(
        || {
            let world = Extending::new();
            world.checker.coverage().begin(world.clock.monotonic());
            ["00u1", "00u2"].iter().for_each(|user| world.know(user));
            world.clock.advance(Duration::from_secs(20));
            let source = thread::spawn({
                let world = Arc::clone(&world);
                move || {
                    world.checker.invalidate(Invalidation::User("00u1"));
                    world.advance();
                }
            });
            assert!(!world.lets_in("00u1"), "extended past a signal that names it");
            source.join().unwrap();
            assert!(!world.lets_in("00u1") && world.lets_in("00u2"));
        },
        schedules(),
    );
}

#[test]
fn an_advance_that_is_seen_shows_the_beginning_before_it() {
    shuttle::check_random(
        || {
            let world = Extending::new();
            world.checker.coverage().begin(world.clock.monotonic());
            world.know("00u1");
            world.clock.advance(Duration::from_secs(20));
            world.know("00u2");
            let since = world.clock.monotonic();
            world.clock.advance(Duration::from_secs(20));
            // After a gap: nothing is known of what happened before `since`.
            let source = thread::spawn({
                let world = Arc::clone(&world);
                move || {
                    world.checker.coverage().begin(since);
                    world.advance();
                }
            });
            assert!(!world.lets_in("00u1"), "extended across a gap");
            source.join().unwrap();
            assert!(!world.lets_in("00u1") && world.lets_in("00u2"));
        },
        schedules(),
    );
}
