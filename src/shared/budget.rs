//! How long the store may take, and when it is left alone.

use std::future::Future;
use std::time::Duration;

use super::handle::Inner;
use crate::clock::{Clock, Deadline, later};
use crate::error::Error;
use crate::wire::admission::circuit::{Circuit, CircuitConfig};

/// The longest that one use of the store may take.
pub(super) const BUDGET: Duration = Duration::from_millis(20);

/// Of what a caller can wait, the store has one part in so many.
const PART: u32 = 5;

/// A store that has not answered in less time has not failed.
const LEAST_JUDGED: Duration = Duration::from_millis(5);

pub(super) fn circuit() -> Circuit {
    Circuit::new(CircuitConfig { failures: Some(5), probe_after: Duration::from_secs(1) })
}

/// Why there is no answer of the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Gone {
    /// It failed, or took too long.
    Failed,
    /// It failed before and is left alone.
    LeftAlone,
}

/// The time that one use of the store has, however many round trips that takes.
pub(super) struct Budget<'a> {
    clock: &'a dyn Clock,
    deadline: Deadline<'a>,
    is_judged: bool,
}

impl<'a> Budget<'a> {
    /// For a caller that can wait so long.
    pub(super) fn of(clock: &'a dyn Clock, wait_left: Duration) -> Self {
        Self::exactly(clock, BUDGET.min(wait_left / PART))
    }

    pub(super) fn exactly(clock: &'a dyn Clock, budget: Duration) -> Self {
        let deadline = Deadline::new(clock, later(clock.monotonic(), budget));
        Self { clock, deadline, is_judged: budget >= LEAST_JUDGED }
    }

    /// Waits for the store within what is left of the budget.
    pub(super) async fn wait<T>(
        &mut self,
        inner: &Inner,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Gone> {
        let pass = inner.circuit.admit(self.clock.monotonic()).map_err(|_| Gone::LeftAlone)?;
        match self.deadline.before(work).await {
            Some(Ok(done)) => {
                pass.answered();
                return Ok(done);
            }
            Some(Err(error)) => {
                tracing::debug!(kind = ?error.kind(), %error, "the shared store failed");
                pass.failed(self.clock.monotonic());
            }
            None if self.is_judged => pass.failed(self.clock.monotonic()),
            None => {}
        }
        Err(Gone::Failed)
    }
}
