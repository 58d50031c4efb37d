//! What a connection is doing and since when, in three numbers: no timer is set for a request.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use okta_introspect::Clock;

use super::limits::{Limits, later};
use crate::metrics::Closed;

/// What one connection is doing, and since when. Its input says when bytes come, its requests say
/// when they begin and end, and its task asks now and then when its time is up.
pub(super) struct Pulse {
    clock: Arc<dyn Clock>,
    opened: Instant,
    /// In nanoseconds since it was opened.
    since: AtomicU64,
    in_flight: AtomicUsize,
    /// Whether the head of a request is awaited or has begun.
    head: AtomicBool,
    http2: AtomicBool,
    /// Whether no request has begun yet.
    new: AtomicBool,
}

impl Pulse {
    /// A connection that has just been opened: the first head is awaited.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            opened: clock.monotonic(),
            clock,
            since: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            head: AtomicBool::new(true),
            http2: AtomicBool::new(false),
            new: AtomicBool::new(true),
        }
    }

    /// Bytes have come. Between requests of HTTP/1 they begin the next head; on HTTP/2 they may be
    /// anything, such as an answer to a ping.
    pub(super) fn bytes(&self) {
        let between = self.in_flight.load(Ordering::Relaxed) == 0;
        let known = self.head.load(Ordering::Relaxed) || self.http2.load(Ordering::Relaxed);
        if between && !known {
            self.stamp();
            self.head.store(true, Ordering::Relaxed);
        }
    }

    /// The preface of HTTP/2 is complete. A client of gRPC may connect long before it asks.
    pub(super) fn http2(&self) {
        self.http2.store(true, Ordering::Relaxed);
        self.head.store(false, Ordering::Relaxed);
        self.stamp();
    }

    /// A request begins.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.head.store(false, Ordering::Relaxed);
        self.new.store(false, Ordering::Relaxed);
        InFlight { begun: self.stamp(), pulse: Arc::clone(self), has_ended: false }
    }

    /// Whether no request has begun on it yet.
    pub(super) fn is_new(&self) -> bool {
        self.new.load(Ordering::Relaxed)
    }

    /// When the time of what the connection is doing is up, and what that would be called.
    pub(super) fn due(&self, limits: &Limits) -> (Instant, Closed) {
        let (limit, reason) = match () {
            () if self.in_flight.load(Ordering::Relaxed) > 0 => {
                (limits.request, Closed::SlowRequest)
            }
            () if self.head.load(Ordering::Relaxed) => (limits.head, Closed::SlowHead),
            () => (limits.idle, Closed::Idle),
        };
        let since = Duration::from_nanos(self.since.load(Ordering::Relaxed));
        (later(later(self.opened, since), limit), reason)
    }

    /// A request ends.
    fn end(&self) -> Instant {
        let now = self.stamp();
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        now
    }

    fn stamp(&self) -> Instant {
        let now = self.clock.monotonic();
        let since = now.saturating_duration_since(self.opened).as_nanos();
        self.since.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
        now
    }
}

impl fmt::Debug for Pulse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pulse").field("in_flight", &self.in_flight).finish_non_exhaustive()
    }
}

/// A request that is not answered yet; it ends when this is dropped, so also if its peer goes away.
pub(super) struct InFlight {
    pulse: Arc<Pulse>,
    begun: Instant,
    has_ended: bool,
}

impl InFlight {
    /// Ends it, and says how long it took.
    pub(super) fn end(mut self) -> Duration {
        self.has_ended = true;
        self.pulse.end().saturating_duration_since(self.begun)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.has_ended {
            self.pulse.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use okta_introspect::ManualClock;

    const SECOND: Duration = Duration::from_secs(1);

    fn pulse() -> (ManualClock, Arc<Pulse>) {
        let clock = ManualClock::stepped(DateTime::UNIX_EPOCH);
        let pulse = Arc::new(Pulse::new(Arc::new(clock.clone())));
        clock.advance(SECOND);
        (clock, pulse)
    }

    /// In how many seconds its time is up, and what for.
    fn due(clock: &ManualClock, pulse: &Pulse) -> (u64, Closed) {
        let (at, reason) = pulse.due(&Limits::default());
        ((at - clock.monotonic()).as_secs(), reason)
    }

    #[test]
    fn the_first_head_counts_from_the_opening_whatever_comes_of_it() {
        let (clock, pulse) = pulse();
        assert_eq!(due(&clock, &pulse), (4, Closed::SlowHead));
        pulse.bytes();
        assert_eq!(due(&clock, &pulse), (4, Closed::SlowHead));
    }

    #[test]
    fn a_later_head_counts_from_its_first_byte() {
        let (clock, pulse) = pulse();
        drop(pulse.begin());
        clock.advance(100 * SECOND);
        assert_eq!(due(&clock, &pulse), (65 * 60 - 100, Closed::Idle));
        pulse.bytes();
        clock.advance(2 * SECOND);
        pulse.bytes();
        assert_eq!(due(&clock, &pulse), (3, Closed::SlowHead));
    }

    #[test]
    fn on_http2_bytes_between_requests_begin_nothing() {
        let (clock, pulse) = pulse();
        pulse.http2();
        pulse.bytes();
        assert_eq!(due(&clock, &pulse), (65 * 60, Closed::Idle));
        drop(pulse.begin());
        pulse.bytes();
        assert_eq!(due(&clock, &pulse), (65 * 60, Closed::Idle));
    }

    #[test]
    fn a_connection_is_busy_until_the_last_of_its_requests_has_ended() {
        let (clock, pulse) = pulse();
        let (first, second) = (pulse.begin(), pulse.begin());
        clock.advance(10 * SECOND);
        pulse.bytes();
        assert_eq!(due(&clock, &pulse), (20, Closed::SlowRequest));
        assert_eq!(first.end(), 10 * SECOND);
        assert_eq!(due(&clock, &pulse), (30, Closed::SlowRequest));
        drop(second);
        assert_eq!(due(&clock, &pulse), (65 * 60, Closed::Idle));
    }
}
