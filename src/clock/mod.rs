//! Time from outside: wall time for claims, monotonic time for caches, and waiting.
//!
//! Nothing else in the crate reads a clock or sets a timer, so a test that owns the [`Clock`]
//! owns all of time: see [`ManualClock`].

#[cfg(target_os = "linux")]
mod coarse;
mod deadline;
mod manual;
pub(crate) mod send_time;
pub(crate) mod server_time;
pub(crate) mod ticks;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

pub(crate) use deadline::Deadline;
pub use manual::ManualClock;

use crate::support::boxed_future::BoxFuture;

/// Tells the time and waits.
///
/// There are two times. Wall time goes into claims and is compared with what servers say; it may
/// jump. Monotonic time measures ages and never goes back.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The wall time.
    fn now(&self) -> DateTime<Utc>;

    /// The monotonic time.
    fn monotonic(&self) -> Instant;

    /// The monotonic time, and the wall time in whole seconds since 1970, as cheaply as can be:
    /// for whoever asks on every request and nearly always has time to spare. Never ahead, and
    /// behind by a few milliseconds; by a quarter of a second at most on a computer whose own
    /// ticks are late. Default: the exact times.
    fn coarse(&self) -> (Instant, i64) {
        // To read an exact clock, a processor first finishes what it is at; a hit in a cache of
        // many tokens takes half as long again with two such readings.
        (self.monotonic(), self.now().timestamp())
    }

    /// Completes at `at`: a wait that is wanted, such as the pause before a retry.
    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()>;

    /// Completes at `at`: a limit on other work, which is hoped not to be reached.
    ///
    /// The same as [`sleep_until`](Self::sleep_until) for real clocks. [`ManualClock`] tells
    /// them apart: a wanted wait moves its time, a limit does not.
    fn deadline(&self, at: Instant) -> BoxFuture<'static, ()> {
        self.sleep_until(at)
    }
}

/// A shared clock is a clock.
impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now(&self) -> DateTime<Utc> {
        (**self).now()
    }

    fn monotonic(&self) -> Instant {
        (**self).monotonic()
    }

    fn coarse(&self) -> (Instant, i64) {
        (**self).coarse()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        (**self).sleep_until(at)
    }

    fn deadline(&self, at: Instant) -> BoxFuture<'static, ()> {
        (**self).deadline(at)
    }
}

/// What [`Clock::coarse`] tells, exactly.
pub(crate) fn exact(clock: &dyn Clock) -> (Instant, i64) {
    (clock.monotonic(), clock.now().timestamp())
}

/// By how much a [coarse](Clock::coarse) reading may be behind.
pub(crate) const COARSE_LAG: Duration = Duration::from_millis(250);

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

    #[cfg(target_os = "linux")]
    fn coarse(&self) -> (Instant, i64) {
        coarse::both()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(at.into()))
    }
}
