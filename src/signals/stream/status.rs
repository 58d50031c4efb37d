//! How an instance is doing that shares signals.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::counters::{Commitment, Entry, Outcome, Publication, Reading, Uncovered};
use super::instance::Instance;

/// How an instance is doing that shares signals.
///
/// # Example: what to alert on
///
/// ```
/// use std::time::Duration;
///
/// use okta_introspect::signals::StreamStatus;
///
/// fn is_deaf(status: &StreamStatus) -> bool {
///     status.heard_age.is_none_or(|age| age > Duration::from_secs(30))
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct StreamStatus {
    /// Whether this instance reads the log for all.
    pub leads: bool,
    /// How far the log was told to this instance: all that happened before so long.
    pub lag: Option<Duration>,
    /// How long ago a leader was heard, be it to say that there is nothing new.
    pub heard_age: Option<Duration>,
    /// How long ago the stream was read to where this instance is.
    pub read_age: Option<Duration>,
    /// How often everything was declared invalid, because signals may have been lost.
    pub gaps: u64,
    /// How often this instance took the lead.
    pub takeovers: u64,
    /// Reads of the stream: `continuous`, `broken` where the place in it was lost, and `failed`.
    pub reads: BTreeMap<&'static str, u64>,
    /// Entries of the stream: `applied`, `repeated`, `stale` if somebody kept them back, and
    /// `unreadable` if they were not sealed by an instance that this one can understand.
    pub entries: BTreeMap<&'static str, u64>,
    /// Batches that were applied and extend no answer here: of `other_scale` are those whose times
    /// cannot be compared with this instance's, of the `future` those that cannot be right.
    pub uncovered: BTreeMap<&'static str, u64>,
    /// What came of batches that this instance had read from the log: `done`, `not_leader`, `lost`
    /// where the store had lost the ones before, and `failed`.
    pub commits: BTreeMap<&'static str, u64>,
    /// Signals that this instance was pushed, and had to tell the others: `done`, `dropped` because
    /// too many waited, and `failed`.
    pub published: BTreeMap<&'static str, u64>,
}

/// The [status](StreamStatus) for as long as it is asked for. Cheap to clone.
///
/// # Example
///
/// ```
/// use okta_introspect::signals::{SharedSignals, StreamMetrics};
///
/// fn metrics(signals: &SharedSignals) -> StreamMetrics {
///     let metrics = signals.metrics();
///     println!("{:?}", metrics.status());
///     metrics
/// }
/// ```
#[derive(Clone)]
pub struct StreamMetrics {
    instance: Arc<Instance>,
}

impl StreamMetrics {
    pub(super) fn new(instance: Arc<Instance>) -> Self {
        Self { instance }
    }

    /// The status now.
    pub fn status(&self) -> StreamStatus {
        let (instance, now) = (&self.instance, self.instance.now());
        let counters = &instance.counters;
        let age = |at| now.saturating_duration_since(at);
        StreamStatus {
            leads: instance.leads(),
            lag: instance.covered_until().map(age),
            heard_age: instance.heard_at().map(age),
            read_age: instance.read_at().map(age),
            gaps: counters.gaps.load(Ordering::Relaxed),
            takeovers: counters.takeovers.load(Ordering::Relaxed),
            reads: counters.readings.read(Reading::NAMES),
            entries: counters.entries.read(Entry::NAMES),
            uncovered: counters.uncovered.read(Uncovered::NAMES),
            commits: counters.commitments.read(Commitment::NAMES),
            published: counters.publications.read(Publication::NAMES),
        }
    }

    /// The address of the org, such as `https://acme.okta.com`.
    pub fn org(&self) -> &str {
        &self.instance.address
    }
}

impl fmt::Debug for StreamMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamMetrics").field("org", &self.org()).finish_non_exhaustive()
    }
}
