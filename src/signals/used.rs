//! Which JWTs were used, so that each is good once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::{later, shifted};

/// The JWTs of one issuer that were used. Clones share it, so a receiver that takes the place of
/// another one goes on with what that one has seen.
#[derive(Clone)]
pub(crate) struct Used {
    memory: Arc<Mutex<Memory>>,
    capacity: usize,
}

#[derive(Default)]
struct Memory {
    /// Until when each has to be remembered, and its own end.
    jwts: HashMap<Digest, (Instant, DateTime<Utc>)>,
    /// Before this none of them is forgotten.
    next_end: Option<Instant>,
    /// The latest end of those that are forgotten. By a clock that was set back they would be good
    /// again; what the issuer makes now ends later.
    forgotten: Option<DateTime<Utc>>,
}

type Digest = [u8; 32];

/// Why a JWT cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NotUsable {
    /// It was used, or is of a time of which nothing is known any more.
    Used,
    /// There is no room: to use it would be to forget that.
    Full,
}

impl Used {
    /// Some 100 bytes each. Only JWTs that the issuer has signed take room, for six minutes.
    pub(super) const CAPACITY: usize = 10_000;

    pub(super) fn new(capacity: usize) -> Self {
        Self { memory: Arc::default(), capacity }
    }

    /// Uses a JWT that ends at `exp`, and is taken for `leeway` longer.
    pub(super) fn record(
        &self,
        name: &str,
        exp: DateTime<Utc>,
        leeway: Duration,
        (now, monotonic): (DateTime<Utc>, Instant),
    ) -> Result<(), NotUsable> {
        let mut memory = self.memory();
        memory.forget(monotonic);
        let digest = openssl::sha::sha256(name.as_bytes());
        let is_forgotten = memory.forgotten.is_some_and(|latest| exp <= latest);
        if is_forgotten || memory.jwts.contains_key(&digest) {
            return Err(NotUsable::Used);
        }
        if memory.jwts.len() >= self.capacity {
            return Err(NotUsable::Full);
        }
        let leeway = TimeDelta::from_std(leeway).unwrap_or_default();
        let left = (shifted(exp, leeway) - now).to_std().unwrap_or_default();
        // One second is for rounding.
        let until = later(monotonic, left.saturating_add(Duration::from_secs(1)));
        memory.jwts.insert(digest, (until, exp));
        memory.next_end = Some(memory.next_end.map_or(until, |next| next.min(until)));
        Ok(())
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.memory().jwts.len()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn forget(&mut self, now: Instant) {
        if self.next_end.is_none_or(|next| now < next) {
            return;
        }
        let Self { jwts, forgotten, .. } = self;
        jwts.retain(|_, (until, exp)| {
            let stays = now < *until;
            if !stays {
                *forgotten = (*forgotten).max(Some(*exp));
            }
            stays
        });
        self.next_end = self.jwts.values().map(|(until, _)| *until).min();
    }
}

impl fmt::Debug for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Used").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    const LEEWAY: Duration = Duration::from_secs(60);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    /// Uses one at this time of both clocks, which begin at 1000.
    fn record(
        used: &Used,
        start: Instant,
        name: &str,
        exp: i64,
        now: u64,
    ) -> Result<(), NotUsable> {
        let monotonic = start + Duration::from_secs(now - 1000);
        used.record(name, at(exp), LEEWAY, (at(now as i64), monotonic))
    }

    #[test]
    fn each_is_good_once_until_the_end_of_its_leeway() {
        let (used, start) = (Used::new(10), SystemClock.monotonic());
        assert_eq!(record(&used, start, "a", 1300, 1000), Ok(()));
        assert_eq!(record(&used, start, "b", 1300, 1000), Ok(()));
        for now in [1000, 1300, 1360, 1361] {
            let again = record(&used, start, "a", 1300, now);
            assert_eq!(again, Err(NotUsable::Used), "{now}");
        }
        // Long after its end it would be refused as expired; here it still is.
        assert_eq!(record(&used, start, "a", 1300, 5000), Err(NotUsable::Used));
        assert_eq!(record(&used, start, "a", 5300, 5000), Ok(()), "a later one of the same name");
        assert_eq!(used.len(), 1);
    }

    #[test]
    fn a_full_memory_refuses_and_forgets_nothing() {
        let (used, start) = (Used::new(2), SystemClock.monotonic());
        assert_eq!(record(&used, start, "a", 1300, 1000), Ok(()));
        assert_eq!(record(&used, start, "b", 1400, 1000), Ok(()));
        assert_eq!(record(&used, start, "c", 1400, 1000), Err(NotUsable::Full));
        assert_eq!(record(&used, start, "a", 1300, 1000), Err(NotUsable::Used));
        // The first has ended: there is room.
        assert_eq!(record(&used, start, "c", 1600, 1362), Ok(()));
        assert_eq!(record(&used, start, "b", 1400, 1362), Err(NotUsable::Used));
    }

    #[test]
    fn a_wall_clock_that_is_set_back_makes_none_good_again() {
        let (used, start) = (Used::new(2), SystemClock.monotonic());
        assert_eq!(record(&used, start, "a", 1300, 1000), Ok(()));
        let long_after = start + Duration::from_secs(1000);
        let again = used.record("a", at(1300), LEEWAY, (at(1000), long_after));
        assert_eq!(again, Err(NotUsable::Used));
        assert_eq!(used.record("b", at(1301), LEEWAY, (at(1000), long_after)), Ok(()));
    }

    #[test]
    fn clones_share_what_was_used() {
        let (used, start) = (Used::new(2), SystemClock.monotonic());
        assert_eq!(record(&used.clone(), start, "a", 1300, 1000), Ok(()));
        assert_eq!(record(&used, start, "a", 1300, 1000), Err(NotUsable::Used));
    }
}
