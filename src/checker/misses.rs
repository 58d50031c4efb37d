//! Tokens that ended without a signal: what extension would not have seen.
//!
//! An event may be told late, so a token that is found inactive waits at first. It counts once
//! signals are complete beyond the time at which the answer came in, and none has named it.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::checker::cache::facts::Known;
use crate::checker::cache::key::Key;
use crate::checker::coverage::ended::Ended;
use crate::checker::watermark::About;
use crate::checker::{Inner, SignalMode};
use crate::clock::send_time::Sent;
use crate::clock::shifted;
use crate::clock::ticks::Ticks;
use crate::metrics::counts::count;
use crate::secret::Token;

/// What ends so soon may have ended already by the server's clock.
const LEEWAY: TimeDelta = TimeDelta::seconds(10);

impl Inner {
    /// A token was found inactive, by a request of this send time.
    pub(super) fn note_end(&self, (server, key): (usize, Key), token: &Token, sent: Sent) {
        if !matches!(self.config.signals, SignalMode::Shadow | SignalMode::Extend) {
            return;
        }
        let Some(Known::Active(facts)) = self.cache.get(key) else { return };
        let end = shifted(self.clock.now(), LEEWAY).timestamp();
        if facts.sent.number > sent.number || facts.has_expired(end) {
            return;
        }
        let found_at = self.timeline.ticks(self.clock.monotonic());
        let ended = Ended { server, token: token.clone(), facts, found_at };
        if self.is_unexplained(key, &ended) {
            self.ended.add(key, ended);
        }
    }

    /// Counts those of which all has been told: signals are complete up to `until`.
    pub(super) fn count_misses(&self, until: Ticks) {
        self.ended.take(until, |key, ended| {
            if self.is_unexplained(key, ended) {
                count(&self.counters.signal_misses);
                tracing::debug!(
                    issuer = self.servers[ended.server].issuer.as_str(),
                    token = ended.token.fingerprint(),
                    "a token has ended without a signal"
                );
            }
        });
    }

    /// Whether signals were complete since the token was last known as active, and none named it.
    fn is_unexplained(&self, key: Key, ended: &Ended) -> bool {
        let Ended { server, token, facts, .. } = ended;
        let about = About { key, server: *server, token: token.expose() };
        self.covered.has_begun_by(facts.sent.at)
            && self.watermarks.passes(&about, &Known::Active(Arc::clone(facts)))
    }
}
