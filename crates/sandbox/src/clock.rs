//! Time from outside. Nothing else in the crate reads a clock or sets a timer, but for
//! certificates, which clients check by the computer's clock.

use std::fmt;
use std::pin::Pin;
use std::time::Instant;

use chrono::{DateTime, Utc};

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
