//! The computer's own clock.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::{Clock, later};
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
        Box::pin(wait_until(at, || Self.monotonic(), wait))
    }
}

/// Waits with timers that measure other time than `now` does, until `now` has come to `at`.
async fn wait_until<W: Future<Output = ()>>(
    at: Instant,
    now: impl Fn() -> Instant,
    wait: impl Fn(Duration) -> W,
) {
    loop {
        let remaining = at.saturating_duration_since(now());
        if remaining.is_zero() {
            return;
        }
        wait(remaining).await;
    }
}

/// Readings of a clock that counts suspends, as instants of the one that does not.
#[derive(Clone, Copy, Debug)]
struct Counting {
    /// One moment by both clocks.
    origin: (Instant, Duration),
}

impl Counting {
    fn since(uninterrupted: Instant, since_boot: Duration) -> Self {
        Self { origin: (uninterrupted, since_boot) }
    }

    fn at(self, since_boot: Duration) -> Instant {
        let (instant, then) = self.origin;
        later(instant, since_boot.saturating_sub(then))
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

    use super::Counting;

    /// Apple's monotonic clock counts suspends; Linux has another one that does.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: ClockId = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: ClockId = ClockId::Monotonic;

    static COUNTING: LazyLock<Counting> =
        LazyLock::new(|| Counting::since(super::uninterrupted(), since_boot()));

    pub(super) fn now() -> Instant {
        COUNTING.at(since_boot())
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

/// A computer that can be suspended: what [`Instant`] and timers measure stands then, while its boot
/// clock and its wall clock go on.
#[cfg(test)]
pub(crate) mod simulated {
    use std::sync::Arc;

    use chrono::TimeDelta;
    use tokio::sync::watch;

    use super::*;

    #[derive(Clone, Debug)]
    pub(crate) struct Laptop {
        counting: Counting,
        /// How long it ran, and how long it was suspended.
        times: Arc<watch::Sender<(Duration, Duration)>>,
    }

    impl Laptop {
        pub(crate) fn new() -> Self {
            let times = (Duration::from_secs(7), Duration::from_secs(3600));
            let counting = Counting::since(uninterrupted(), times.0 + times.1);
            Self { counting, times: Arc::new(watch::Sender::new(times)) }
        }

        pub(crate) fn run(&self, by: Duration) {
            self.times.send_modify(|times| times.0 += by);
        }

        pub(crate) fn suspend(&self, by: Duration) {
            self.times.send_modify(|times| times.1 += by);
        }

        /// What timers and [`Instant::now`] go by.
        pub(crate) fn running(&self) -> Duration {
            self.times.borrow().0
        }

        fn since_boot(&self) -> Duration {
            let (running, suspended) = *self.times.borrow();
            running + suspended
        }
    }

    impl Clock for Laptop {
        fn now(&self) -> DateTime<Utc> {
            let years = TimeDelta::days(20_000);
            DateTime::UNIX_EPOCH + years + TimeDelta::from_std(self.since_boot()).unwrap()
        }

        fn monotonic(&self) -> Instant {
            self.counting.at(self.since_boot())
        }

        fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
            let clock = self.clone();
            Box::pin(async move {
                let timer = async |span: Duration| {
                    let end = clock.running() + span;
                    let mut times = clock.times.subscribe();
                    times.wait_for(|(running, _)| *running >= end).await.unwrap();
                };
                wait_until(at, || clock.monotonic(), timer).await;
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::simulated::Laptop;
    use super::*;
    use std::sync::Mutex;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn instants_count_a_suspend_and_never_go_back() {
        let (origin, boot) = (uninterrupted(), 100 * SECOND);
        let counting = Counting::since(origin, boot);
        for (reading, after) in [(0, 0), (99, 0), (100, 0), (101, 1), (3700, 3600)] {
            assert_eq!(counting.at(reading * SECOND), origin + after * SECOND, "{reading}");
        }
        let laptop = Laptop::new();
        let (begun, wall, running) = (laptop.monotonic(), laptop.now(), laptop.running());
        laptop.suspend(3600 * SECOND);
        assert_eq!(laptop.monotonic() - begun, 3600 * SECOND);
        assert_eq!((laptop.now() - wall).num_seconds(), 3600);
        assert_eq!(laptop.running(), running, "timers saw nothing of it");
    }

    #[test_support::test]
    async fn a_wait_ends_with_its_timer_after_a_suspend_that_was_longer() {
        let laptop = Laptop::new();
        let wait = tokio::spawn(laptop.sleep_until(laptop.monotonic() + 10 * SECOND));
        tokio::task::yield_now().await;
        laptop.run(9 * SECOND);
        laptop.suspend(3600 * SECOND);
        tokio::task::yield_now().await;
        assert!(!wait.is_finished(), "the timer has a second to go");
        laptop.run(SECOND);
        wait.await.unwrap();
        // What lies before the end of a suspend is over at once.
        laptop.sleep_until(laptop.monotonic()).await;
    }

    #[test_support::test]
    async fn what_remains_when_a_timer_fires_early_is_waited_for() {
        let (begun, passed) = (uninterrupted(), Mutex::new(Vec::new()));
        let now = || begun + passed.lock().unwrap().iter().sum::<Duration>();
        let wait = |span: Duration| {
            passed.lock().unwrap().push(span.min(4 * SECOND));
            std::future::ready(())
        };
        wait_until(begun + 10 * SECOND, now, wait).await;
        assert_eq!(passed.into_inner().unwrap(), [4 * SECOND, 4 * SECOND, 2 * SECOND]);
    }

    #[test]
    fn it_never_goes_back() {
        let mut last = SystemClock.monotonic();
        for _ in 0..100_000 {
            let now = SystemClock.monotonic();
            assert!(now >= last);
            last = now;
        }
    }

    #[test_support::test]
    fn it_goes_as_fast_as_the_clock_that_does_not_count_suspends() {
        let (ours, theirs) = (SystemClock.monotonic(), uninterrupted());
        while SystemClock.monotonic() - ours < Duration::from_millis(20) {}
        // A suspend in just these milliseconds would make the difference larger.
        let elapsed = theirs.elapsed();
        assert!(elapsed >= Duration::from_millis(19), "{elapsed:?}");
    }

    #[cfg(target_os = "linux")]
    #[test_support::test]
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
