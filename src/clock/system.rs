//! The computer's own clock.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::Clock;
use crate::support::boxed_future::BoxFuture;

/// The computer's own clock, and timers of the tokio runtime.
///
/// Its monotonic time counts the time that the computer is suspended: an answer from before a
/// laptop's lid was closed is as old as it is. A virtual machine that is restored from a snapshot
/// goes on where the snapshot was taken, by every clock that a process can read, until its wall
/// clock is set; nothing in the process can tell.
///
/// # Example
///
/// ```
/// use okta_introspect::{Clock, SystemClock};
///
/// let begun = SystemClock.monotonic();
/// assert!(SystemClock.monotonic() >= begun);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place where wall time comes from
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn monotonic(&self) -> Instant {
        counting::now()
    }

    /// Timers stand still while the computer is suspended, so that what remains is looked at again
    /// when one fires.
    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            loop {
                let remaining = at.saturating_duration_since(Self.monotonic());
                if remaining.is_zero() {
                    return;
                }
                wait(remaining).await;
            }
        })
    }
}

#[allow(clippy::disallowed_methods)] // the one place where waiting comes from
async fn wait(remaining: Duration) {
    tokio::time::sleep(remaining).await;
}

#[allow(clippy::disallowed_methods)] // the one place where monotonic time comes from
fn uninterrupted() -> Instant {
    Instant::now()
}

/// Monotonic time that counts suspends. [`Instant`] itself does not on Linux and Apple's systems.
#[cfg(unix)]
mod counting {
    use std::sync::LazyLock;
    use std::time::{Duration, Instant};

    use rustix::time::{ClockId, clock_gettime};

    use crate::clock::later;

    /// Apple's monotonic clock counts suspends; Linux has another one that does.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: ClockId = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: ClockId = ClockId::Monotonic;

    /// One moment by both clocks.
    static ORIGIN: LazyLock<(Instant, Duration)> =
        LazyLock::new(|| (super::uninterrupted(), since_boot()));

    pub(super) fn now() -> Instant {
        let (instant, then) = *ORIGIN;
        later(instant, since_boot().saturating_sub(then))
    }

    /// Times before zero do not occur.
    fn since_boot() -> Duration {
        let time = clock_gettime(CLOCK);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    }
}

/// Monotonic time as [`Instant`] has it, which counts suspends on Windows.
#[cfg(not(unix))]
mod counting {
    pub(super) fn now() -> std::time::Instant {
        super::uninterrupted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_goes_back() {
        let mut last = SystemClock.monotonic();
        for _ in 0..100_000 {
            let now = SystemClock.monotonic();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn it_goes_as_fast_as_the_clock_that_does_not_count_suspends() {
        let (ours, theirs) = (SystemClock.monotonic(), uninterrupted());
        while SystemClock.monotonic() - ours < Duration::from_millis(20) {}
        // A suspend in just these milliseconds would make the difference larger.
        let elapsed = theirs.elapsed();
        assert!(elapsed >= Duration::from_millis(19), "{elapsed:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn it_is_the_clock_that_counts_suspends() {
        use rustix::time::{ClockId, clock_gettime};

        // The kernel tells both; a machine that was suspended has them apart.
        let boot = || Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap();
        let (before, begun) = (boot(), SystemClock.monotonic());
        let after = loop {
            let after = SystemClock.monotonic();
            if after - begun > Duration::from_millis(5) {
                break after;
            }
        };
        assert!(after - begun <= boot() - before);
    }
}
