//! How long the store may take, and when it is left alone.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::handle::Inner;
use crate::clock::{Clock, Deadline, later};
use crate::error::Error;
use crate::wire::admission::circuit::{Circuit, CircuitConfig, Pass};
use crate::wire::error_chain::chain;

/// The longest that one use of the store may take.
pub(super) const BUDGET: Duration = Duration::from_millis(20);

/// Of what a caller can wait, the store has one part in so many.
const PART: u32 = 5;

/// A store that has not answered in less time has not failed.
const LEAST_JUDGED: Duration = Duration::from_millis(5);

/// After so many failures in a row the store is left alone; what fails at one moment is one failure.
const FAILURES: u32 = 5;

/// For how long, at first and at most. One that is back is to be used again within two leases of the
/// lead of signals, which are 12 s.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(8)];

pub(super) fn circuit() -> Circuit {
    let config = CircuitConfig { failures: Some(FAILURES), probe_after: PAUSES[0] };
    Circuit::doubling(config, PAUSES[1]).counting_rounds()
}

/// Why there is no answer of the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Gone {
    /// It failed.
    Failed,
    /// It took too long.
    Late,
    /// It did not answer at once, and there was no time to wait.
    NoTime,
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
        Self::behind(clock, wait_left, Duration::ZERO)
    }

    /// The same, of which some is used up.
    pub(super) fn behind(clock: &'a dyn Clock, wait_left: Duration, used: Duration) -> Self {
        Self::exactly(clock, BUDGET.min(wait_left / PART).saturating_sub(used))
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
        let admitted = inner.circuit.admit(self.clock.monotonic());
        let pass = admitted.map_err(|_| {
            tell(inner, true);
            Gone::LeftAlone
        })?;
        let begun = self.clock.monotonic();
        let result = self.deadline.before(work).await;
        let now = self.clock.monotonic();
        inner.counters.took(now.saturating_duration_since(begun));
        let failed = |pass: Pass<'_>| pass.failed_jittered(now, inner.random.fraction());
        let gone = match result {
            Some(Ok(done)) => {
                pass.answered();
                tell(inner, false);
                return Ok(done);
            }
            Some(Err(error)) => {
                let cause: Vec<_> = chain(&error).map(ToString::to_string).collect();
                let cause = cause.join(": ");
                tracing::debug!(kind = ?error.kind(), cause, "the shared store failed");
                *inner.failure() = cause;
                Gone::Failed
            }
            None if self.is_judged => {
                "no answer in time".clone_into(&mut inner.failure());
                Gone::Late
            }
            None => return Err(Gone::NoTime),
        };
        failed(pass);
        inner.orgs().values().for_each(|org| org.scales().doubt(now));
        Err(gone)
    }
}

/// Tells once that the store is left alone, and once that it is not any more.
fn tell(inner: &Inner, is_left_alone: bool) {
    let told = &inner.is_left_alone;
    if told.load(Ordering::Relaxed) == is_left_alone
        || told.swap(is_left_alone, Ordering::Relaxed) == is_left_alone
    {
        return;
    }
    match is_left_alone {
        true => tracing::warn!(
            cause = *inner.failure(),
            "the shared store fails: this instance asks for itself meanwhile"
        ),
        false => tracing::info!("the shared store answers again"),
    }
}
