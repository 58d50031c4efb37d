//! The calls under way, by token. A check that needs an answer while a call for its token is under
//! way waits with that call, if the call was sent late enough for the check's bound.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use crate::checker::cache::Cache;
use crate::checker::cache::facts::Known;
use crate::checker::cache::key::{Key, PassingHasher};
use crate::checker::demand::Demand;
use crate::checker::policy::verdict::AnswerSource;
use crate::clock::send_time::Sent;
use crate::error::Error;
use crate::support::single_flight::{Flight, RunId, SingleFlight};
use crate::support::sync::{Mutex, MutexGuard};

/// What a call brings, and from where.
pub(crate) type CallResult = Result<(Known, AnswerSource), Error>;

/// The calls for one token, each with what is demanded of it.
pub(crate) type Calls = SingleFlight<CallResult, Arc<Demand>>;

/// The calls under way. Each token has a place of its own while there is a call for it, so there
/// are never more places than calls.
///
/// Answers are written to the cache under the lock of the token's place, which remembers the newest
/// answer for as long as any call is under way. So a late answer cannot replace a newer one, even
/// if that one was evicted in the meantime.
#[derive(Debug)]
pub(crate) struct Flights {
    shards: Box<[Mutex<Shard>]>,
}

type Shard = HashMap<Key, Place, PassingHasher>;

#[derive(Debug, Default)]
struct Place {
    calls: Calls,
    /// The newest request whose answer has come.
    newest: Option<Sent>,
}

/// Where a check's answer comes from.
pub(crate) enum Found {
    /// It came while the check was getting here.
    Known(Known),
    /// From a call that another check has started.
    Joined(Flight<CallResult>),
    /// From a call that this check has started.
    Started(Flight<CallResult>),
}

impl Flights {
    const SHARDS: usize = 64;

    pub(crate) fn new() -> Self {
        Self { shards: (0..Self::SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Finds an answer for a check: what is `known` by now, a call that it may `join` by what is
    /// demanded of that, or a call that `start` starts, if it may.
    ///
    /// All under one lock, so that no two checks start a call where one is enough.
    pub(crate) fn join_or_start(
        &self,
        key: Key,
        known: impl FnOnce() -> Option<Known>,
        join: impl Fn(&Demand) -> bool,
        start: impl FnOnce(&mut Calls) -> Result<Flight<CallResult>, Error>,
    ) -> Result<Found, Error> {
        let mut shard = self.shard(key);
        if let Some(known) = known() {
            return Ok(Found::Known(known));
        }
        let place = shard.entry(key).or_default();
        if let Some(flight) = place.calls.join(|demand| join(demand)) {
            return Ok(Found::Joined(flight));
        }
        let started = start(&mut place.calls);
        if place.calls.len() == 0 {
            shard.remove(&key);
        }
        started.map(Found::Started)
    }

    /// Finishes a call: writes what it brought to the cache, unless a newer answer came before it,
    /// and clears its place. Nothing is kept of a failure.
    pub(crate) fn finish(&self, key: Key, id: RunId, known: Option<&Known>, cache: &Cache) {
        let mut shard = self.shard(key);
        let Some(place) = shard.get_mut(&key) else { return };
        place.calls.finish(id);
        if let Some(known) = known.filter(|known| place.has_nothing_after(known.sent())) {
            place.newest = Some(known.sent());
            cache.put(key, known);
        }
        if place.calls.len() == 0 {
            shard.remove(&key);
        }
    }

    /// Writes something to the cache that a call has learned on its way and that may be too old for
    /// those that wait, unless something newer is known.
    pub(crate) fn learn(&self, key: Key, known: &Known, cache: &Cache) {
        let mut shard = self.shard(key);
        let Some(place) = shard.get_mut(&key) else { return };
        let sent = known.sent();
        let is_newer = cache.get(key).is_none_or(|cached| sent.is_after(cached.sent()));
        if is_newer && place.has_nothing_after(sent) {
            place.newest = Some(sent);
            cache.put(key, known);
        }
    }

    /// How many calls are under way.
    pub(crate) fn len(&self) -> usize {
        let calls = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.values().map(|place| place.calls.len()).sum::<usize>()
        };
        self.shards.iter().map(calls).sum()
    }

    fn shard(&self, key: Key) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[key.spread() % self.shards.len()];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn has_nothing_after(&self, sent: Sent) -> bool {
        self.newest.is_none_or(|newest| sent.is_after(newest))
    }
}

#[cfg(test)]
pub(crate) mod sample {
    //! A demand for the tests of the pieces.

    use super::*;
    use crate::checker::cache::freshness::Bounds;
    use crate::clock::send_time::Timeline;
    use crate::clock::{Clock, SystemClock};
    use std::time::Duration;

    /// Of a check that waits, and takes what is a minute old.
    pub(crate) fn demand(timeline: &Timeline) -> Arc<Demand> {
        let minute = Duration::from_secs(60).into();
        let bounds = Bounds { max_age: minute, inactive_max_age: minute, stale_if_error: minute };
        let now = SystemClock.monotonic();
        let oldest = bounds.oldest(timeline.ticks(now));
        Arc::new(Demand::new(timeline.clone(), oldest, now, true))
    }
}

#[cfg(test)]
mod tests {
    use super::sample::demand;
    use super::*;
    use crate::checker::cache::facts::sample::{active, inactive};
    use crate::checker::cache::key::Keyer;
    use crate::clock::send_time::Timeline;
    use crate::clock::{Clock, SystemClock};
    use crate::support::random::SeededRandom;

    fn key() -> Key {
        Keyer::new(&SeededRandom::new(1)).key("token")
    }

    #[test]
    fn a_call_is_joined_as_long_as_it_is_young_enough() {
        let (flights, timeline) = (Flights::new(), Timeline::new(SystemClock.monotonic()));
        let mut demands = Vec::new();
        let mut join = |joinable: fn(Option<Sent>) -> bool| {
            let start = |calls: &mut Calls| {
                let demand = demand(&timeline);
                demands.push(Arc::clone(&demand));
                Ok(calls.start_idle(demand))
            };
            let join = |demand: &Demand| joinable(demand.send_time.latest());
            let found = flights.join_or_start(key(), || None, join, start).unwrap();
            if let [_, second] = &demands[..] {
                second.send_time.record(SystemClock.monotonic());
            }
            matches!(found, Found::Joined(_))
        };
        assert!(!join(|_| true), "there is none yet");
        assert!(join(|sent| sent.is_none()), "it has not been sent");
        assert!(!join(|_| false));
        assert!(join(|sent| sent.is_some()), "the second one has");
        assert_eq!(flights.len(), 2);
    }

    #[test]
    fn the_answer_is_looked_for_once_more_under_the_lock() {
        let flights = Flights::new();
        let found = flights.join_or_start(key(), || Some(active(1)), |_| true, |_| unreachable!());
        assert!(matches!(found, Ok(Found::Known(_))));
    }

    #[test]
    fn a_call_that_may_not_start_leaves_no_place() {
        let flights = Flights::new();
        let refuse = |_: &mut Calls| Err(Error::input("not now"));
        assert!(flights.join_or_start(key(), || None, |_| true, refuse).is_err());
        assert!(flights.shard(key()).is_empty());
    }

    #[test]
    fn a_late_answer_is_dropped_even_if_the_newer_one_was_evicted() {
        let (flights, cache) = (Flights::new(), Cache::new(8, 8));
        let timeline = Timeline::new(SystemClock.monotonic());
        for _ in 0..2 {
            let start = |calls: &mut Calls| Ok(calls.start_idle(demand(&timeline)));
            assert!(flights.join_or_start(key(), || None, |_| false, start).is_ok());
        }
        flights.finish(key(), 2, Some(&inactive(9)), &cache);
        cache.clear();
        flights.finish(key(), 1, Some(&active(8)), &cache);
        assert!(cache.get(key()).is_none());
        assert_eq!(flights.len(), 0, "the place is cleared");
    }
}
