//! How fast signatures are asked for, where the signer says how many it can make.

use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::clock::token_bucket::TokenBucket;
use crate::clock::{Clock, later};

/// Lets signatures go at the signer's rate, first come, first served.
#[derive(Debug)]
pub(crate) struct Pace {
    clock: Arc<dyn Clock>,
    /// Held by the one whose turn is next, while it waits. Who gives up leaves the queue and has taken
    /// nothing.
    bucket: Mutex<TokenBucket>,
}

impl Pace {
    pub(crate) fn new(per_second: NonZeroU32, clock: Arc<dyn Clock>) -> Self {
        Self { clock, bucket: Mutex::new(TokenBucket::new(per_second)) }
    }

    /// Completes when one signature may be asked for.
    pub(crate) async fn turn(&self) {
        let mut bucket = self.bucket.lock().await;
        let mut now = self.clock.monotonic();
        loop {
            let wait = bucket.next_in(now);
            if wait.is_zero() {
                return bucket.take(now);
            }
            self.clock.sleep_until(later(now, wait)).await;
            now = self.clock.monotonic();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::task::Poll;
    use std::time::Duration;

    use chrono::DateTime;

    use crate::clock::ManualClock;

    /// Whether the work is done when it is looked at once.
    async fn is_done(work: impl Future<Output = ()>) -> bool {
        let mut work = pin!(work);
        poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx).is_ready())).await
    }

    #[test_support::test]
    async fn a_turn_comes_at_its_time_and_those_who_left_have_taken_none() {
        let clock = ManualClock::stepped(DateTime::UNIX_EPOCH);
        let pace = Pace::new(NonZeroU32::new(2).unwrap(), Arc::new(clock.clone()));
        for _ in 0..2 {
            assert!(is_done(pace.turn()).await);
        }
        for _ in 0..50 {
            assert!(!is_done(pace.turn()).await);
        }
        clock.advance(Duration::from_millis(499));
        assert!(!is_done(pace.turn()).await);
        clock.advance(Duration::from_millis(1));
        assert!(is_done(pace.turn()).await);
        assert!(!is_done(pace.turn()).await);
    }

    #[test_support::test]
    async fn the_first_who_came_goes_first() {
        let clock = ManualClock::stepped(DateTime::UNIX_EPOCH);
        let pace = Pace::new(NonZeroU32::new(1).unwrap(), Arc::new(clock.clone()));
        pace.turn().await;
        let (mut first, mut second) = (Box::pin(pace.turn()), Box::pin(pace.turn()));
        assert!(!is_done(&mut first).await && !is_done(&mut second).await);
        clock.advance(Duration::from_secs(1));
        assert!(!is_done(&mut second).await);
        assert!(is_done(&mut first).await);
        assert!(!is_done(&mut second).await);
        clock.advance(Duration::from_secs(1));
        assert!(is_done(&mut second).await);
    }
}
