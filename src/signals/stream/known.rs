//! Which batches have been applied here.

use std::collections::HashMap;

use super::batch::BatchId;

/// The latest batches that have been applied. Whatever is told behind one of them continues what
/// is known here, in whichever order batches come: a log that is read once more from an earlier
/// place, after the store has lost some of what it had, tells nothing less.
#[derive(Debug)]
pub(super) struct Known {
    /// The numbers of batches, counted from the first that ever was. Looked up for every batch, of
    /// which nearly none is there.
    new: HashMap<BatchId, u64>,
    old: HashMap<BatchId, u64>,
    /// How many there ever were.
    all: u64,
    capacity: usize,
}

impl Known {
    /// Remembers the latest `capacity` batches at least, and twice as many at most.
    pub(super) fn new(capacity: usize) -> Self {
        Self { new: HashMap::new(), old: HashMap::new(), all: 0, capacity }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all == 0
    }

    pub(super) fn contains(&self, id: BatchId) -> bool {
        self.new.contains_key(&id) || self.old.contains_key(&id)
    }

    /// How many were applied after it.
    pub(super) fn age(&self, id: BatchId) -> Option<usize> {
        let number = self.new.get(&id).or_else(|| self.old.get(&id))?;
        usize::try_from(self.all - number - 1).ok()
    }

    pub(super) fn add(&mut self, id: BatchId) {
        if self.new.len() >= self.capacity {
            std::mem::swap(&mut self.new, &mut self.old);
            self.new.clear();
        }
        self.new.insert(id, self.all);
        self.all += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> BatchId {
        BatchId([number; 16])
    }

    #[test]
    fn the_latest_are_known_with_their_ages_and_no_more_than_twice_as_many() {
        let mut known = Known::new(3);
        assert!(known.is_empty());
        for number in 0..=20_u8 {
            assert!(!known.contains(id(number)) && known.age(id(number)).is_none());
            known.add(id(number));
            assert!(known.contains(id(number)) && !known.is_empty());
            for age in 0..3.min(number + 1) {
                assert_eq!(known.age(id(number - age)), Some(usize::from(age)));
            }
            assert!(known.new.len() + known.old.len() <= 6);
        }
        assert!(!known.contains(id(14)) && known.age(id(14)).is_none());
    }
}
