//! What is in the System Log, and how it gets there.

use super::sandbox::Sandbox;
use crate::model::channel_faults::ChannelFaults;
use crate::model::event::LogEvent;
use crate::model::event_draft::EventDraft;
use crate::model::log_lag::LogLag;

impl Sandbox {
    /// The System Log as it is written so far, oldest event first; of very many only the last
    /// 10 000. Clients read it at `/api/v1/logs`.
    pub fn log(&self) -> Vec<LogEvent> {
        self.world().keep_up();
        self.world().state().log.events().cloned().collect()
    }

    /// How many events have happened that are not in the System Log yet.
    pub fn log_pending(&self) -> usize {
        self.world().keep_up();
        self.world().state().log.pending()
    }

    /// Sets how long events take, from now on, until they are in the System Log: a time, or a range
    /// from which each event draws. Polls give events in the order in which they were written, and
    /// see them only then, by the monotonic time of the sandbox's clock; `published` is when they
    /// happened. Default: none.
    pub fn set_log_lag(&self, lag: impl Into<LogLag>) {
        self.world().state().log_lag = lag.into();
    }

    /// Sets what happens, from now on, to events on their way into the System Log, besides their
    /// [lag](Self::set_log_lag): they are never written, written twice, later, or after the next one.
    /// Okta's log does nothing of this, as far as is known. Default: nothing.
    pub fn set_log_faults(&self, faults: ChannelFaults) {
        self.world().state().log_faults = faults;
    }

    /// Writes an event to the System Log of which nothing else comes: for all that the sandbox
    /// cannot do itself, and for what is not true. Channels are told of it as of
    /// any other.
    pub fn write_event(&self, draft: EventDraft) {
        let entry = draft.entry(&self.world().state());
        self.world().log(entry, None);
    }
}
