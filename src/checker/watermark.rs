//! Watermarks: what is known counts only if the server was asked after everything that names it
//! was declared invalid.
//!
//! Invalidation writes one number, however many entries it concerns; each entry finds out when it
//! is next read. The numbers are those of the checker's [`Timeline`], so an answer whose request
//! was sent in the same tick before the invalidation is told apart from one sent after it.

mod names;

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

pub(crate) use names::{About, Named};

use crate::checker::cache::facts::Known;
use crate::checker::cache::key::{Key, PassingHasher};
use crate::clock::send_time::Timeline;
use crate::support::random::Random;
use crate::support::sync::atomic::{AtomicU64, Ordering};
use crate::support::sync::{RwLock, RwLockReadGuard};
use names::{Keys, Kind, Names};

/// Every watermark of a checker.
pub(crate) struct Watermarks {
    timeline: Timeline,
    names: Names,
    /// The newest watermark of any kind: facts that have passed it need no look at the rest.
    newest: AtomicU64,
    /// The newest of each kind: what was asked for after it need not be held against that kind, so
    /// that no hash is computed where none was named.
    newest_of: [AtomicU64; Kind::COUNT],
    marks: RwLock<Marks>,
    capacity: usize,
    retention: Duration,
}

#[derive(Default)]
struct Marks {
    named: HashMap<Key, Mark, PassingHasher>,
    /// The newest one that names a login, whichever.
    any_login: Option<Mark>,
    /// The newest one that names everything.
    everything: Option<Mark>,
}

#[derive(Clone, Copy)]
struct Mark {
    number: u64,
    made_at: Instant,
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
        Self {
            timeline,
            names: Names::new(random),
            newest: AtomicU64::new(0),
            newest_of: std::array::from_fn(|_| AtomicU64::new(0)),
            marks: RwLock::default(),
            capacity,
            retention,
        }
    }

    /// Declares everything invalid that was known before now and is named.
    pub(crate) fn raise(&self, named: Named<'_>, now: Instant) {
        let name = self.names.key(named);
        let mut marks = self.marks.write().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that `newest` never goes back.
        let mark = Mark { number: self.timeline.next_event(), made_at: now };
        let Marks { named, any_login, everything } = &mut *marks;
        if name.is_some() && named.len() >= self.capacity {
            let retention = self.retention;
            named.retain(|_, mark| now.duration_since(mark.made_at) <= retention);
        }
        match name {
            Some((kind, key)) if named.len() < self.capacity || named.contains_key(&key) => {
                named.insert(key, mark);
                if kind == Kind::Login {
                    *any_login = Some(mark);
                }
                // Before `newest`: where that is seen, this is too.
                self.newest_of[kind as usize].store(mark.number, Ordering::Release);
            }
            _ => {
                // It names whatever the others name.
                named.clear();
                *everything = Some(mark);
            }
        }
        self.newest.store(mark.number, Ordering::Release);
    }

    /// Whether anything that names a token, or what is known about it, was declared invalid at
    /// `then` or later. For facts that were not asked for when their number was given.
    pub(crate) fn invalidated_since(
        &self,
        about: &About<'_>,
        known: &Known,
        then: Instant,
    ) -> bool {
        let keys = self.names.keys(about, Some(known), |kind| self.newest_of(kind) > 0);
        let marks = self.marks();
        marks.naming(&keys).any(|mark| mark.made_at >= then)
    }

    /// Whether something known about a token counts: whether it was asked for after everything
    /// that names it was declared invalid.
    #[inline(always)]
    pub(crate) fn passes(&self, about: &About<'_>, known: &Known) -> bool {
        let newest = self.newest.load(Ordering::Acquire);
        if known.sent().number > newest {
            return true;
        }
        match known {
            Known::Active(facts) if facts.has_passed(newest) => true,
            known => self.passes_newest(about, known, newest),
        }
    }

    #[inline(never)]
    fn passes_newest(&self, about: &About<'_>, known: &Known, newest: u64) -> bool {
        let passes = self.none_names(about, Some(known), known.sent().number);
        if let (true, Known::Active(facts)) = (passes, known) {
            facts.note_passed(newest);
        }
        passes
    }

    /// Whether the request of this number, of which nothing is known yet, was sent after everything
    /// that names the token itself or its server.
    pub(crate) fn passed_by(&self, about: &About<'_>, number: u64) -> bool {
        number > self.newest.load(Ordering::Acquire) || self.none_names(about, None, number)
    }

    fn none_names(&self, about: &About<'_>, known: Option<&Known>, number: u64) -> bool {
        let keys = self.names.keys(about, known, |kind| self.newest_of(kind) > number);
        // All under one guard. A watermark that names everything takes the others' place; between
        // two looks, the first would miss the one and the second the other.
        self.marks().naming(&keys).all(|mark| number > mark.number)
    }

    fn newest_of(&self, kind: Kind) -> u64 {
        self.newest_of[kind as usize].load(Ordering::Acquire)
    }

    fn marks(&self) -> RwLockReadGuard<'_, Marks> {
        self.marks.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Marks {
    /// All that name what has one of these keys, or everything.
    fn naming(&self, keys: &Keys) -> impl Iterator<Item = Mark> {
        let marks = keys.keys.iter().flatten().filter_map(|key| self.named.get(key).copied());
        let any_login = self.any_login.filter(|_| keys.may_be_any_login);
        marks.chain(any_login).chain(self.everything)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::cache::facts::sample::{self, inactive, introspection, sent};
    use crate::checker::cache::key::Keyer;
    use crate::clock::{Clock, SystemClock};
    use crate::support::random::SeededRandom;
    use serde_json::json;
    use std::sync::Arc;

    fn watermarks(capacity: usize) -> (Timeline, Watermarks, About<'static>) {
        let (timeline, random) = (Timeline::new(SystemClock.monotonic()), SeededRandom::new(1));
        let marks = Watermarks::new(timeline.clone(), &random, capacity, Duration::from_secs(60));
        // Okta's own pair of a token and its hash, see `HASH`.
        let token = "zDfsxCWXNo0QE4MtMZ2TM1je2Ofkgis47rizYbbW2Bk";
        (timeline, marks, About { key: Keyer::new(&random).key(token), server: 1, token })
    }

    const HASH: &str = "hFq1PH4oWPp8F6maiAzaXiCC6i6GbT5PHnKA77192tc=";
    const OTHER_HASH: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn known(timeline: &Timeline) -> Known {
        let introspection = introspection(json!({
            "jti": "AT.1", "uid": "00u1", "client_id": "0oa1", "username": "Ada@acme.example",
            "sub": "ada", "email": "ADA@mail.example",
        }));
        let facts = sample::facts(introspection, sent(timeline.next_event()), None);
        Known::Active(Arc::new(facts))
    }

    #[test]
    fn each_kind_of_name_hits_what_was_asked_before_and_nothing_after() {
        let (timeline, marks, about) = watermarks(100);
        let now = SystemClock.monotonic();
        for (named, hits) in [
            (Named::Everything, true),
            (Named::Token(about.key), true),
            (Named::Jti("AT.1"), true),
            (Named::User("00u1"), true),
            (Named::Client("0oa1"), true),
            (Named::TokenHash(HASH), true),
            (Named::TokenHash("no hash"), true),
            (Named::Login("ada@ACME.example"), true),
            (Named::Login("Ada"), true),
            (Named::Login("ada@mail.example"), true),
            (Named::Login(""), true),
            (Named::Server(1), true),
            (Named::TokenHash(OTHER_HASH), false),
            (Named::Login("00u1"), false),
            (Named::Login("ada@acme.exampl"), false),
            (Named::Server(0), false),
            (Named::User("AT.1"), false),
            (Named::Jti("AT.2"), false),
        ] {
            let before = known(&timeline);
            assert!(marks.passes(&about, &before), "{named:?}");
            marks.raise(named, now);
            assert_eq!(marks.passes(&about, &before), !hits, "{named:?}");
            assert_eq!(marks.passes(&about, &before), !hits, "{named:?}, once more");
            assert!(marks.passes(&about, &known(&timeline)), "{named:?}: asked after it");
        }
    }

    /// As `checker::interleavings` does, with real threads: 1,000 rounds, or as many as
    /// `OKTA_INTROSPECT_ROUNDS` says.
    #[test]
    fn an_invalidation_counts_while_a_later_one_takes_its_place() {
        let rounds = std::env::var("OKTA_INTROSPECT_ROUNDS").ok();
        let rounds: u64 = rounds.and_then(|text| text.parse().ok()).unwrap_or(1000);
        let (timeline, marks, about) = watermarks(100);
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
                    let_in += (0..100).filter(|_| marks.passes(&about, &before)).count();
                    // There may be no second processor.
                    std::thread::yield_now();
                }
            }
            assert_eq!(let_in, 0, "of {rounds} rounds");
        });
    }

    #[test]
    fn an_answer_that_gives_no_login_may_be_anybodys() {
        let (timeline, marks, about) = watermarks(100);
        for (members, concerned) in [
            (json!({"uid": "00u1", "client_id": "0oa1"}), true),
            (json!({"uid": "00u1", "email": ["ada@acme.example"]}), true),
            (json!({"sub": "0oa1"}), false),
            (json!({"username": "bob"}), false),
            (json!({"email": "bob@acme.example"}), false),
        ] {
            let sent = sent(timeline.next_event());
            let facts = sample::facts(introspection(members.clone()), sent, None);
            let before = Known::Active(Arc::new(facts));
            marks.raise(Named::Login("ada"), SystemClock.monotonic());
            assert_eq!(!marks.passes(&about, &before), concerned, "{members}");
        }
    }

    #[test]
    fn an_inactive_answer_is_asked_again_when_its_token_is_named() {
        let (timeline, marks, about) = watermarks(100);
        let before = inactive(timeline.next_event());
        marks.raise(Named::User("00u1"), SystemClock.monotonic());
        assert!(marks.passes(&about, &before), "nobody knows whose token it is");
        marks.raise(Named::Token(about.key), SystemClock.monotonic());
        assert!(!marks.passes(&about, &before));
    }

    #[test]
    fn too_many_become_one_that_names_everything() {
        let (timeline, marks, about) = watermarks(2);
        let (before, now) = (known(&timeline), SystemClock.monotonic());
        for user in ["a", "b", "a"] {
            marks.raise(Named::User(user), now);
        }
        assert!(marks.passes(&about, &before));
        marks.raise(Named::User("c"), now);
        assert!(!marks.passes(&about, &before));
        assert!(marks.marks().named.is_empty());
    }

    #[test]
    fn those_that_concern_nothing_any_more_make_room() {
        let (timeline, marks, about) = watermarks(2);
        let (before, now) = (known(&timeline), SystemClock.monotonic());
        marks.raise(Named::User("a"), now);
        marks.raise(Named::User("b"), now);
        marks.raise(Named::User("c"), now + Duration::from_secs(61));
        assert!(marks.passes(&about, &before));
        assert_eq!(marks.marks().named.len(), 1);
    }
}
