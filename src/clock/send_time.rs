//! When a request was sent, which is when the age of its answer begins.
//!
//! A server may have looked at a token just before it was revoked. So an answer is as old as its
//! request, never as young as its arrival.

use std::sync::atomic::AtomicU16;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::later;
use crate::clock::ticks::Ticks;
use crate::support::sync::Mutex;
use crate::support::sync::atomic::{AtomicU64, Ordering};

/// The time of one checker: ticks since it was made, and a count of its events. Ticks cannot tell
/// two events of the same tick apart; the count orders all of them. Clones are one timeline.
#[derive(Clone, Debug)]
pub(crate) struct Timeline(Arc<Beginning>);

#[derive(Debug)]
struct Beginning {
    origin: Instant,
    events: AtomicU64,
}

/// How many timelines there were in this process. Not one of `support::sync`: a test of
/// interleavings has no use for its orders.
static TIMELINES: AtomicU16 = AtomicU16::new(0);

/// The lower bits of an event's number count, the upper ones tell timelines apart.
const COUNTED: u32 = 48;

/// An answer may have been kept somewhere before there was a checker. So its ticks begin earlier
/// than it, by more than any answer may be old.
const BEFORE: Duration = Duration::from_secs(48 * 3600);

impl Timeline {
    /// The time of a checker that is made at `now`.
    pub(crate) fn new(now: Instant) -> Self {
        let number = TIMELINES.fetch_add(1, Ordering::Relaxed);
        let events = AtomicU64::new(u64::from(number) << COUNTED);
        Self(Arc::new(Beginning { origin: earlier(now), events }))
    }

    /// Whether it is this timeline on which something was sent.
    pub(crate) fn has(&self, sent: Sent) -> bool {
        sent.number >> COUNTED == self.0.events.load(Ordering::Acquire) >> COUNTED
    }

    /// The number of a new event, larger than that of every event before it.
    pub(crate) fn next_event(&self) -> u64 {
        self.0.events.fetch_add(1, Ordering::AcqRel) + 1
    }

    pub(crate) fn ticks(&self, at: Instant) -> Ticks {
        Ticks::after(self.0.origin, at)
    }

    pub(crate) fn instant(&self, ticks: Ticks) -> Instant {
        later(self.0.origin, ticks.since_origin())
    }

    /// A request that is sent at `now`.
    pub(crate) fn sent(&self, now: Instant) -> Sent {
        Sent { at: self.ticks(now), number: self.next_event() }
    }
}

/// [`BEFORE`] earlier, or as early as the system's clock can tell.
fn earlier(now: Instant) -> Instant {
    let mut spans = std::iter::successors(Some(BEFORE), |span| Some(*span / 2));
    spans.find_map(|span| now.checked_sub(span)).unwrap_or(now)
}

/// Proof that a send time was recorded; only [`SendTime::record`] makes one.
///
/// # Example
///
/// ```
/// use okta_introspect::Introspection;
/// use okta_introspect::checker::{Answered, Sent};
///
/// /// Nothing is answered without saying when it was asked for.
/// fn answered(introspection: Introspection, sent: Sent) -> Answered {
///     Answered { introspection, sent }
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sent {
    pub(crate) at: Ticks,
    /// Its place in the order of all events of one checker.
    pub(crate) number: u64,
}

impl Sent {
    /// Whether it was sent later than the other. What was sent by others has an early time and a late
    /// number.
    pub(crate) fn is_after(self, other: Self) -> bool {
        (self.at, self.number) > (other.at, other.number)
    }
}

/// Records when one call's request is sent. An [`Upstream`](crate::checker::Upstream) is handed
/// one with each call.
///
/// Until something is recorded the request counts as not yet sent, and checks that need an answer
/// of *now* may share it. So record *before* the first byte leaves.
///
/// # Example: an upstream's request
///
/// ```
/// use okta_introspect::checker::{Answered, SendTime};
/// use okta_introspect::{Clock, Error, Introspection, SystemClock};
///
/// async fn introspect(
///     request: impl Future<Output = Result<Introspection, Error>>,
///     send_time: &SendTime,
/// ) -> Result<Answered, Error> {
///     let sent = send_time.record(SystemClock.monotonic());
///     Ok(Answered { introspection: request.await?, sent })
/// }
/// ```
#[derive(Debug)]
pub struct SendTime {
    timeline: Timeline,
    latest: Mutex<Option<Sent>>,
}

impl SendTime {
    /// Of a call whose request is not yet sent.
    pub(crate) fn new(timeline: Timeline) -> Self {
        Self { timeline, latest: Mutex::new(None) }
    }

    /// Records that the request is sent now, which is `now` on the monotonic clock. Each attempt
    /// records its own; the answer comes with what was recorded for the attempt that brought it.
    pub fn record(&self, now: Instant) -> Sent {
        // Under the lock, so that of two attempts the later number stays.
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = self.timeline.sent(now);
        *latest = Some(sent);
        sent
    }

    /// The send time of the latest attempt; `None` while nothing has been sent.
    pub(crate) fn latest(&self) -> Option<Sent> {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};
    use std::time::Duration;

    #[test]
    fn a_request_is_not_sent_until_that_is_recorded_and_the_latest_attempt_counts() {
        let now = SystemClock.monotonic();
        let timeline = Timeline::new(now);
        let send_time = SendTime::new(timeline.clone());
        assert_eq!(send_time.latest(), None);
        let first = send_time.record(now);
        assert_eq!(send_time.latest(), Some(first));
        let later = now + Duration::from_secs(1);
        let second = send_time.record(later);
        assert_eq!(second, Sent { at: timeline.ticks(later), number: first.number + 1 });
        assert_eq!(send_time.latest(), Some(second));
    }
}
