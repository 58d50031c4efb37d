//! The System Log: the events in the order in which they were written.

use std::collections::VecDeque;

use super::event::LogEvent;

/// The log, oldest event first. Each event has a number, which never changes, as its cursor.
#[derive(Default)]
pub(crate) struct SystemLog {
    events: VecDeque<LogEvent>,
    forgotten: usize,
}

impl SystemLog {
    /// How many events are kept.
    const CAPACITY: usize = 10_000;

    pub(crate) fn push(&mut self, event: LogEvent) {
        if self.events.len() == Self::CAPACITY {
            self.events.pop_front();
            self.forgotten += 1;
        }
        self.events.push_back(event);
    }

    pub(crate) fn events(&self) -> impl DoubleEndedIterator<Item = &LogEvent> {
        self.events.iter()
    }

    /// The events with their numbers.
    pub(crate) fn numbered(&self) -> impl DoubleEndedIterator<Item = (usize, &LogEvent)> {
        (0..self.events.len()).map(|index| (self.forgotten + index, &self.events[index]))
    }

    /// The number of the next event.
    pub(crate) fn end(&self) -> usize {
        self.forgotten + self.events.len()
    }
}
