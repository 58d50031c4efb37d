//! Time from outside. Nothing else in the crate reads a clock or sets a timer, but for
//! certificates, which clients check by the computer's clock.

use std::fmt;
use std::pin::Pin;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// A wait, see [`Clock::sleep_until`].
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the sandbox the time and lets it wait.
///
/// There are two times. Wall time goes into tokens and is compared with what clients send; it may
/// jump. Monotonic time measures the delays of [faults](crate::Fault::delay) and never goes back.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The wall time.
    fn now(&self) -> DateTime<Utc>;

    /// The monotonic time.
    fn monotonic(&self) -> Instant;

    /// Completes at `at`, of the monotonic time.
    fn sleep_until(&self, at: Instant) -> Sleep;
}

/// The computer's own clock, and timers of the tokio runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place where time comes from
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    #[allow(clippy::disallowed_methods)] // the one place where time comes from
    fn monotonic(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        Box::pin(tokio::time::sleep_until(at.into()))
    }
}

/// So far ahead as to be never.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The time `wait` after `at`; a century after it if the type ends before that, where `+` would
/// panic.
pub(crate) fn later(at: Instant, wait: Duration) -> Instant {
    let never = || at.checked_add(NEVER);
    at.checked_add(wait).or_else(never).unwrap_or(at)
}

/// A time that is `by` later, or earlier if that is negative; the last or the first that the type
/// has if it ends before that, where `+` would panic.
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

    #[test]
    fn a_wait_that_no_time_can_hold_does_not_end_at_once() {
        let now = SystemClock.monotonic();
        let second = Duration::from_secs(1);
        assert_eq!(later(now, second) - now, second);
        assert_eq!(later(now, Duration::MAX) - now, NEVER);
    }
}
