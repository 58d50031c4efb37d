//! Time from outside: wall time for claims, monotonic time for ages, and waiting.
//!
//! Nothing else in the crate reads a clock or sets a timer, so a test that owns the [`Clock`]
//! owns all of time: see [`ManualClock`].

mod deadline;
mod manual;
pub(crate) mod send_time;
pub(crate) mod server_time;
mod sums;
mod system;
pub(crate) mod ticks;
pub(crate) mod token_bucket;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};

use crate::support::boxed_future::BoxFuture;

pub use deadline::Deadline;
pub use manual::ManualClock;
pub(crate) use sums::{later, shifted};
pub use system::SystemClock;
#[cfg(test)]
pub(crate) use system::simulated::Laptop;

/// Tells the time and waits.
///
/// There are two times. Wall time goes into claims and is compared with what servers say; it may
/// jump. Monotonic time measures ages: it never goes back, and it counts the time that a computer
/// is suspended, since a token may be revoked meanwhile.
///
/// # Example: a clock that is an hour ahead
///
/// ```
/// use std::time::Instant;
///
/// use chrono::{DateTime, TimeDelta, Utc};
/// use okta_introspect::{BoxFuture, Clock, SystemClock};
///
/// #[derive(Debug)]
/// struct HourAhead;
///
/// impl Clock for HourAhead {
///     fn now(&self) -> DateTime<Utc> {
///         SystemClock.now() + TimeDelta::hours(1)
///     }
///
///     fn monotonic(&self) -> Instant {
///         SystemClock.monotonic()
///     }
///
///     fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
///         SystemClock.sleep_until(at)
///     }
/// }
/// ```
pub trait Clock: fmt::Debug + Send + Sync {
    /// The wall time.
    fn now(&self) -> DateTime<Utc>;

    /// The monotonic time, time asleep included.
    fn monotonic(&self) -> Instant;

    /// Completes at `at`, a moment of [`monotonic`](Self::monotonic) time.
    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()>;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> DateTime<Utc> {
        (**self).now()
    }

    fn monotonic(&self) -> Instant {
        (**self).monotonic()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        (**self).sleep_until(at)
    }
}

/// Both times: the monotonic one, and the wall time in whole seconds since 1970.
pub(crate) fn both(clock: &dyn Clock) -> (Instant, i64) {
    (clock.monotonic(), clock.now().timestamp())
}
