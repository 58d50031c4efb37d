//! A limit on everything that one piece of work waits for.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use super::Clock;
use crate::support::boxed_future::BoxFuture;

/// A moment by which all of a call must be over. One timer serves all the waits before it, set when
/// first something has to be waited for: much is done when first looked at.
pub(crate) struct Deadline<'a> {
    clock: &'a dyn Clock,
    at: Instant,
    timer: Option<BoxFuture<'static, ()>>,
}

impl<'a> Deadline<'a> {
    pub(crate) fn new(clock: &'a dyn Clock, at: Instant) -> Self {
        Self { clock, at, timer: None }
    }

    pub(crate) fn at(&self) -> Instant {
        self.at
    }

    /// Does `work`, unless the deadline comes first.
    pub(crate) async fn before<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => {
                let timer = self.timer.get_or_insert_with(|| self.clock.deadline(self.at));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use chrono::{DateTime, Utc};
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::task::yield_now;

    #[tokio::test]
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
            self.0.deadline(at)
        }
    }

    #[tokio::test]
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
