//! True time, the clocks of instances, and instances that stand still.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use okta_introspect::{BoxFuture, Clock};

/// True time: nanoseconds since the run began.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
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

/// True time of one run: that of a paused tokio runtime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(tokio::time::Instant);

impl Time {
    /// Begins now.
    pub(crate) fn begin() -> Self {
        Self(tokio::time::Instant::now())
    }

    pub(crate) fn now(self) -> Moment {
        Moment(nanos(tokio::time::Instant::now().duration_since(self.0)))
    }

    pub(crate) async fn until(self, at: Moment) {
        tokio::time::sleep_until(self.0 + Duration::from_nanos(at.0)).await;
    }

    pub(crate) async fn pass(self, span: Duration) {
        self.until(self.now().after(span)).await;
    }
}

/// Where an instance stands still, as a process that was stopped does.
#[derive(Debug)]
pub(crate) struct Gate {
    time: Time,
    until: AtomicU64,
}

impl Gate {
    pub(crate) fn new(time: Time) -> Self {
        Self { time, until: AtomicU64::new(0) }
    }

    pub(crate) fn pause(&self, until: Moment) {
        self.until.store(until.0, Ordering::Relaxed);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.time.now().0 >= self.until.load(Ordering::Relaxed)
    }

    /// Waits until the instance goes on.
    pub(crate) async fn open(&self) {
        loop {
            let until = Moment(self.until.load(Ordering::Relaxed));
            if self.time.now() >= until {
                return;
            }
            self.time.until(until).await;
        }
    }
}

/// The clock of one instance: it goes too fast or too slow, its wall time is wrong, and its
/// monotonic time has nothing to do with that of others.
#[derive(Clone, Debug)]
pub(crate) struct InstanceClock {
    time: Time,
    gate: Arc<Gate>,
    origin: Instant,
    wall_error: TimeDelta,
    /// Parts in a million by which it is too fast.
    drift: i64,
}

impl InstanceClock {
    pub(crate) fn new(
        gate: &Arc<Gate>,
        origin: Duration,
        wall_error: TimeDelta,
        drift: i64,
    ) -> Self {
        let time = gate.time;
        Self { time, gate: Arc::clone(gate), origin: time.0.into_std() + origin, wall_error, drift }
    }

    fn elapsed(&self) -> Duration {
        let true_nanos = i128::from(self.time.now().0);
        let own = true_nanos + true_nanos * i128::from(self.drift) / 1_000_000;
        Duration::from_nanos(own as u64) // positive, and of an hour
    }
}

impl Clock for InstanceClock {
    fn now(&self) -> DateTime<Utc> {
        let begun = DateTime::from_timestamp(EPOCH, 0).unwrap_or_default();
        let elapsed = TimeDelta::from_std(self.elapsed()).unwrap_or_default();
        begun + self.wall_error + elapsed
    }

    fn monotonic(&self) -> Instant {
        self.origin + self.elapsed()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        let own = i128::from(nanos(at.saturating_duration_since(self.origin)));
        // Rounded up, so that the time has come by this clock when it wakes.
        let true_nanos = own * 1_000_000 / (1_000_000 + i128::from(self.drift)) + 1;
        let (time, gate) = (self.time, Arc::clone(&self.gate));
        let until = Moment(u64::try_from(true_nanos).unwrap_or(u64::MAX / 4));
        Box::pin(async move {
            if time.now() < until {
                time.until(until).await;
            }
            gate.open().await;
        })
    }
}
