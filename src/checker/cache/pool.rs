//! A bounded map that is made for being read.
//!
//! With many tokens, looking one up costs what waiting for memory costs. Here that is one wait: a
//! key tells the set that it is in, and all places of a set are side by side in some four lines of
//! memory, which come at the same time. A hash table beside a list in the order of eviction waits four times.
//!
//! A new key goes to the first of its two sets while that has plenty of room, and else to whichever
//! of the two has more. So the sets fill evenly, and most keys are where they are looked for first.
//! In a full pool with a third more places than entries, one entry in some ten thousand has to go
//! although there would be room elsewhere.
//!
//! What is evicted is found by second chance: a hand goes round a set, and takes the first entry that
//! was not read since it last came by.
//!
//! The crate `quick_cache` under the same keys would save this file. In its place a hit took about
//! 1.14 × as long, and an entry 143 bytes beyond key and payload instead of 76 (93 without its
//! memory of what was evicted). `benches/checker.rs` has a row for its look-up alone.

use std::sync::PoisonError;

use crate::checker::cache::key::Key;
use crate::support::sync::RwLock;
use crate::support::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering};

/// How many places a set has: what fits into four lines of memory where a value takes a word.
const PLACES: usize = 9;

/// With fewer entries than that, a set has plenty of room.
const PLENTY: usize = 6;

/// At most so many values by key.
pub(crate) struct Pool<T> {
    sets: Box<[Set<T>]>,
    len: AtomicUsize,
    capacity: usize,
    /// How many values went to make room for others.
    evictions: AtomicU64,
}

/// A few places behind one lock.
struct Set<T>(RwLock<Places<T>>);

/// Keys and values in columns, so that a key is found without a branch: which place it has is
/// random, and a processor that guesses wrong drops all it has begun.
struct Places<T> {
    lows: [u64; PLACES],
    highs: [u64; PLACES],
    values: [Option<T>; PLACES],
    /// One bit for each value that was read since the hand came by.
    read: AtomicU16,
    hand: u8,
}

impl<T> Pool<T> {
    /// Takes all of its memory at once.
    pub(crate) fn new(capacity: usize) -> Self {
        let places = capacity.saturating_add(capacity / 3);
        let sets = places.div_ceil(PLACES).max(1);
        let sets = (0..sets).map(|_| Set(RwLock::new(Places::new()))).collect();
        Self { sets, len: AtomicUsize::new(0), capacity, evictions: AtomicU64::new(0) }
    }

    /// What `read` makes of the key's value, if there is one.
    pub(crate) fn get<R>(&self, key: Key, read: impl Fn(&T) -> R) -> Option<R> {
        match self.first(key).get(key, &read) {
            None => self.get_second(key, &read),
            found => found,
        }
    }

    #[cold]
    fn get_second<R>(&self, key: Key, read: &impl Fn(&T) -> R) -> Option<R> {
        self.second(key).get(key, read)
    }

    /// Keeps a value in place of the key's old one. Each key may have one writer at a time.
    pub(crate) fn insert(&self, key: Key, value: T) {
        let (first, second) = (self.first(key), self.second(key));
        let (own, other) = (first.look(key), second.look(key));
        let stays = own.holds_key || !other.holds_key && own.len <= other.len.max(PLENTY - 1);
        let home = if stays { first } else { second };
        let (full, mut evicted) = home.write(|places| match places.put(key, value) {
            Put::Replaced => (false, false),
            Put::Evicted => (false, true),
            Put::Added => (self.len.fetch_add(1, Ordering::Relaxed) >= self.capacity, false),
        });
        if full {
            let [fuller, emptier] =
                if own.len < other.len { [second, first] } else { [first, second] };
            let evicts = |places: &mut Places<T>| places.evict(key).is_some();
            evicted = self.take_out(fuller, evicts) || self.take_out(emptier, evicts);
        }
        self.evictions.fetch_add(u64::from(evicted), Ordering::Relaxed);
    }

    pub(crate) fn remove(&self, key: Key) {
        for set in [self.first(key), self.second(key)] {
            self.take_out(set, |places| places.remove(key));
        }
    }

    /// Counts under the set's lock, as an insertion does: nothing is taken out that is not counted
    /// yet.
    fn take_out(&self, set: &Set<T>, takes: impl Fn(&mut Places<T>) -> bool) -> bool {
        set.write(|places| {
            let taken = takes(places);
            self.len.fetch_sub(usize::from(taken), Ordering::Relaxed);
            taken
        })
    }

    #[cfg(test)]
    pub(crate) fn clear(&self) {
        self.sets.iter().for_each(|set| set.write(|places| *places = Places::new()));
        self.len.store(0, Ordering::Relaxed);
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub(crate) fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    fn first(&self, key: Key) -> &Set<T> {
        self.set(key.high)
    }

    fn second(&self, key: Key) -> &Set<T> {
        self.set(key.high.rotate_left(32))
    }

    /// The set at so large a part of the way from the first one to the end.
    fn set(&self, part: u64) -> &Set<T> {
        let at = (u128::from(part) * self.sets.len() as u128) >> 64;
        &self.sets[at as usize] // less than there are sets
    }
}

/// What became of a set that took a value.
enum Put {
    /// The key's old value went.
    Replaced,
    /// There is one value more now.
    Added,
    /// Another key's value went, for all places were taken.
    Evicted,
}

/// What is to be known of a set before a key goes there.
struct Look {
    holds_key: bool,
    len: usize,
}

impl<T> Set<T> {
    fn get<R>(&self, key: Key, read: &impl Fn(&T) -> R) -> Option<R> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).map(read)
    }

    fn look(&self, key: Key) -> Look {
        let places = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let len = places.values.iter().flatten().count();
        Look { holds_key: places.holds(key), len }
    }

    fn write<R>(&self, change: impl FnOnce(&mut Places<T>) -> R) -> R {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> Places<T> {
    fn new() -> Self {
        Self {
            lows: [0; PLACES],
            highs: [0; PLACES],
            values: [const { None }; PLACES],
            read: AtomicU16::new(0),
            hand: 0,
        }
    }

    /// The key's place, or where it was last.
    fn place(&self, key: Key) -> Option<usize> {
        let mut place = 0;
        for (at, low) in self.lows.iter().enumerate() {
            if *low == key.low {
                place = at;
            }
        }
        (self.lows[place] == key.low && self.highs[place] == key.high).then_some(place)
    }

    fn holds(&self, key: Key) -> bool {
        self.place(key).is_some_and(|place| self.values[place].is_some())
    }

    fn get(&self, key: Key) -> Option<&T> {
        let place = self.place(key)?;
        let value = self.values[place].as_ref()?;
        // Mostly it is set already, and then nobody has to write.
        if self.read.load(Ordering::Relaxed) & bit(place) == 0 {
            self.read.fetch_or(bit(place), Ordering::Relaxed);
        }
        Some(value)
    }

    fn put(&mut self, key: Key, value: T) -> Put {
        let free = || self.values.iter().position(Option::is_none);
        let (place, put) = match self.place(key).or_else(free) {
            Some(place) if self.values[place].is_none() => (place, Put::Added),
            Some(place) => (place, Put::Replaced),
            None => (self.evict(key).unwrap_or_default(), Put::Evicted),
        };
        (self.lows[place], self.highs[place]) = (key.low, key.high);
        self.values[place] = Some(value);
        put
    }

    /// Whether there was one.
    fn remove(&mut self, key: Key) -> bool {
        self.place(key).is_some_and(|place| {
            // What comes to this place next has not been read.
            *self.read.get_mut() &= !bit(place);
            self.values[place].take().is_some()
        })
    }

    /// Takes out the value whose turn it is, but not this key's, and gives its place.
    fn evict(&mut self, spared: Key) -> Option<usize> {
        let spared = self.place(spared);
        let read = self.read.get_mut();
        // On the second way round no bit is left.
        for _ in 0..2 * PLACES {
            let place = usize::from(self.hand) % PLACES;
            self.hand = (self.hand + 1) % PLACES as u8;
            let was_read = *read & bit(place) != 0;
            *read &= !bit(place);
            if !was_read && Some(place) != spared && self.values[place].take().is_some() {
                return Some(place);
            }
        }
        None
    }
}

fn bit(place: usize) -> u16 {
    1 << place
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::checker::cache::key::Keyer;
    use crate::support::random::SeededRandom;

    fn keys(count: usize) -> Vec<Key> {
        let keyer = Keyer::new(&SeededRandom::new(1));
        (0..count).map(|number| keyer.key(&number.to_string())).collect()
    }

    fn holds(pool: &Pool<usize>, key: Key) -> bool {
        pool.get(key, |_| ()).is_some()
    }

    #[test]
    fn a_set_of_words_takes_no_more_than_four_lines_of_memory() {
        assert!(size_of::<Set<Arc<()>>>() <= 256);
    }

    #[test]
    fn every_value_is_found_under_its_own_key() {
        let (pool, keys) = (Pool::new(1000), keys(1000));
        for round in 0..3 {
            keys.iter().enumerate().for_each(|(at, key)| pool.insert(*key, at + round));
            for (at, key) in keys.iter().enumerate() {
                assert_eq!(pool.get(*key, |value| *value), Some(at + round), "{at}");
            }
            assert_eq!(pool.len(), 1000, "none was kept twice");
        }
    }

    #[test]
    fn as_many_stay_as_there_is_capacity_for() {
        for capacity in [1, 2, 8, 9, 10, 100, 20_000] {
            let (pool, keys) = (Pool::new(capacity), keys(3 * capacity));
            for (at, key) in keys.iter().enumerate() {
                pool.insert(*key, at);
                assert!(holds(&pool, *key), "{capacity} {at}");
                assert!(pool.len() <= capacity, "{capacity} {at}");
            }
            let held = keys.iter().filter(|key| holds(&pool, **key)).count();
            assert_eq!(held, pool.len(), "{capacity}");
            assert_eq!(pool.evictions(), (keys.len() - held) as u64, "{capacity}");
            assert!(held * 1000 >= capacity * 999, "{held} of {capacity}");
        }
    }

    #[test]
    fn nearly_none_leaves_before_the_pool_is_full() {
        let (pool, keys) = (Pool::new(100_000), keys(100_000));
        keys.iter().enumerate().for_each(|(at, key)| pool.insert(*key, at));
        let lost = keys.iter().filter(|key| !holds(&pool, **key)).count();
        assert!(lost <= 20, "{lost}");
    }

    #[test]
    fn who_is_read_stays_and_who_came_once_goes() {
        let (pool, keys) = (Pool::new(1000), keys(10_000));
        let (used, others) = keys.split_at(500);
        used.iter().for_each(|key| pool.insert(*key, 0));
        let mut lost = 0;
        for (at, key) in others.iter().enumerate() {
            pool.insert(*key, at);
            for key in used.iter().filter(|key| !holds(&pool, **key)) {
                lost += 1;
                pool.insert(*key, 0);
            }
        }
        assert!(lost < others.len() / 50, "{lost}");
    }

    #[test]
    fn what_is_removed_is_gone_and_may_come_back() {
        let (pool, keys) = (Pool::new(100), keys(100));
        for (at, key) in keys.iter().enumerate() {
            pool.insert(*key, at);
            pool.remove(*key);
            pool.remove(*key);
            assert!(!holds(&pool, *key));
            assert_eq!((pool.len(), pool.evictions()), (at, 0));
            pool.insert(*key, at);
        }
        pool.clear();
        assert!(pool.len() == 0 && !keys.iter().any(|key| holds(&pool, *key)));
    }
}
