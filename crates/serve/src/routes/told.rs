//! What was told of the proxy's configuration, and when.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// When each reason was told last. A client can bring some of them about by an odd request: that uses
/// up the line of no other reason, and of its own for a while only.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<HashMap<&'static str, Instant>>);

impl Told {
    /// For how long a reason that was told is not told again.
    const PAUSE: Duration = Duration::from_secs(5 * 60);

    /// Whether to tell a reason now, which then counts as told.
    pub(super) fn is_due(&self, reason: &'static str, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |last: &Instant| now.saturating_duration_since(*last) >= Self::PAUSE;
        if !told.get(reason).is_none_or(is_due) {
            return false;
        }
        told.insert(reason, now);
        true
    }
}
