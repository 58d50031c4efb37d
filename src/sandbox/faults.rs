//! Which faults strike, and the requests that they keep waiting.

use std::collections::VecDeque;
use std::ops::Range;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::Sandbox;
use super::fault::{Fault, Wait};
use super::server::Shared;

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Times {
    /// For the next request.
    Once,
    /// For so many requests; zero is none.
    Exactly(u32),
    /// Until [`Faults::clear`].
    Always,
}

/// The faults of a [`Sandbox`].
#[derive(Debug)]
pub struct Faults<'a> {
    sandbox: &'a Sandbox,
}

impl Sandbox {
    /// What goes wrong on purpose. Default: nothing.
    pub fn faults(&self) -> Faults<'_> {
        Faults { sandbox: self }
    }
}

impl Faults<'_> {
    /// Lets a fault strike the coming requests. Each request meets the first fault in the queue
    /// that concerns its path, and no other.
    pub fn inject(&self, fault: Fault, times: Times) {
        let left = match times {
            Times::Once => Some(1),
            Times::Exactly(times) => Some(times),
            Times::Always => None,
        };
        self.shared().state().faults.queue.push_back(Queued { fault, left });
    }

    /// Lets the fault strike every request that comes within these times of the server's clock,
    /// before any that was injected. Replaces what was set before.
    pub fn outage(&self, times: Range<DateTime<Utc>>, fault: Fault) {
        self.shared().state().faults.outage = Some(Outage { times: Some(times), fault });
    }

    /// Begins an outage, in which the fault strikes every request, or ends it with `None`.
    pub fn set_outage(&self, fault: Option<Fault>) {
        let outage = fault.map(|fault| Outage { times: None, fault });
        self.shared().state().faults.outage = outage;
    }

    /// Takes all faults and the outage away. Requests that wait go on waiting.
    pub fn clear(&self) {
        self.shared().state().faults = FaultQueue::default();
    }

    /// Lets go of the requests that are [held](Fault::hold) now; later ones are held again.
    pub fn release(&self) {
        self.shared().gate.releases.send_modify(|releases| *releases += 1);
    }

    /// Completes when at least so many requests are held or met with silence, or when the sandbox
    /// has ended.
    pub fn waiting(&self, count: usize) -> impl Future<Output = ()> + Send + use<> {
        let mut waiting = self.shared().gate.waiting.subscribe();
        async move {
            let _ = waiting.wait_for(|waiting| *waiting >= count).await;
        }
    }

    fn shared(&self) -> &Shared {
        self.sandbox.shared()
    }
}

/// The faults to come.
#[derive(Default)]
pub(super) struct FaultQueue {
    queue: VecDeque<Queued>,
    outage: Option<Outage>,
}

struct Queued {
    fault: Fault,
    /// How often it still strikes; `None` is always.
    left: Option<u32>,
}

struct Outage {
    times: Option<Range<DateTime<Utc>>>,
    fault: Fault,
}

impl FaultQueue {
    /// The fault that strikes a request to `path`.
    pub(super) fn take(&mut self, path: &str, now: DateTime<Utc>) -> Option<Fault> {
        let outage = self.outage.as_ref().filter(|outage| {
            outage.times.as_ref().is_none_or(|times| times.contains(&now))
                && outage.fault.concerns(path)
        });
        if let Some(outage) = outage {
            return Some(outage.fault.clone());
        }
        self.queue.retain(|queued| queued.left != Some(0));
        let queued = self.queue.iter_mut().find(|queued| queued.fault.concerns(path))?;
        queued.left = queued.left.map(|left| left - 1); // not zero: those are gone
        Some(queued.fault.clone())
    }
}

/// Where requests wait.
pub(super) struct Gate {
    releases: watch::Sender<u64>,
    waiting: watch::Sender<usize>,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self { releases: watch::Sender::new(0), waiting: watch::Sender::new(0) }
    }

    /// Until somebody opens the gate.
    async fn hold(&self) {
        let mut releases = self.releases.subscribe();
        let _place = Place::take(&self.waiting);
        // The sender lives in `self`: this cannot fail.
        let _ = releases.changed().await;
    }

    /// Until the client gives up.
    async fn hold_for_ever(&self) {
        let _place = Place::take(&self.waiting);
        std::future::pending().await
    }
}

/// A request's place among those that wait.
struct Place<'a>(&'a watch::Sender<usize>);

impl<'a> Place<'a> {
    fn take(waiting: &'a watch::Sender<usize>) -> Self {
        waiting.send_modify(|count| *count += 1);
        Self(waiting)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Wait {
    /// Waits.
    pub(super) async fn pass(self, shared: &Shared) {
        match self {
            Self::UntilReleased => shared.gate.hold().await,
            Self::For(time) => shared.clock.sleep_until(shared.clock.monotonic() + time).await,
            Self::ForEver => shared.gate.hold_for_ever().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(fault: Fault, left: Option<u32>) -> Queued {
        Queued { fault, left }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn the_first_fault_that_concerns_the_path_strikes_as_often_as_it_should() {
        let mut faults = FaultQueue::default();
        faults.queue.push_back(queued(Fault::html(500).at("/a"), Some(2)));
        faults.queue.push_back(queued(Fault::silence(), Some(0)));
        faults.queue.push_back(queued(Fault::empty(204), Some(1)));
        faults.queue.push_back(queued(Fault::html(502), None));
        let mut take = |path| format!("{:?}", faults.take(path, at(0)).unwrap().change);
        assert!(take("/b").contains("204"));
        assert!(take("/b").contains("502"));
        assert!(take("/a").contains("500"));
        assert!(take("/a").contains("500"));
        assert!(take("/a").contains("502"));
    }

    #[test]
    fn an_outage_has_a_beginning_and_an_end() {
        let mut faults = FaultQueue::default();
        let times = Some(at(10)..at(20));
        faults.outage = Some(Outage { times, fault: Fault::silence() });
        for (seconds, strikes) in [(9, false), (10, true), (19, true), (20, false)] {
            assert_eq!(faults.take("/a", at(seconds)).is_some(), strikes, "{seconds}");
        }
    }
}
