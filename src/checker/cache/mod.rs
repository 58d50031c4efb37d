//! What is known about tokens, in two bounded pools.
//!
//! Inactive answers have a pool of their own: made-up tokens fill that one, and take no room from
//! the tokens in use.

pub(crate) mod facts;
pub(crate) mod freshness;
pub(crate) mod intern;
pub(crate) mod key;
pub(crate) mod pool;
pub(crate) mod rest;
#[cfg(test)]
mod round_trip;
pub(crate) mod seconds;
pub(crate) mod texts;

use std::fmt;
use std::sync::Arc;

use crate::checker::cache::facts::{Facts, Known, Refused};
use crate::checker::cache::key::Key;
use crate::checker::cache::pool::Pool;

/// The two pools. A reader waits for nothing but a write to the same part of a pool.
///
/// There are two writers. An answer is [put](Self::put) under the lock of its token's place in the
/// [flights](crate::checker::flights), so that two answers about one token are compared one after
/// the other. An invalidation [removes](Self::remove) without that lock: it only frees room, since
/// the token's [watermark](crate::checker::watermark), raised before, keeps the old answer from
/// counting wherever it still is.
pub(crate) struct Cache {
    active: Pool<Arc<Facts>>,
    inactive: Pool<Refused>,
}

impl Cache {
    pub(crate) fn new(capacity: usize, inactive_capacity: usize) -> Self {
        Self { active: Pool::new(capacity), inactive: Pool::new(inactive_capacity) }
    }

    /// What is known, if anything is.
    #[inline(always)]
    pub(crate) fn get(&self, key: Key) -> Option<Known> {
        match self.active.get(key, Arc::clone) {
            Some(facts) => Some(Known::Active(facts)),
            None => self.inactive.get(key, |refused| *refused).map(Known::Inactive),
        }
    }

    /// Keeps an answer in place of what is there.
    /// [`Flights::finish`](crate::checker::flights::Flights::finish) calls it for the newest only.
    pub(crate) fn put(&self, key: Key, known: &Known) {
        // Readers look at the active pool first. So an active answer goes out before an inactive
        // one comes in; the other way round one reader could see the new "no" and the next the old
        // "yes". A reader that finds neither looks again under the lock that the writer holds.
        match known {
            Known::Active(facts) => {
                self.active.insert(key, Arc::clone(facts));
                self.inactive.remove(key);
            }
            Known::Inactive(refused) => {
                self.active.remove(key);
                self.inactive.insert(key, *refused);
            }
        }
    }

    /// Forgets what is known about one token.
    pub(crate) fn remove(&self, key: Key) {
        self.active.remove(key);
        self.inactive.remove(key);
    }

    /// Forgets everything, as eviction might.
    #[cfg(test)]
    pub(crate) fn clear(&self) {
        self.active.clear();
        self.inactive.clear();
    }

    /// How many active and inactive answers are held.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.active.len(), self.inactive.len())
    }

    /// How many active and inactive answers went to make room for others.
    pub(crate) fn evictions(&self) -> (u64, u64) {
        (self.active.evictions(), self.inactive.evictions())
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (active, inactive) = self.len();
        f.debug_struct("Cache").field("active", &active).field("inactive", &inactive).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::cache::facts::sample::{active, inactive};
    use crate::checker::cache::key::Keyer;
    use crate::support::random::SeededRandom;

    fn keyer() -> Keyer {
        Keyer::new(&SeededRandom::new(1))
    }

    fn is_active(cache: &Cache, key: Key) -> Option<bool> {
        cache.get(key).map(|known| matches!(known, Known::Active(_)))
    }

    #[test]
    fn a_token_is_in_one_pool_at_a_time() {
        let (cache, key) = (Cache::new(8, 8), keyer().key("token"));
        for (known, expected, len) in
            [(active(1), true, (1, 0)), (inactive(2), false, (0, 1)), (active(3), true, (1, 0))]
        {
            cache.put(key, &known);
            assert_eq!((is_active(&cache, key), cache.len()), (Some(expected), len));
        }
    }

    #[test]
    fn negative_entries_cannot_evict_good_ones() {
        let (cache, keyer) = (Cache::new(100, 100), keyer());
        let good: Vec<Key> = (0..100).map(|n| keyer.key(&format!("good {n}"))).collect();
        for (number, key) in good.iter().enumerate() {
            cache.put(*key, &active(number as u64));
        }
        let kept = |cache: &Cache| good.iter().filter(|key| cache.get(**key).is_some()).count();
        let before = kept(&cache);
        for number in 0..10_000 {
            cache.put(keyer.key(&format!("garbage {number}")), &inactive(1000 + number));
        }
        assert_eq!(kept(&cache), before);
        assert!(cache.len().1 <= 100);
    }

    #[test]
    fn what_is_forgotten_is_gone() {
        let (cache, keyer) = (Cache::new(8, 8), keyer());
        cache.put(keyer.key("a"), &active(1));
        cache.put(keyer.key("b"), &inactive(2));
        cache.remove(keyer.key("a"));
        cache.remove(keyer.key("b"));
        assert_eq!(cache.len(), (0, 0));
        cache.put(keyer.key("a"), &active(3));
        cache.clear();
        assert_eq!(cache.len(), (0, 0));
    }
}
