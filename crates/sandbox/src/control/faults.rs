//! The handle of a sandbox's faults.

use std::fmt;
use std::ops::Range;

use chrono::{DateTime, Utc};

use crate::faults::fault::Fault;
use crate::faults::queue::{FaultQueue, Times};
use crate::http::server::Server;

/// The faults of a [`Sandbox`](crate::Sandbox).
pub struct Faults<'a> {
    server: &'a Server,
}

impl fmt::Debug for Faults<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("sandbox", &self.server.address).finish_non_exhaustive()
    }
}

impl<'a> Faults<'a> {
    pub(crate) fn of(server: &'a Server) -> Self {
        Self { server }
    }

    /// Lets a fault strike the coming requests. Each request meets the first fault in the queue
    /// that concerns its path, and no other.
    pub fn inject(&self, fault: Fault, times: Times) {
        self.server.faults().inject(fault, times);
    }

    /// Lets the fault strike every request that comes within these times of the server's clock,
    /// before any that was injected. Replaces what was set before.
    pub fn outage(&self, times: Range<DateTime<Utc>>, fault: Fault) {
        self.server.faults().set_outage(Some(times), fault);
    }

    /// Begins an outage, in which the fault strikes every request, or ends it with `None`.
    pub fn set_outage(&self, fault: Option<Fault>) {
        match fault {
            Some(fault) => self.server.faults().set_outage(None, fault),
            None => self.server.faults().end_outage(),
        }
    }

    /// Takes all faults and the outage away. Requests that wait go on waiting.
    pub fn clear(&self) {
        *self.server.faults() = FaultQueue::default();
    }

    /// Lets go of the requests that are [held](Fault::hold) now, and of the events and messages that
    /// are [kept back](crate::ChannelFaults::reorder); later ones are held again.
    pub fn release(&self) {
        self.server.world.release_log();
        self.server.gate.release();
    }

    /// Completes when at least so many requests are held or met with silence, or when the sandbox
    /// has ended.
    pub fn waiting(&self, count: usize) -> impl Future<Output = ()> + Send + use<> {
        self.server.gate.waiting(count)
    }
}
