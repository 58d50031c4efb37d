//! A limit on everything that one piece of work waits for.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use super::Clock;
use super::manual::as_limit;
use crate::support::boxed_future::BoxFuture;

/// A moment by which all of a piece of work must be over, however often it waits.
///
/// One timer serves all the waits. It is set when first something has to be waited for: much is
/// done when first polled.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use okta_introspect::{Clock, Deadline, ManualClock};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let clock = ManualClock::new(chrono::DateTime::UNIX_EPOCH);
/// let mut deadline = Deadline::new(&clock, clock.monotonic() + Duration::from_secs(10));
/// assert_eq!(deadline.before(async { 7 }).await, Some(7));
///
/// clock.advance(Duration::from_secs(10));
/// assert_eq!(deadline.before(std::future::pending::<()>()).await, None);
/// # }
/// ```
#[must_use]
pub struct Deadline<'a> {
    clock: &'a dyn Clock,
    at: Instant,
    timer: Option<BoxFuture<'static, ()>>,
}

impl<'a> Deadline<'a> {
    /// A deadline at `at`, a moment of the clock's monotonic time.
    pub fn new(clock: &'a dyn Clock, at: Instant) -> Self {
        Self { clock, at, timer: None }
    }

    /// The moment.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Does `work`; `None` if the deadline comes first. Work that is done when first polled is done,
    /// even if the deadline has passed.
    pub async fn before<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => {
                let timer =
                    self.timer.get_or_insert_with(|| as_limit(|| self.clock.sleep_until(self.at)));
                let come = timer.as_mut().poll(cx);
                if come.is_ready() {
                    // A future that has completed is not to be looked at again.
                    self.timer = None;
                }
                come.map(|()| None)
            }
        })
        .await
    }
}

impl fmt::Debug for Deadline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline").field("at", &self.at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use chrono::{DateTime, Utc};
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::task::yield_now;

    #[test_support::test]
    async fn what_is_done_at_once_is_done_even_when_the_time_has_come() {
        let clock = ManualClock::new(DateTime::UNIX_EPOCH);
        let mut deadline = Deadline::new(&clock, clock.monotonic());
        assert_eq!(deadline.before(ready(7)).await, Some(7));
        for _ in 0..2 {
            assert_eq!(deadline.before(pending::<()>()).await, None);
        }
        assert_eq!(deadline.before(ready(7)).await, Some(7));
    }

    /// Counts the timers that are set.
    #[derive(Debug)]
    struct Counting(ManualClock, AtomicUsize);

    impl Clock for Counting {
        fn now(&self) -> DateTime<Utc> {
            self.0.now()
        }

        fn monotonic(&self) -> Instant {
            self.0.monotonic()
        }

        fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
            self.1.fetch_add(1, Ordering::SeqCst);
            self.0.sleep_until(at)
        }
    }

    #[test_support::test]
    async fn one_timer_serves_all_waits_and_none_what_is_done_at_once() {
        let clock = Counting(ManualClock::new(DateTime::UNIX_EPOCH), AtomicUsize::new(0));
        let minute = Duration::from_secs(60);
        let mut deadline = Deadline::new(&clock, clock.monotonic() + minute);
        deadline.before(ready(())).await.unwrap();
        assert_eq!(clock.1.load(Ordering::SeqCst), 0);
        for _ in 0..3 {
            deadline.before(yield_now()).await.unwrap();
        }
        clock.0.advance(minute);
        assert_eq!(deadline.before(pending::<()>()).await, None);
        assert_eq!(clock.1.load(Ordering::SeqCst), 1);
    }
}
