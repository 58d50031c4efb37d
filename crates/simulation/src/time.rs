//! True time, the clocks of instances, and instances that stand still.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use okta_introspect::{BoxFuture, Clock, SystemClock};
use serde::{Deserialize, Serialize};

use crate::wheel::{Timer, Wheel};

/// True time: nanoseconds since the run began.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Moment(pub u64);

impl Moment {
    pub(crate) fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }

    pub(crate) fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(span)))
    }

    /// How long ago that was; nothing if it is to come.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    pub(crate) fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.seconds())
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// The wall time at which runs begin, in seconds since 1970.
pub(crate) const EPOCH: i64 = 1_796_000_000;

/// True time of one run. It passes where nothing is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Time(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    now: AtomicU64,
    wheel: Mutex<Wheel>,
    /// Where monotonic clocks begin.
    origin: Instant,
}

impl Time {
    /// Begins now.
    pub(crate) fn begin() -> Self {
        let (now, wheel) = (AtomicU64::new(0), Mutex::new(Wheel::new()));
        // Which it is makes no difference: instances see spans alone.
        let origin = SystemClock.monotonic();
        Self(Arc::new(Inner { now, wheel, origin }))
    }

    pub(crate) fn now(&self) -> Moment {
        Moment(self.0.now.load(Ordering::Relaxed))
    }

    /// Goes on to what happens next; for a runtime that has nothing to do.
    ///
    /// # Panics
    ///
    /// If nothing is to happen any more.
    pub(crate) fn go_on(&self) {
        let mut woken = Vec::new();
        {
            let mut wheel = self.wheel();
            wheel.turn(&mut woken);
            self.0.now.store(wheel.now(), Ordering::Relaxed);
        }
        assert!(!woken.is_empty(), "nothing is to happen any more");
        woken.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn wheel(&self) -> MutexGuard<'_, Wheel> {
        self.0.wheel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn until(&self, at: Moment) -> Sleep<'_> {
        Sleep { time: self, at, timer: None }
    }

    pub(crate) fn pass(&self, span: Duration) -> Sleep<'_> {
        self.until(self.now().after(span))
    }
}

/// Waits until a time has come.
#[derive(Debug)]
#[must_use = "time passes where this is awaited"]
pub(crate) struct Sleep<'a> {
    time: &'a Time,
    at: Moment,
    timer: Option<Timer>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.time.now() >= self.at {
            return Poll::Ready(());
        }
        let mut wheel = self.time.wheel();
        match self.timer {
            Some(timer) => wheel.wake_instead(timer, cx.waker()),
            None => {
                let timer = wheel.set(self.at.0, cx.waker().clone());
                drop(wheel);
                self.timer = Some(timer);
            }
        }
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            self.time.wheel().give_back(timer);
        }
    }
}

/// The clock of one instance: it goes too fast or too slow, its wall time is wrong, and its
/// monotonic time has nothing to do with that of others. An instance may also stand still, as a
/// process that was stopped does. Cheap to clone; clones are one clock.
#[derive(Clone, Debug)]
pub(crate) struct InstanceClock(Arc<Own>);

#[derive(Debug)]
struct Own {
    time: Time,
    origin: Instant,
    wall_error: TimeDelta,
    /// Parts in a million by which it is too fast.
    drift: i64,
    /// Until then the instance stands still, in nanoseconds.
    paused: AtomicU64,
}

impl InstanceClock {
    pub(crate) fn new(time: &Time, origin: Duration, wall_error: TimeDelta, drift: i64) -> Self {
        let (time, origin) = (time.clone(), time.0.origin + origin);
        Self(Arc::new(Own { time, origin, wall_error, drift, paused: AtomicU64::new(0) }))
    }

    /// Has the instance stand still.
    pub(crate) fn pause(&self, until: Moment) {
        self.0.paused.store(until.0, Ordering::Relaxed);
    }

    /// Whether the instance does not stand still.
    pub(crate) fn goes(&self) -> bool {
        self.0.time.now().0 >= self.0.paused.load(Ordering::Relaxed)
    }

    /// Waits until the instance goes on.
    pub(crate) async fn going(&self) {
        while !self.goes() {
            self.0.time.until(Moment(self.0.paused.load(Ordering::Relaxed))).await;
        }
    }

    fn elapsed(&self) -> Duration {
        let true_nanos = self.0.time.now().0 as i64; // of some hours
        Duration::from_nanos((true_nanos + true_nanos * self.0.drift / MILLION) as u64)
    }
}

const MILLION: i64 = 1_000_000;

impl Clock for InstanceClock {
    fn now(&self) -> DateTime<Utc> {
        let begun = DateTime::from_timestamp(EPOCH, 0).unwrap_or_default();
        let elapsed = TimeDelta::from_std(self.elapsed()).unwrap_or_default();
        begun + self.0.wall_error + elapsed
    }

    fn monotonic(&self) -> Instant {
        self.0.origin + self.elapsed()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        let own = nanos(at.saturating_duration_since(self.0.origin));
        // What is further away does not come.
        let own = i64::try_from(own).unwrap_or(i64::MAX).min(i64::MAX / 1000);
        // Rounded up, so that the time has come by this clock when it wakes.
        let true_nanos = own - own * self.0.drift / (MILLION + self.0.drift) + 1;
        let (clock, until) = (self.clone(), Moment(true_nanos as u64));
        Box::pin(async move {
            clock.0.time.until(until).await;
            clock.going().await;
        })
    }
}
