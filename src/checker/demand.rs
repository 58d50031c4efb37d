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
    taken: Option<Sent>,
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
        if let Some(sent) = state.taken.or_else(|| self.send_time.latest()) {
            drop(state);
            return admits(sent);
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
            state.taken = Some(known.sent());
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
