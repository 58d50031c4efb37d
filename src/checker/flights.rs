//! Calls under way, by token: who comes while one is under way waits with it, if that call is
//! young enough for them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use crate::checker::cache::Cache;
use crate::checker::cache::facts::Known;
use crate::checker::cache::key::{Key, PassingHasher};
use crate::clock::send_time::{SendTime, Sent};
use crate::error::Error;
use crate::support::single_flight::Flight;
use crate::support::sync::{Mutex, MutexGuard};

/// What a call brings.
pub(crate) type Landed = Result<Known, Error>;

/// The calls under way. Each token has a place of its own while there is a call for it.
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
    calls: Vec<Call>,
    /// The number of the newest request whose answer has come.
    newest: u64,
    started: u64,
}

#[derive(Debug)]
struct Call {
    id: u64,
    flight: Flight<Landed>,
    send_time: Arc<SendTime>,
}

/// What a check is to do.
pub(crate) enum Boarding {
    /// Nothing: the answer came while it was getting here.
    Known(Known),
    /// Wait for a call that somebody else has begun.
    Joined(Flight<Landed>),
    /// Wait for a call that it has begun itself.
    Started(Flight<Landed>),
}

impl Flights {
    const SHARDS: usize = 64;

    pub(crate) fn new() -> Self {
        Self { shards: (0..Self::SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Finds what does for a check: what is `known` by now, a call that was not `sent` or sent
    /// late enough for `joinable`, or a call that `start` begins, if it may.
    ///
    /// All under one lock, so that no two checks begin a call where one would do.
    pub(crate) fn board(
        &self,
        key: Key,
        known: impl FnOnce() -> Option<Known>,
        joinable: impl Fn(Option<Sent>) -> bool,
        start: impl FnOnce(u64) -> Result<(Flight<Landed>, Arc<SendTime>), Error>,
    ) -> Result<Boarding, Error> {
        let mut shard = self.shard(key);
        if let Some(known) = known() {
            return Ok(Boarding::Known(known));
        }
        if let Some(place) = shard.get(&key) {
            // The latest first: it is the one that most may join.
            let call = place.calls.iter().rev().find(|call| joinable(call.send_time.latest()));
            if let Some(call) = call {
                return Ok(Boarding::Joined(call.flight.join()));
            }
        }
        let id = shard.get(&key).map_or(0, |place| place.started);
        let (flight, send_time) = start(id)?;
        let joined = flight.join();
        let place = shard.entry(key).or_default();
        place.started += 1;
        place.calls.push(Call { id, flight, send_time });
        Ok(Boarding::Started(joined))
    }

    /// Ends a call: writes what it brought to the cache, unless that is known better by now, and
    /// clears its place.
    pub(crate) fn land(&self, key: Key, id: u64, known: Option<&Known>, cache: &Cache) {
        let mut shard = self.shard(key);
        let Some(place) = shard.get_mut(&key) else { return };
        place.calls.retain(|call| call.id != id);
        if let Some(known) = known.filter(|known| known.sent().number > place.newest) {
            place.newest = known.sent().number;
            cache.settle(key, known);
        }
        if place.calls.is_empty() {
            shard.remove(&key);
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

/// Clears a call's place however its task ends, even by a panic: otherwise everybody after it
/// would wait for a call that is gone.
pub(crate) struct Landing<'a> {
    pub(crate) flights: &'a Flights,
    pub(crate) cache: &'a Cache,
    pub(crate) key: Key,
    pub(crate) id: u64,
    pub(crate) known: Option<Known>,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.flights.land(self.key, self.id, self.known.as_ref(), self.cache);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::cache::facts::sample::{active, inactive};
    use crate::checker::cache::key::Keyer;
    use crate::clock::send_time::Timeline;
    use crate::clock::{Clock, SystemClock};
    use crate::support::random::SeededRandom;

    fn key() -> Key {
        Keyer::new(&SeededRandom::new(1)).key("token")
    }

    /// A call that never ends by itself.
    fn begin(timeline: &Timeline) -> Result<(Flight<Landed>, Arc<SendTime>), Error> {
        let send_time = SendTime::new(timeline.clone());
        Ok((Flight::start(std::future::pending()), Arc::new(send_time)))
    }

    #[tokio::test]
    async fn a_call_is_joined_as_long_as_it_is_young_enough() {
        let (flights, timeline) = (Flights::new(), Timeline::new(SystemClock.monotonic()));
        let (_, send_time) = begin(&timeline).unwrap();
        let mut send_times = vec![send_time];
        let mut board = |joinable: fn(Option<Sent>) -> bool| {
            let start = |_| {
                let begun = begin(&timeline);
                send_times.extend(begun.as_ref().ok().map(|begun| Arc::clone(&begun.1)));
                begun
            };
            let boarding = flights.board(key(), || None, joinable, start).unwrap();
            if let Some(last) = send_times.last().filter(|_| send_times.len() == 3) {
                last.record(SystemClock.monotonic());
            }
            matches!(boarding, Boarding::Joined(_))
        };
        assert!(!board(|_| true), "there is none yet");
        assert!(board(|sent| sent.is_none()), "it has not been sent");
        assert!(!board(|_| false));
        assert!(board(|sent| sent.is_some()), "the second one has");
        assert_eq!(flights.len(), 2);
    }

    #[tokio::test]
    async fn the_answer_is_looked_for_once_more_under_the_lock() {
        let flights = Flights::new();
        let boarding = flights.board(key(), || Some(active(1)), |_| true, |_| unreachable!());
        assert!(matches!(boarding, Ok(Boarding::Known(_))));
    }

    #[tokio::test]
    async fn a_late_answer_is_dropped_even_if_the_newer_one_was_evicted() {
        let (flights, cache) = (Flights::new(), Cache::new(8, 8));
        for _ in 0..2 {
            let timeline = Timeline::new(SystemClock.monotonic());
            assert!(flights.board(key(), || None, |_| false, |_| begin(&timeline)).is_ok());
        }
        flights.land(key(), 1, Some(&inactive(9)), &cache);
        cache.clear();
        flights.land(key(), 0, Some(&active(8)), &cache);
        assert!(cache.get(key()).is_none());
        assert_eq!(flights.len(), 0, "the place is cleared");
    }
}
