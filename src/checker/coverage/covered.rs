//! What a source has said of its coverage, for readers that look at it while it moves.

use crate::checker::cache::freshness::Extension;
use crate::clock::ticks::{Age, Ticks};
use crate::support::sync::atomic::{AtomicU64, Ordering};

/// From when on all was told, and up to when.
///
/// The order of loads matters. A source stores `since`, raises watermarks, and stores `until` last;
/// so a reader looks at `until` first, at `since` next, and at the watermarks last. A reader that
/// sees an advance then sees the beginning and every invalidation that came before it.
#[derive(Debug, Default)]
pub(crate) struct Covered {
    /// In ticks; zero if it has not begun.
    since: AtomicU64,
    /// In ticks; zero extends nothing.
    until: AtomicU64,
}

impl Covered {
    pub(crate) fn begin(&self, since: Ticks) {
        self.since.fetch_max(since.as_nanos().max(1), Ordering::AcqRel);
    }

    /// Whether that counts: not before the beginning.
    pub(crate) fn advance(&self, until: Ticks) -> bool {
        let counts = self.has_begun_by(until);
        if counts {
            self.until.fetch_max(until.as_nanos(), Ordering::AcqRel);
        }
        counts
    }

    pub(crate) fn has_begun_by(&self, at: Ticks) -> bool {
        let since = self.since.load(Ordering::Acquire);
        since > 0 && since <= at.as_nanos()
    }

    /// What a reader may make of it at this moment, within the hard bound `limit`.
    #[inline]
    pub(crate) fn extension(&self, limit: Age) -> Extension {
        let until = Ticks::from_nanos(self.until.load(Ordering::Acquire));
        let since = Ticks::from_nanos(self.since.load(Ordering::Acquire));
        Extension { since, until, limit }
    }
}
