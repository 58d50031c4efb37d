//! Sums of times, which the operators end with a panic where a type ends: what is added may come
//! from a token or a server.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// The time `wait` after `at`; `at` itself if the type ends before that.
pub(super) fn later(at: Instant, wait: Duration) -> Instant {
    at.checked_add(wait).unwrap_or(at)
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
