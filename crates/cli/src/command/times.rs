//! Sums of times, which the operators end with a panic where a type ends: what is added may come
//! from a token or a server.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// So far ahead as to be never.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The time `wait` after `at`; a century after it if the type ends before that.
pub(super) fn later(at: Instant, wait: Duration) -> Instant {
    let never = || at.checked_add(NEVER);
    at.checked_add(wait).or_else(never).unwrap_or(at)
}

/// A time that is `by` later, or earlier if that is negative; the last or the first that the type
/// has if it ends before that.
pub(super) fn shifted(time: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    let end = match by < TimeDelta::zero() {
        true => DateTime::<Utc>::MIN_UTC,
        false => DateTime::<Utc>::MAX_UTC,
    };
    time.checked_add_signed(by).unwrap_or(end)
}

/// When a wait from `now` on is over.
pub(super) fn after(now: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    shifted(now, TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use okta_introspect::{Clock, SystemClock};

    #[test]
    fn a_wait_that_no_time_can_hold_does_not_end_at_once() {
        let now = SystemClock.monotonic();
        let second = Duration::from_secs(1);
        assert_eq!(later(now, second) - now, second);
        assert_eq!(later(now, Duration::MAX) - now, NEVER);
    }
}
