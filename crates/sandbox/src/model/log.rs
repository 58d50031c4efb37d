//! The System Log: the events in the order in which they were written. Pure: time comes in as an
//! argument.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::event::LogEvent;

/// The log, oldest event first. Each event has a number, which never changes, as its cursor. An
/// event that has happened is pending until it is written.
#[derive(Default)]
pub(crate) struct SystemLog {
    events: VecDeque<LogEvent>,
    forgotten: usize,
    /// By the times at which they will be written, and then in the order in which they happened.
    pending: BTreeMap<(Instant, usize), LogEvent>,
    happened: usize,
    /// Kept back until the next one.
    held: Vec<LogEvent>,
}

impl SystemLog {
    /// How many events are kept.
    const CAPACITY: usize = 10_000;

    /// Adds an event that will be written at this time, and after it those that were held.
    pub(crate) fn push(&mut self, event: LogEvent, written_at: Instant) {
        self.queue(event, written_at);
        self.release(written_at);
    }

    /// Keeps an event back until the next one is added.
    pub(crate) fn hold(&mut self, event: LogEvent) {
        self.held.push(event);
    }

    /// Adds the events that were held.
    pub(crate) fn release(&mut self, written_at: Instant) {
        for event in std::mem::take(&mut self.held) {
            self.queue(event, written_at);
        }
    }

    /// Writes the events that are due. Comes before everything that reads.
    pub(crate) fn write_due(&mut self, now: Instant) {
        while let Some(first) = self.pending.first_entry().filter(|first| first.key().0 <= now) {
            let event = first.remove();
            self.write(event);
        }
    }

    /// The events that have been written.
    pub(crate) fn events(&self) -> impl DoubleEndedIterator<Item = &LogEvent> {
        self.events.iter()
    }

    /// The same with their numbers.
    pub(crate) fn numbered(&self) -> impl DoubleEndedIterator<Item = (usize, &LogEvent)> {
        (0..self.events.len()).map(|index| (self.forgotten + index, &self.events[index]))
    }

    /// The number of the first event that is still there.
    pub(crate) fn begin(&self) -> usize {
        self.forgotten
    }

    /// The number of the next event that will be written.
    pub(crate) fn end(&self) -> usize {
        self.forgotten + self.events.len()
    }

    /// How many events have happened and are not written yet.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len() + self.held.len()
    }

    fn queue(&mut self, event: LogEvent, written_at: Instant) {
        self.pending.insert((written_at, self.happened), event);
        self.happened += 1;
        if self.pending.len() > Self::CAPACITY
            && let Some((_, first)) = self.pending.pop_first()
        {
            self.write(first);
        }
    }

    fn write(&mut self, event: LogEvent) {
        if self.events.len() == Self::CAPACITY {
            self.events.pop_front();
            self.forgotten += 1;
        }
        self.events.push_back(event);
    }
}
