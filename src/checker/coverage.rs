//! Coverage: how far a complete source has told all that became of tokens.

use std::fmt;
use std::time::Instant;

use crate::checker::Checker;
use crate::checker::cache::freshness::Extension;
use crate::clock::ticks::{Age, Ticks};
use crate::support::sync::atomic::{AtomicU64, Ordering};

/// Tells a [`Checker`] how far all that became of tokens was given to
/// [`invalidate`](Checker::invalidate). For the one source that is complete, such as a reader of
/// Okta's System Log. Cheap to clone; clones are one coverage.
///
/// An active answer that was asked for after coverage began, and that nothing has named since, is
/// known to be good up to where coverage has come. Where the [mode](crate::checker::SignalMode) and
/// the [requirement](crate::Requirement::extended) say so, its age counts from there. When a source
/// stops, ages grow again by themselves.
///
/// # Example: one page of a log
///
/// ```
/// use std::time::Instant;
///
/// use okta_introspect::checker::{Checker, Coverage, Invalidation};
///
/// /// What was revoked, in a page that is complete up to `until`.
/// fn apply(checker: &Checker, coverage: &Coverage, revoked: &[&str], until: Instant) {
///     for id in revoked {
///         checker.invalidate(Invalidation::Jti(id));
///     }
///     coverage.advance(until);
/// }
/// ```
#[derive(Clone)]
pub struct Coverage {
    checker: Checker,
}

impl Checker {
    /// The handle by which a complete source tells how far it has come.
    pub fn coverage(&self) -> Coverage {
        Coverage { checker: self.clone() }
    }
}

impl Coverage {
    /// Begins anew: all that happens from `since` on will be told. What was asked for before is not
    /// extended. To be called at the first, and after every gap.
    ///
    /// It never goes back: an earlier beginning than the last one counts as that.
    pub fn begin(&self, since: Instant) {
        let inner = &self.checker.inner;
        inner.covered.begin(inner.timeline.ticks(since));
    }

    /// All that happened up to `until` was given to [`invalidate`](Checker::invalidate), and those
    /// calls have returned. Ignored before the first [`begin`](Self::begin), and if it is earlier
    /// than that, or than what was said last. What is later than now counts as now.
    pub fn advance(&self, until: Instant) {
        let inner = &self.checker.inner;
        let until = inner.timeline.ticks(until.min(self.checker.clock().monotonic()));
        if inner.covered.advance(until) {
            inner.settle_misses(until);
        }
    }
}

impl fmt::Debug for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coverage").field("checker", &self.checker).finish()
    }
}

/// From when on all was told, and up to when.
///
/// The order of loads matters. A source stores `since`, raises watermarks, and stores `until` last;
/// so a reader looks at `until` first, at `since` next, and at the watermarks last. A reader that
/// sees an advance then sees the beginning and every invalidation that came before it.
#[derive(Debug, Default)]
pub(super) struct Covered {
    /// In ticks; zero if it has not begun.
    since: AtomicU64,
    /// In ticks; zero extends nothing.
    until: AtomicU64,
}

impl Covered {
    pub(super) fn begin(&self, since: Ticks) {
        self.since.fetch_max(since.as_nanos().max(1), Ordering::AcqRel);
    }

    /// Whether that counts: not before the beginning.
    pub(super) fn advance(&self, until: Ticks) -> bool {
        let counts = self.has_begun_by(until);
        if counts {
            self.until.fetch_max(until.as_nanos(), Ordering::AcqRel);
        }
        counts
    }

    pub(super) fn has_begun_by(&self, at: Ticks) -> bool {
        let since = self.since.load(Ordering::Acquire);
        since > 0 && since <= at.as_nanos()
    }

    /// What a reader may make of it at this moment, within the hard bound `limit`.
    #[inline]
    pub(super) fn extension(&self, limit: Age) -> Extension {
        let until = Ticks::from_nanos(self.until.load(Ordering::Acquire));
        let since = Ticks::from_nanos(self.since.load(Ordering::Acquire));
        Extension { since, until, limit }
    }
}
