//! Sums of times. Those of the operators panic where a type ends, and what is added may come from
//! a server or a configuration; so `clippy.toml` leaves no other sums than these.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// So far ahead as to be never.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The time `wait` after `at`; a century after it if the type ends before that.
pub(crate) fn later(at: Instant, wait: Duration) -> Instant {
    let never = || at.checked_add(NEVER);
    at.checked_add(wait).or_else(never).unwrap_or(at)
}

/// A wall time that is `by` later, or earlier if that is negative; the last or the first that the
/// type has if it ends before that.
pub(crate) fn shifted(time: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    let end = match by < TimeDelta::zero() {
        true => DateTime::<Utc>::MIN_UTC,
        false => DateTime::<Utc>::MAX_UTC,
    };
    time.checked_add_signed(by).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    #[test]
    fn a_sum_of_times_is_exact_or_as_far_as_can_be() {
        let now = SystemClock.monotonic();
        let second = Duration::from_secs(1);
        assert_eq!(later(now, second) - now, second);
        assert_eq!(later(now, Duration::MAX) - now, NEVER);
        let (first, last) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        let epoch = DateTime::UNIX_EPOCH;
        assert_eq!(shifted(epoch, TimeDelta::seconds(-1)).timestamp(), -1);
        assert_eq!(shifted(epoch, TimeDelta::MAX), last);
        assert_eq!(shifted(epoch, TimeDelta::MIN), first);
        assert_eq!(shifted(last, TimeDelta::seconds(1)), last);
    }
}
