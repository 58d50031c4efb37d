//! Coverage: how far a complete source has told all that became of tokens.

pub(super) mod covered;
pub(super) mod ended;

use std::fmt;
use std::time::Instant;

use crate::checker::Checker;

/// Tells a [`Checker`] how far all that became of tokens was given to
/// [`invalidate`](Checker::invalidate). For the one source that is complete, such as a reader of
/// Okta's System Log. Cheap to clone; clones are one coverage.
///
/// An active answer that was asked for after coverage began, and that nothing has named since, is
/// known to be good up to where coverage has come. Where the [mode](crate::checker::SignalMode) and
/// the [requirement](crate::Requirement::extended) say so, its age counts from there. When a source
/// stops, ages grow again by themselves.
///
/// It holds for all servers of the checker: what becomes of the tokens of each has to be told.
/// [`SystemLog`](crate::signals::SystemLog) sees to that.
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

    /// Whether all that is asked here is asked at this org's address.
    pub(crate) fn is_of(&self, org: &str) -> bool {
        self.inner.servers.iter().all(|server| server.issuer.org() == org)
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
            inner.count_misses(until);
        }
    }
}

impl fmt::Debug for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coverage").field("checker", &self.checker).finish()
    }
}
