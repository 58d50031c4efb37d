//! What follows the System Log while the sidecar lives.

use std::sync::{Arc, Mutex, PoisonError};

use okta_introspect::signals::Following;

use crate::error::Fault;
use crate::state::{Polling, State};

/// What follows the System Log by the configuration in force. It ends when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Follower {
    /// The state that says how, and what follows.
    running: Mutex<Option<(Arc<Polling>, Following)>>,
}

impl Follower {
    /// Follows the log as this state says; what does so already goes on.
    ///
    /// # Errors
    ///
    /// If it cannot be followed like that; then nothing has changed.
    pub(super) fn adopt(&self, state: &State) -> Result<(), Fault> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(polling) = &state.polling else {
            *running = None;
            return Ok(());
        };
        let goes_on = |(earlier, following): &(Arc<Polling>, Following)| {
            polling.is_as(earlier) && !following.has_ended()
        };
        if !running.as_ref().is_some_and(goes_on) {
            let log = polling.log(state.signals.feed.clone())?;
            // The one before has ended when the new one begins: they may have the same file.
            drop(running.take());
            *running = Some((Arc::clone(polling), log.start()));
        }
        Ok(())
    }
}
