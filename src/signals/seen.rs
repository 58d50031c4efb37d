//! Which signals were applied already.

use std::collections::HashSet;

use openssl::sha::Sha256;

use super::signal::SourceKind;

/// The ids of the latest signals. To forget one is harmless: it is applied once more if it comes
/// again.
#[derive(Debug)]
pub(super) struct Seen {
    capacity: usize,
    new: HashSet<Digest>,
    old: HashSet<Digest>,
}

/// Stands for one signal. A part of a SHA-256: two signals that shared it would be taken for one,
/// and nobody can find two of those.
type Digest = [u8; 16];

impl Seen {
    /// Remembers the latest `capacity` signals at least, and twice as many at most.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, new: HashSet::new(), old: HashSet::new() }
    }

    pub(super) fn contains(&self, source: SourceKind, id: &str) -> bool {
        let digest = digest(source, id);
        self.new.contains(&digest) || self.old.contains(&digest)
    }

    pub(super) fn insert(&mut self, source: SourceKind, id: &str) {
        if self.new.len() >= self.capacity {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert(digest(source, id));
    }
}

/// Each source's ids are its own: none can make another's signals look like repetitions.
fn digest(source: SourceKind, id: &str) -> Digest {
    let mut hash = Sha256::new();
    hash.update(source.as_str().as_bytes());
    hash.update(b"\0");
    hash.update(id.as_bytes());
    let [half @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash.finish();
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_and_no_more_than_twice_as_many() {
        let mut seen = Seen::new(100);
        for id in 0..1000 {
            seen.insert(SourceKind::SystemLog, &id.to_string());
            assert!(seen.new.len() + seen.old.len() <= 200);
        }
        let is_seen = |id: usize| seen.contains(SourceKind::SystemLog, &id.to_string());
        assert!((900..1000).all(is_seen) && !(0..700).any(is_seen));
    }

    #[test]
    fn each_source_has_ids_of_its_own() {
        let mut seen = Seen::new(100);
        seen.insert(SourceKind::EventHook, "e1");
        assert!(seen.contains(SourceKind::EventHook, "e1"));
        assert!(!seen.contains(SourceKind::SystemLog, "e1"));
    }
}
