//! Tokens that have ended, until it is known whether a signal was missing.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use crate::checker::cache::facts::Facts;
use crate::checker::cache::key::{Key, PassingHasher};
use crate::clock::ticks::Ticks;
use crate::secret::Token;
use crate::support::sync::Mutex;

/// A token that was found inactive while it was known as active.
pub(crate) struct Ended {
    pub(crate) server: usize,
    pub(crate) token: Token,
    pub(crate) facts: Arc<Facts>,
    /// When the answer came in.
    pub(crate) found_at: Ticks,
}

/// Those that wait for signals to come so far. Bounded, for a source that has stopped.
#[derive(Default)]
pub(crate) struct Pending(Mutex<HashMap<Key, Ended, PassingHasher>>);

impl Pending {
    /// So many wait at most; more are not counted.
    const CAPACITY: usize = 1024;

    /// Lets one wait, if there is room and it does not wait already.
    pub(crate) fn add(&self, key: Key, ended: Ended) {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() < Self::CAPACITY {
            pending.entry(key).or_insert(ended);
        }
    }

    /// Hands out those that were found up to `until`.
    pub(crate) fn take(&self, until: Ticks, mut each: impl FnMut(Key, &Ended)) {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pending.retain(|key, ended| {
            let is_told = ended.found_at <= until;
            if is_told {
                each(*key, ended);
            }
            !is_told
        });
    }
}
