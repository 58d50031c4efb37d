//! A clock for tests.

use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use super::{Clock, SystemClock, later, shifted};
use crate::support::boxed_future::BoxFuture;

/// A clock for tests: time stands still until it is moved, or until somebody sleeps.
///
/// A [`sleep_until`](Clock::sleep_until) moves the time to its end and returns at once, so that
/// pauses before retries cost nothing and can be counted afterwards with [`slept`](Self::slept).
/// With many callers that would let the one that sleeps carry the others' time away: take
/// [`stepped`](Self::stepped) for those. A [`Deadline`](crate::Deadline) only passes when time has
/// been moved past it. Clones share one time; a clock handed to a server and to its client keeps
/// both in step.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use okta_introspect::{Clock, ManualClock};
///
/// let clock = ManualClock::new(chrono::DateTime::UNIX_EPOCH);
/// clock.advance(Duration::from_secs(7));
/// assert_eq!(clock.now().timestamp(), 7);
/// ```
#[derive(Clone)]
pub struct ManualClock {
    shared: Arc<Shared>,
}

thread_local! {
    /// Whether the timer that is being made limits other work.
    static IS_LIMIT: Cell<bool> = const { Cell::new(false) };
}

/// Makes a timer that limits other work, and whose end nobody wants: reaching it is left to the
/// owner of the clock. Real clocks know no difference, so the trait has none.
pub(super) fn as_limit<T>(timer: impl FnOnce() -> T) -> T {
    let before = IS_LIMIT.replace(true);
    let timer = timer();
    IS_LIMIT.set(before);
    timer
}

struct Shared {
    origin: Instant,
    steps: bool,
    state: Mutex<State>,
    elapsed: watch::Sender<Duration>,
    /// When the wanted waits end; in stepped time only.
    sleepers: watch::Sender<Vec<Duration>>,
}

struct State {
    wall_origin: DateTime<Utc>,
    slept: Vec<Duration>,
}

impl ManualClock {
    /// A clock that shows `now`, and that wanted waits move.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self::with(now, false)
    }

    /// A clock that shows `now`, and that nobody moves but its owner: wanted waits wait, too.
    pub fn stepped(now: DateTime<Utc>) -> Self {
        Self::with(now, true)
    }

    /// Moves both times forward by `by`, and fires the limits that this passes. Time ends a hundred
    /// thousand years after the clock was made.
    pub fn advance(&self, by: Duration) {
        self.shared.elapsed.send_modify(|elapsed| *elapsed = elapsed.saturating_add(by).min(END));
    }

    /// In [stepped](Self::stepped) time: waits until `count` callers are in a wanted wait, and
    /// moves the time to the end of the first of these waits. With as many as there are callers
    /// at all, nothing else is under way at that moment.
    pub async fn step(&self, count: usize) {
        let mut sleepers = self.shared.sleepers.subscribe();
        // The sender lives in `self`: waiting cannot fail.
        let next = sleepers.wait_for(|sleepers| sleepers.len() >= count).await.ok();
        let next = next.and_then(|sleepers| sleepers.iter().min().copied());
        self.move_to(next.unwrap_or_default());
    }

    /// Sets the wall time alone, as an administrator or NTP would; monotonic time is unmoved.
    pub fn set_wall(&self, now: DateTime<Utc>) {
        let elapsed = self.elapsed();
        self.state().wall_origin = shifted(now, -delta(elapsed));
    }

    /// How far monotonic time has come since the clock was made.
    pub fn elapsed(&self) -> Duration {
        *self.shared.elapsed.borrow()
    }

    /// The wanted waits so far, in the order in which they began.
    pub fn slept(&self) -> Vec<Duration> {
        self.state().slept.clone()
    }

    fn with(now: DateTime<Utc>, steps: bool) -> Self {
        Self {
            shared: Arc::new(Shared {
                origin: SystemClock.monotonic(),
                steps,
                state: Mutex::new(State { wall_origin: now, slept: Vec::new() }),
                elapsed: watch::Sender::new(Duration::ZERO),
                sleepers: watch::Sender::new(Vec::new()),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never back: somebody else may have moved further already. Nor beyond the end, where the two
    /// times could not keep in step.
    fn move_to(&self, target: Duration) {
        self.shared.elapsed.send_modify(|elapsed| *elapsed = target.min(END).max(*elapsed));
    }

    async fn reached(&self, target: Duration) {
        let mut elapsed = self.shared.elapsed.subscribe();
        // The sender lives in `self`: waiting cannot fail.
        let _ = elapsed.wait_for(|elapsed| *elapsed >= target.min(END)).await;
    }
}

/// A wanted wait in stepped time, for as long as somebody waits for it.
struct Sleeper<'a> {
    clock: &'a ManualClock,
    target: Duration,
}

impl<'a> Sleeper<'a> {
    fn new(clock: &'a ManualClock, target: Duration) -> Self {
        clock.shared.sleepers.send_modify(|sleepers| sleepers.push(target));
        Self { clock, target }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.clock.shared.sleepers.send_modify(|sleepers| {
            if let Some(own) = sleepers.iter().position(|target| *target == self.target) {
                sleepers.swap_remove(own);
            }
        });
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        let elapsed = self.elapsed();
        shifted(self.state().wall_origin, delta(elapsed))
    }

    fn monotonic(&self) -> Instant {
        later(self.shared.origin, self.elapsed())
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let is_limit = IS_LIMIT.get();
        Box::pin(async move {
            if is_limit {
                return clock.reached(at.saturating_duration_since(clock.shared.origin)).await;
            }
            let wait = at.saturating_duration_since(clock.monotonic());
            clock.state().slept.push(wait);
            let target = at.saturating_duration_since(clock.shared.origin);
            if clock.shared.steps {
                let _sleeper = Sleeper::new(&clock, target);
                clock.reached(target).await;
            } else {
                clock.move_to(target);
                // As a real wait would, let other tasks that are ready run first.
                tokio::task::yield_now().await;
            }
        })
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock")
            .field("now", &self.now())
            .field("elapsed", &self.elapsed())
            .finish()
    }
}

/// When time ends: both an [`Instant`] and a [`DateTime`] reach so far.
const END: Duration = Duration::from_secs(100_000 * 366 * 24 * 3600);

/// A test's duration as a calendar difference; those beyond [`END`] do not occur.
fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::task::Poll;

    fn clock() -> ManualClock {
        ManualClock::new(DateTime::UNIX_EPOCH)
    }

    #[test_support::test]
    async fn a_wanted_wait_moves_both_times() {
        let clock = clock();
        clock.sleep_until(clock.monotonic() + Duration::from_secs(7)).await;
        assert_eq!(clock.now().timestamp(), 7);
        assert_eq!(clock.slept(), [Duration::from_secs(7)]);
    }

    #[test_support::test]
    async fn a_deadline_fires_at_its_moment_and_not_before() {
        let clock = clock();
        let mut deadline =
            as_limit(|| clock.sleep_until(clock.monotonic() + Duration::from_millis(2)));
        clock.advance(Duration::from_millis(1));
        assert!(poll_once(&mut deadline).await.is_none());
        clock.advance(Duration::from_millis(1));
        assert!(poll_once(&mut deadline).await.is_some());
    }

    #[test_support::test]
    async fn stepped_time_moves_to_the_end_of_the_first_wait() {
        let clock = ManualClock::stepped(DateTime::UNIX_EPOCH);
        let wait = |seconds| {
            tokio::spawn(clock.sleep_until(clock.monotonic() + Duration::from_secs(seconds)))
        };
        let (long, short) = (wait(9), wait(4));
        clock.step(2).await;
        short.await.unwrap();
        assert_eq!(clock.elapsed(), Duration::from_secs(4));
        assert!(!long.is_finished());
        clock.step(1).await;
        long.await.unwrap();
        assert_eq!(clock.elapsed(), Duration::from_secs(9));
    }

    #[test]
    fn stepping_the_wall_leaves_monotonic_time_alone() {
        let clock = clock();
        let before = clock.monotonic();
        clock.advance(Duration::from_secs(5));
        clock.set_wall(DateTime::UNIX_EPOCH);
        assert_eq!(clock.now(), DateTime::UNIX_EPOCH);
        assert_eq!(clock.monotonic() - before, Duration::from_secs(5));
    }

    #[test_support::test]
    async fn time_ends_and_does_not_overflow() {
        let clock = clock();
        let begun = clock.monotonic();
        let second = Duration::from_secs(1);
        clock.advance(Duration::from_secs(150 * 365 * 24 * 3600));
        let before = clock.monotonic();
        clock.advance(Duration::MAX);
        let (end, wall) = (clock.monotonic(), clock.now());
        assert!(end > before && wall > DateTime::UNIX_EPOCH, "{clock:?}");
        assert_eq!(end - begun, clock.elapsed());
        assert_eq!((wall - DateTime::UNIX_EPOCH).to_std().unwrap(), clock.elapsed());
        clock.advance(second);
        assert_eq!((clock.monotonic(), clock.now()), (end, wall));
        clock.set_wall(DateTime::UNIX_EPOCH);
        assert_eq!(clock.now(), DateTime::UNIX_EPOCH);
        clock.sleep_until(end).await;
        let late = ManualClock::new(DateTime::<Utc>::MAX_UTC);
        late.advance(Duration::MAX);
        assert_eq!(late.now(), DateTime::<Utc>::MAX_UTC);
    }

    async fn poll_once(future: &mut BoxFuture<'static, ()>) -> Option<()> {
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Some(())),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }
}
