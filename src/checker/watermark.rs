//! Watermarks: what is known counts only if the server was asked after everything that names it
//! was declared invalid.
//!
//! Invalidation writes one number, however many entries it concerns; each entry finds out when it
//! is next read. The numbers are those of the checker's [`Timeline`], so an answer whose request
//! was sent in the same tick before the invalidation is told apart from one sent after it.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::checker::cache::facts::Known;
use crate::checker::cache::key::{Key, Keyer, PassingHasher};
use crate::clock::send_time::Timeline;
use crate::support::random::Random;
use crate::support::sync::atomic::{AtomicU64, Ordering};
use crate::support::sync::{RwLock, RwLockReadGuard};

/// Every watermark of a checker.
pub(crate) struct Watermarks {
    timeline: Timeline,
    names: Names,
    /// The newest watermark of any kind: facts that have passed it need no look at the rest.
    newest: AtomicU64,
    marks: RwLock<Marks>,
    capacity: usize,
    retention: Duration,
}

#[derive(Default)]
struct Marks {
    named: HashMap<Key, Mark, PassingHasher>,
    /// The newest one that names everything.
    everything: Option<Mark>,
}

/// Keys for the kinds of things that a watermark can name, each kind under its own secret.
struct Names {
    jti: Keyer,
    user: Keyer,
    client: Keyer,
}

#[derive(Clone, Copy)]
struct Mark {
    number: u64,
    made_at: Instant,
}

/// What an invalidation names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named<'a> {
    Everything,
    Token(Key),
    Jti(&'a str),
    User(&'a str),
    Client(&'a str),
}

impl Watermarks {
    /// How many watermarks are kept. One more, and all of them become one that names everything:
    /// too much is asked again, and nothing that was invalidated is ever believed.
    pub(crate) const CAPACITY: usize = 65_536;

    /// `retention` is how long an answer could be used at most: older watermarks concern nothing.
    pub(crate) fn new(
        timeline: Timeline,
        random: &dyn Random,
        capacity: usize,
        retention: Duration,
    ) -> Self {
        let keyer = || Keyer::new(random);
        Self {
            timeline,
            names: Names { jti: keyer(), user: keyer(), client: keyer() },
            newest: AtomicU64::new(0),
            marks: RwLock::default(),
            capacity,
            retention,
        }
    }

    /// Declares everything invalid that was known before now and is named.
    pub(crate) fn raise(&self, named: Named<'_>, now: Instant) {
        let key = match named {
            Named::Everything => None,
            Named::Token(key) => Some(key),
            Named::Jti(id) => Some(self.names.jti.key(id)),
            Named::User(id) => Some(self.names.user.key(id)),
            Named::Client(id) => Some(self.names.client.key(id)),
        };
        let mut marks = self.marks.write().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that `newest` never goes back.
        let mark = Mark { number: self.timeline.next_event(), made_at: now };
        let Marks { named, everything } = &mut *marks;
        if key.is_some() && named.len() >= self.capacity {
            let retention = self.retention;
            named.retain(|_, mark| now.duration_since(mark.made_at) <= retention);
        }
        match key {
            Some(key) if named.len() < self.capacity || named.contains_key(&key) => {
                named.insert(key, mark);
            }
            _ => {
                // It names whatever the others name.
                named.clear();
                *everything = Some(mark);
            }
        }
        self.newest.store(mark.number, Ordering::Release);
    }

    /// Whether anything that names the token with this key, or these facts, was declared invalid at
    /// `then` or later. For facts that were not asked for when their number was given.
    pub(crate) fn invalidated_since(&self, key: Key, known: &Known, then: Instant) -> bool {
        let keys = self.names_of(known);
        let marks = self.marks();
        marks.naming(key, &keys).any(|mark| mark.made_at >= then)
    }

    /// Whether something known about the token with this key counts: whether it was asked for after
    /// everything that names it was declared invalid.
    #[inline(always)]
    pub(crate) fn passes(&self, key: Key, known: &Known) -> bool {
        let newest = self.newest.load(Ordering::Acquire);
        let number = known.sent().number;
        if number > newest {
            return true;
        }
        let Known::Active(facts) = known else { return number > self.naming(key) };
        if facts.has_passed(newest) {
            return true;
        }
        // All under one guard. A watermark that names everything takes the others' place; between
        // two looks, the first would miss the one and the second the other.
        let keys = self.names_of(known);
        let passes = number > self.marks().newest_naming(key, &keys);
        if passes {
            facts.note_passed(newest);
        }
        passes
    }

    /// The newest watermark that names the token itself, or everything.
    pub(crate) fn naming(&self, key: Key) -> u64 {
        self.marks().newest_naming(key, &[])
    }

    /// The keys of what an answer names beside the token.
    fn names_of(&self, known: &Known) -> [Option<Key>; 3] {
        let Known::Active(facts) = known else { return [None; 3] };
        let names = &self.names;
        [
            facts.jti().map(|id| names.jti.key(id)),
            facts.uid().map(|id| names.user.key(id)),
            facts.client_id().map(|id| names.client.key(id)),
        ]
    }

    fn marks(&self) -> RwLockReadGuard<'_, Marks> {
        self.marks.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Marks {
    /// All that name the token with this key, what has one of the other keys, or everything.
    fn naming(&self, key: Key, others: &[Option<Key>]) -> impl Iterator<Item = Mark> {
        let keys = others.iter().flatten().copied().chain([key]);
        keys.filter_map(|key| self.named.get(&key).copied()).chain(self.everything)
    }

    /// The newest of them; zero if there is none.
    fn newest_naming(&self, key: Key, others: &[Option<Key>]) -> u64 {
        self.naming(key, others).map(|mark| mark.number).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::cache::facts::sample::{self, inactive, introspection, sent};
    use crate::clock::{Clock, SystemClock};
    use crate::support::random::SeededRandom;
    use serde_json::json;
    use std::sync::Arc;

    fn watermarks(capacity: usize) -> (Timeline, Watermarks, Key) {
        let (timeline, random) = (Timeline::new(SystemClock.monotonic()), SeededRandom::new(1));
        let marks = Watermarks::new(timeline.clone(), &random, capacity, Duration::from_secs(60));
        (timeline, marks, Keyer::new(&random).key("token"))
    }

    fn known(timeline: &Timeline) -> Known {
        let introspection =
            introspection(json!({"jti": "AT.1", "uid": "00u1", "client_id": "0oa1"}));
        let facts = sample::facts(introspection, sent(timeline.next_event()), None);
        Known::Active(Arc::new(facts))
    }

    #[test]
    fn each_kind_of_name_hits_what_was_asked_before_and_nothing_after() {
        let (timeline, marks, key) = watermarks(100);
        let now = SystemClock.monotonic();
        for (named, hits) in [
            (Named::Everything, true),
            (Named::Token(key), true),
            (Named::Jti("AT.1"), true),
            (Named::User("00u1"), true),
            (Named::Client("0oa1"), true),
            (Named::User("AT.1"), false),
            (Named::Jti("AT.2"), false),
        ] {
            let before = known(&timeline);
            assert!(marks.passes(key, &before), "{named:?}");
            marks.raise(named, now);
            assert_eq!(marks.passes(key, &before), !hits, "{named:?}");
            assert_eq!(marks.passes(key, &before), !hits, "{named:?}, once more");
            assert!(marks.passes(key, &known(&timeline)), "{named:?}: asked after it");
        }
    }

    /// As `checker::interleavings` does, with real threads: 1,000 rounds, or as many as
    /// `OKTA_INTROSPECT_ROUNDS` says.
    #[test]
    fn an_invalidation_counts_while_a_later_one_takes_its_place() {
        let rounds = std::env::var("OKTA_INTROSPECT_ROUNDS").ok();
        let rounds: u64 = rounds.and_then(|text| text.parse().ok()).unwrap_or(1000);
        let (timeline, marks, key) = watermarks(100);
        let (begun, ended) = (AtomicU64::new(0), AtomicU64::new(0));
        let now = SystemClock.monotonic();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=rounds {
                    while begun.load(Ordering::Acquire) < round {
                        std::thread::yield_now();
                    }
                    marks.raise(Named::Everything, now);
                    ended.store(round, Ordering::Release);
                }
            });
            let mut let_in = 0;
            for round in 1..=rounds {
                let before = known(&timeline);
                marks.raise(Named::User("00u1"), now);
                begun.store(round, Ordering::Release);
                while ended.load(Ordering::Acquire) < round {
                    let_in += (0..100).filter(|_| marks.passes(key, &before)).count();
                    // There may be no second processor.
                    std::thread::yield_now();
                }
            }
            assert_eq!(let_in, 0, "of {rounds} rounds");
        });
    }

    #[test]
    fn an_inactive_answer_is_asked_again_when_its_token_is_named() {
        let (timeline, marks, key) = watermarks(100);
        let before = inactive(timeline.next_event());
        marks.raise(Named::User("00u1"), SystemClock.monotonic());
        assert!(marks.passes(key, &before), "nobody knows whose token it is");
        marks.raise(Named::Token(key), SystemClock.monotonic());
        assert!(!marks.passes(key, &before));
    }

    #[test]
    fn too_many_become_one_that_names_everything() {
        let (timeline, marks, key) = watermarks(2);
        let (before, now) = (known(&timeline), SystemClock.monotonic());
        for user in ["a", "b", "a"] {
            marks.raise(Named::User(user), now);
        }
        assert!(marks.passes(key, &before));
        marks.raise(Named::User("c"), now);
        assert!(!marks.passes(key, &before));
        assert!(marks.marks().named.is_empty());
    }

    #[test]
    fn those_that_concern_nothing_any_more_make_room() {
        let (timeline, marks, key) = watermarks(2);
        let (before, now) = (known(&timeline), SystemClock.monotonic());
        marks.raise(Named::User("a"), now);
        marks.raise(Named::User("b"), now);
        marks.raise(Named::User("c"), now + Duration::from_secs(61));
        assert!(marks.passes(key, &before));
        assert_eq!(marks.marks().named.len(), 1);
    }
}
