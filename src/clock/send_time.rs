//! When a request was sent: the moment from which the age of its answer counts.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use crate::clock::ticks::Moment;
use crate::support::sync::atomic::{AtomicU64, Ordering};
use crate::support::sync::{Mutex, MutexGuard};

/// The time of one checker: moments since it was made, and a count of events in the one order that
/// all agree on. Moments cannot tell two events of the same tick apart; the count can.
#[derive(Clone, Debug)]
pub(crate) struct Sequence(Arc<Beginning>);

#[derive(Debug)]
struct Beginning {
    at: Instant,
    events: AtomicU64,
}

impl Sequence {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Arc::new(Beginning { at: now, events: AtomicU64::new(0) }))
    }

    /// The number of a new event, larger than that of every event before it.
    pub(crate) fn next(&self) -> u64 {
        self.0.events.fetch_add(1, Ordering::AcqRel) + 1
    }

    pub(crate) fn moment(&self, now: Instant) -> Moment {
        Moment::after(self.0.at, now)
    }

    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        self.0.at + moment.since_origin()
    }

    /// A request that is sent now.
    pub(crate) fn sent(&self, now: Instant) -> Sent {
        Sent { at: self.moment(now), number: self.next() }
    }
}

/// The moment at which a request left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Sent {
    pub(crate) at: Moment,
    /// Its place in the order of all events of one checker.
    pub(crate) number: u64,
}

/// Takes note of when a call's request is sent, for those who may share its answer.
///
/// A server may have looked at a token just before it was revoked. So an answer is as old as its
/// request, and only a call that is [still here](Self::waits) may be joined by whoever wants to
/// know about *now*. Whoever makes calls but says nothing here is taken to have sent the request
/// when the call began, which is never too late.
#[derive(Debug)]
pub struct Departure {
    sequence: Sequence,
    sent: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    sent: Sent,
    waits: bool,
}

impl Departure {
    /// A call that begins `now`.
    pub(crate) fn new(sequence: Sequence, now: Instant) -> Self {
        let sent = sequence.sent(now);
        Self { sequence, sent: Mutex::new(State { sent, waits: false }) }
    }

    /// The request has not been sent: it waits, for instance for its turn, and
    /// [`sends`](Self::sends) will be called before it goes.
    pub fn waits(&self) {
        self.state().waits = true;
    }

    /// The request is sent now, which is `now` on the monotonic clock. Call it *before* the first
    /// byte leaves; of several attempts the last one counts.
    pub fn sends(&self, now: Instant) {
        let mut state = self.state();
        *state = State { sent: self.sequence.sent(now), waits: false };
    }

    /// When it was sent, as far as that has happened.
    pub(crate) fn sent(&self) -> Option<Sent> {
        let state = *self.state();
        (!state.waits).then_some(state.sent)
    }

    /// When the request was sent that brought the answer.
    pub(crate) fn last_sent(&self) -> Sent {
        self.state().sent
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};
    use std::time::Duration;

    #[test]
    fn who_says_nothing_has_sent_at_the_beginning() {
        let now = SystemClock.monotonic();
        let sequence = Sequence::new(now);
        let departure = Departure::new(sequence.clone(), now);
        assert_eq!(departure.sent(), Some(Sent { at: sequence.moment(now), number: 1 }));
    }

    #[test]
    fn a_request_that_waits_is_sent_when_it_goes_and_the_last_attempt_counts() {
        let now = SystemClock.monotonic();
        let sequence = Sequence::new(now);
        let departure = Departure::new(sequence.clone(), now);
        departure.waits();
        assert_eq!(departure.sent(), None);
        departure.sends(now);
        let later = now + Duration::from_secs(1);
        departure.sends(later);
        assert_eq!(departure.sent(), Some(Sent { at: sequence.moment(later), number: 3 }));
        assert_eq!(departure.last_sent().number, 3);
    }
}
