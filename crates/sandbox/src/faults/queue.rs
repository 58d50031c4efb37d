//! Which faults strike. Pure: time comes in as an argument.

use std::collections::VecDeque;
use std::ops::Range;

use chrono::{DateTime, Utc};

use super::fault::Fault;

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Times {
    /// For the next request.
    Once,
    /// For so many requests; zero is none.
    Exactly(u32),
    /// Until [`Faults::clear`](crate::Faults::clear).
    Always,
}

/// The faults to come.
#[derive(Default)]
pub(crate) struct FaultQueue {
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
    /// Adds a fault behind the others.
    pub(crate) fn inject(&mut self, fault: Fault, times: Times) {
        let left = match times {
            Times::Once => Some(1),
            Times::Exactly(times) => Some(times),
            Times::Always => None,
        };
        self.queue.push_back(Queued { fault, left });
    }

    /// Sets the fault that strikes before all others: within these times of the server's clock,
    /// or at all times.
    pub(crate) fn set_outage(&mut self, times: Option<Range<DateTime<Utc>>>, fault: Fault) {
        self.outage = Some(Outage { times, fault });
    }

    pub(crate) fn end_outage(&mut self) {
        self.outage = None;
    }

    /// The fault that strikes a request to `path`.
    pub(crate) fn take(&mut self, path: &str, now: DateTime<Utc>) -> Option<Fault> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn the_first_fault_that_concerns_the_path_strikes_as_often_as_it_should() {
        let mut faults = FaultQueue::default();
        faults.inject(Fault::html(500).at("/a"), Times::Exactly(2));
        faults.inject(Fault::silence(), Times::Exactly(0));
        faults.inject(Fault::empty(204), Times::Exactly(1));
        faults.inject(Fault::html(502), Times::Always);
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
        faults.set_outage(Some(at(10)..at(20)), Fault::silence());
        for (seconds, strikes) in [(9, false), (10, true), (19, true), (20, false)] {
            assert_eq!(faults.take("/a", at(seconds)).is_some(), strikes, "{seconds}");
        }
    }
}
