//! Which batches have been applied here.

use std::collections::VecDeque;

use super::batch::BatchId;

/// The latest batches that have been applied. Whatever is told behind one of them continues what
/// is known here, in whichever order batches come: a log that is read once more from an earlier
/// place, after the store has lost some of what it had, tells nothing less.
#[derive(Debug)]
pub(super) struct Known {
    /// Oldest first.
    batches: VecDeque<BatchId>,
    capacity: usize,
}

impl Known {
    pub(super) fn new(capacity: usize) -> Self {
        Self { batches: VecDeque::new(), capacity }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    pub(super) fn contains(&self, id: BatchId) -> bool {
        self.age(id).is_some()
    }

    /// How many were applied after it.
    pub(super) fn age(&self, id: BatchId) -> Option<usize> {
        // What is looked for is one of the latest nearly always.
        self.batches.iter().rev().position(|known| *known == id)
    }

    pub(super) fn add(&mut self, id: BatchId) {
        if self.batches.len() >= self.capacity {
            self.batches.pop_front();
        }
        self.batches.push_back(id);
    }
}
