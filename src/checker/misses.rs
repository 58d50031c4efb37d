//! Tokens that ended without a signal: what extension would not have seen.
//!
//! An event may be told late, so a token that is found inactive is a candidate at first. It counts
//! once signals are complete beyond the time at which the answer came in, and none has named it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use chrono::TimeDelta;

use crate::checker::cache::facts::{Facts, Known};
use crate::checker::cache::key::{Key, PassingHasher};
use crate::checker::metrics::counters::count;
use crate::checker::watermark::About;
use crate::checker::{Inner, SignalMode};
use crate::clock::send_time::Sent;
use crate::clock::shifted;
use crate::clock::ticks::Ticks;
use crate::secret::Token;
use crate::support::sync::Mutex;

/// Candidates that wait for signals to come so far.
#[derive(Default)]
pub(super) struct Misses {
    pending: Mutex<HashMap<Key, Candidate, PassingHasher>>,
}

/// A token that was found inactive while it was known as active.
struct Candidate {
    server: usize,
    token: Token,
    facts: Arc<Facts>,
    found_at: Ticks,
}

impl Misses {
    /// So many wait at most, for a source that has stopped; more are not counted.
    pub(super) const CAPACITY: usize = 1024;

    /// What ends so soon may have ended already by the server's clock.
    const LEEWAY: TimeDelta = TimeDelta::seconds(10);
}

impl Inner {
    /// A token was found inactive, by a request of this send time.
    pub(super) fn note_end(&self, (server, key): (usize, Key), token: &Token, sent: Sent) {
        if !matches!(self.config.signals, SignalMode::Shadow | SignalMode::Extend) {
            return;
        }
        let Some(Known::Active(facts)) = self.cache.get(key) else { return };
        let end = shifted(self.clock.now(), Misses::LEEWAY).timestamp();
        if facts.sent.number > sent.number || facts.has_expired(end) {
            return;
        }
        let found_at = self.timeline.ticks(self.clock.monotonic());
        let candidate = Candidate { server, token: token.clone(), facts, found_at };
        if !self.is_unexplained(key, &candidate) {
            return;
        }
        let mut pending = self.misses.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() < Misses::CAPACITY {
            pending.entry(key).or_insert(candidate);
        }
    }

    /// Counts what has been told to the end: signals are complete up to `until`.
    pub(super) fn settle_misses(&self, until: Ticks) {
        let mut pending = self.misses.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.retain(|key, candidate| {
            let is_told = candidate.found_at <= until;
            if is_told && self.is_unexplained(*key, candidate) {
                count(&self.counters.signal_misses);
                tracing::debug!(
                    issuer = self.servers[candidate.server].issuer.as_str(),
                    token = candidate.token.fingerprint(),
                    "a token has ended without a signal"
                );
            }
            !is_told
        });
    }

    /// Whether signals were complete since the token was last known as active, and none named it.
    fn is_unexplained(&self, key: Key, candidate: &Candidate) -> bool {
        let Candidate { server, token, facts, .. } = candidate;
        let about = About { key, server: *server, token: token.expose() };
        self.covered.has_begun_by(facts.sent.at)
            && self.watermarks.passes(&about, &Known::Active(Arc::clone(facts)))
    }
}
