//! So many a second, and a second's worth at once. Pure: time comes in as an argument.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::later;

/// Counts what may be done so many times a second.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    /// How long one token takes to come.
    interval: Duration,
    /// When it is full again; `None` before the first was taken.
    full_at: Option<Instant>,
}

/// How long an empty one takes to be full.
const FULL: Duration = Duration::from_secs(1);

impl TokenBucket {
    /// A full one.
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        Self { interval: (FULL / per_second.get()).max(Duration::from_nanos(1)), full_at: None }
    }

    /// How many are in it.
    pub(crate) fn left(&self, now: Instant) -> u64 {
        let left = FULL.saturating_sub(self.missing(now)).as_nanos() / self.interval.as_nanos();
        left as u64 // at most as many as a second has nanoseconds
    }

    /// How long until there is one; zero if there is.
    pub(crate) fn next_in(&self, now: Instant) -> Duration {
        self.missing(now).saturating_sub(FULL.saturating_sub(self.interval))
    }

    /// Takes one, which is owed if there is none.
    pub(crate) fn take(&mut self, now: Instant) {
        let full_at = self.full_at.map_or(now, |at| at.max(now));
        self.full_at = Some(later(full_at, self.interval));
    }

    /// How long it takes to be full.
    fn missing(&self, now: Instant) -> Duration {
        self.full_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    fn bucket(per_second: u32) -> (TokenBucket, Instant) {
        (TokenBucket::new(NonZeroU32::new(per_second).unwrap()), SystemClock.monotonic())
    }

    #[test]
    fn a_second_s_worth_goes_at_once_and_then_one_an_interval() {
        for (per_second, interval) in [(1, 1000), (4, 250), (1000, 1)] {
            let interval = Duration::from_millis(interval);
            let (mut bucket, now) = bucket(per_second);
            for left in (1..=u64::from(per_second)).rev() {
                assert_eq!((bucket.left(now), bucket.next_in(now)), (left, Duration::ZERO));
                bucket.take(now);
            }
            assert_eq!((bucket.left(now), bucket.next_in(now)), (0, interval));
            let moment = Duration::from_nanos(1);
            assert_eq!((bucket.left(now + interval - moment)), 0);
            assert_eq!(bucket.next_in(now + interval - moment), moment);
            assert_eq!(bucket.left(now + interval), 1);
            assert_eq!(bucket.left(now + interval * per_second), u64::from(per_second));
            assert_eq!(bucket.left(now + 100 * FULL), u64::from(per_second), "and no more");
        }
    }

    #[test]
    fn what_is_owed_is_paid_first() {
        let (mut bucket, now) = bucket(2);
        for _ in 0..5 {
            bucket.take(now);
        }
        assert_eq!(bucket.next_in(now), 2 * FULL);
        assert_eq!(bucket.left(now + 2 * FULL), 1);
    }

    #[test]
    fn any_rate_can_be_named() {
        let (mut bucket, now) = bucket(u32::MAX);
        for _ in 0..1000 {
            bucket.take(now);
        }
        assert!(bucket.left(now) > 999_000_000);
    }
}
