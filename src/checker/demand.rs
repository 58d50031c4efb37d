//! What those demand that wait for one call: how old its answer may be, and for how long they wait.
//!
//! As long as the server is not asked, an answer may come from elsewhere, and be old. Whether a check
//! may join, and whether an old answer will do, is decided under one lock: so no check gets an answer
//! that is older than it allows.

use std::sync::PoisonError;
use std::time::Instant;

use tokio::sync::Notify;

use crate::checker::cache::facts::Known;
use crate::checker::cache::freshness::Oldest;
use crate::clock::send_time::{SendTime, Sent, Timeline};
use crate::support::sync::{Mutex, MutexGuard};

/// The demand for one call, and when its request was sent.
#[derive(Debug)]
pub(crate) struct Demand {
    pub(crate) send_time: SendTime,
    state: Mutex<State>,
    /// Tells the call that it has become urgent.
    urgent: Notify,
}

#[derive(Debug)]
struct State {
    oldest: Oldest,
    /// When the first of those that wait gives up.
    deadline: Instant,
    is_awaited: bool,
    is_closed: bool,
    /// The answer from elsewhere that ends this call.
    taken: Option<Known>,
}

impl Demand {
    /// Of a call that is to bring an answer which was asked for no earlier than `oldest`.
    /// `is_awaited`: whether a check waits for it, which is not so if it is made ahead of time.
    pub(crate) fn new(
        timeline: Timeline,
        oldest: Oldest,
        deadline: Instant,
        is_awaited: bool,
    ) -> Self {
        let (is_closed, taken) = (false, None);
        let state = State { oldest, deadline, is_awaited, is_closed, taken };
        Self { send_time: SendTime::new(timeline), state: Mutex::new(state), urgent: Notify::new() }
    }

    /// Has a check wait for this call, unless it has been sent, or has found its answer, at a time
    /// that `admits` does not admit.
    pub(crate) fn join(
        &self,
        oldest: Oldest,
        deadline: Instant,
        admits: impl FnOnce(Sent) -> bool,
    ) -> bool {
        let mut state = self.state();
        if state.is_closed {
            return false;
        }
        let does = state.taken.as_ref().is_none_or(|known| oldest.admits(known));
        let taken = state.taken.as_ref().map(Known::sent);
        if let Some(sent) = taken.or_else(|| self.send_time.latest()) {
            drop(state);
            return does && admits(sent);
        }
        let wanted_now = state.oldest.is_now();
        state.oldest = state.oldest.stricter(oldest);
        state.deadline = state.deadline.min(deadline);
        let was_awaited = std::mem::replace(&mut state.is_awaited, true);
        if !was_awaited || state.oldest.is_now() != wanted_now {
            self.urgent.notify_one();
        }
        true
    }

    /// Ends this call with an answer from elsewhere, if that is young enough for all that wait.
    pub(crate) fn take(&self, known: &Known) -> bool {
        let mut state = self.state();
        let does = state.oldest.admits(known);
        if does {
            state.taken = Some(known.clone());
        }
        does
    }

    /// Gives the call up, unless a check waits for it.
    pub(crate) fn close(&self) -> bool {
        let mut state = self.state();
        state.is_closed = !state.is_awaited;
        state.is_closed
    }

    /// Whether a check waits for it.
    pub(crate) fn is_awaited(&self) -> bool {
        self.state().is_awaited
    }

    /// Whether somebody accepts nothing that was asked for before now.
    pub(crate) fn is_for_now(&self) -> bool {
        self.state().oldest.is_now()
    }

    /// When the first of those that wait gives up.
    pub(crate) fn deadline(&self) -> Instant {
        self.state().deadline
    }

    /// Waits until a check waits for a call that was made ahead of time, or somebody accepts nothing
    /// old.
    pub(crate) async fn is_urgent(&self) {
        self.urgent.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::checker::cache::facts::sample::{active, inactive};
    use crate::checker::cache::freshness::Bounds;
    use crate::clock::ticks::Ticks;
    use crate::clock::{Clock, SystemClock};
    use std::sync::Arc;
    use std::time::Duration;

    fn asked_at(mut known: Known, second: u64) -> Known {
        let at = at(second);
        match &mut known {
            Known::Active(facts) => Arc::get_mut(facts).unwrap().sent.at = at,
            Known::Inactive(refused) => refused.sent.at = at,
        }
        known
    }

    fn at(second: u64) -> Ticks {
        Ticks::from_nanos(second * 1_000_000_000)
    }

    /// Of a check that begins at second 100; a no may be 10 seconds old.
    fn oldest(max_age: u64) -> Oldest {
        let second = Duration::from_secs(1);
        let max_age = (second * max_age as u32).into();
        let bounds =
            Bounds { max_age, inactive_max_age: (10 * second).into(), stale_if_error: max_age };
        bounds.oldest(at(100))
    }

    fn demand(max_age: u64, is_awaited: bool) -> (Demand, Instant) {
        let now = SystemClock.monotonic();
        (Demand::new(Timeline::new(now), oldest(max_age), now, is_awaited), now)
    }

    #[test]
    fn what_is_given_up_is_not_joined_and_what_is_joined_is_not_given_up() {
        let (given_up, now) = demand(30, false);
        assert!(given_up.close());
        assert!(!given_up.join(oldest(30), now, |_| true));
        let (joined, now) = demand(30, false);
        assert!(joined.join(oldest(30), now, |_| false) && joined.is_awaited());
        assert!(!joined.close());
        assert!(joined.join(oldest(30), now, |_| false), "it goes on");
        assert!(!demand(30, true).0.close());
    }

    #[test]
    fn the_strictest_of_those_that_wait_decides() {
        for (second, does) in [(79, false), (80, true)] {
            let (demand, now) = demand(30, true);
            assert!(demand.join(oldest(20), now, |_| false));
            assert!(demand.join(oldest(25), now, |_| false));
            assert_eq!(demand.take(&asked_at(active(1), second)), does, "{second}");
        }
    }

    #[test]
    fn an_answer_that_was_found_is_joined_by_those_for_whom_it_is_young_enough() {
        for (known, max_age, joins) in [
            (asked_at(active(1), 80), 20, true),
            (asked_at(active(1), 80), 19, false),
            (asked_at(inactive(1), 90), 20, true),
            (asked_at(inactive(1), 90), 9, false),
            (asked_at(active(1), 80), 0, false),
        ] {
            let (demand, now) = demand(30, true);
            assert!(demand.take(&known));
            let sent = known.sent();
            let join = demand.join(oldest(max_age), now, |by| by == sent);
            assert_eq!(join, joins, "{known:?} {max_age}");
            assert!(!demand.join(oldest(30), now, |_| false), "unless it was invalidated");
        }
    }

    #[test]
    fn the_shortest_wait_counts() {
        let (now, second) = (SystemClock.monotonic(), Duration::from_secs(1));
        let demand = Demand::new(Timeline::new(now), oldest(30), now + 2 * second, true);
        for (wait, expected) in [(3, 2), (1, 1), (2, 1)] {
            demand.join(oldest(30), now + wait * second, |_| false);
            assert_eq!(demand.deadline(), now + expected * second);
        }
    }
}
