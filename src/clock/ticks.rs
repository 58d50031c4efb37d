//! Points in time and ages as plain numbers, for a path that compares several of them per request.

use std::time::{Duration, Instant};

/// A point on the monotonic clock, in nanoseconds since some origin: half as large as an
/// [`Instant`], and an age is one subtraction.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Ticks(u64);

impl Ticks {
    /// What `now` is, counted from `origin`; nothing is before that.
    pub(crate) fn after(origin: Instant, now: Instant) -> Self {
        Self(Age::from(now.saturating_duration_since(origin)).0)
    }

    pub(crate) fn as_nanos(self) -> u64 {
        self.0
    }

    /// So many nanoseconds after the origin.
    pub(crate) fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    pub(crate) fn since_origin(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// So much earlier, or the origin if that is before it.
    pub(crate) fn earlier(self, by: Age) -> Self {
        Self(self.0.saturating_sub(by.0))
    }

    /// How long before `now` it was; nothing if it was not.
    pub(crate) fn age(self, now: Self) -> Age {
        Age(now.0.saturating_sub(self.0))
    }
}

/// How old an answer is or may be, in nanoseconds; more than 584 years are that. In one number,
/// because every hit compares a few.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Age(u64);

impl Age {
    pub(crate) const ZERO: Self = Self(0);

    pub(crate) fn as_nanos(self) -> u64 {
        self.0
    }

    pub(crate) fn saturating_add(self, more: Self) -> Self {
        Self(self.0.saturating_add(more.0))
    }

    pub(crate) fn half(self) -> Self {
        Self(self.0 / 2)
    }
}

impl From<Duration> for Age {
    fn from(span: Duration) -> Self {
        Self(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Age> for Duration {
    fn from(age: Age) -> Self {
        Self::from_nanos(age.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    #[test]
    fn ticks_tell_ages_and_convert_back() {
        let (origin, second) = (SystemClock.monotonic(), Duration::from_secs(1));
        let [first, last] = [1, 3].map(|after| Ticks::after(origin, origin + after * second));
        assert_eq!(first.age(last), Age::from(2 * second));
        assert_eq!(last.age(first), Age::ZERO);
        assert_eq!(last.earlier(Age::from(2 * second)), first);
        assert_eq!(first.earlier(Age::from(2 * second)), Ticks::after(origin, origin));
        assert_eq!(origin + last.since_origin(), origin + 3 * second);
    }

    #[test]
    fn ages_that_are_too_long_are_the_longest() {
        let longest = Age::from(Duration::MAX);
        assert_eq!(longest.saturating_add(Age::from(Duration::from_secs(1))), longest);
        assert_eq!(Duration::from(longest), Duration::from_nanos(u64::MAX));
    }
}
