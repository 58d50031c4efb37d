//! What a receiver counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::signals::{SignalRefusal, SourceKind};

const SOURCES: usize = SourceKind::ALL.len();
const REASONS: usize = SignalRefusal::NAMES.len();

/// Where a request belongs of which it is not known what it is.
pub(super) const UNTOLD: &str = "unknown";

/// What a [`SignalReceiver`](super::SignalReceiver) has counted.
///
/// # Example: is somebody trying?
///
/// ```
/// use okta_introspect::signals::SignalReceiver;
///
/// fn forgeries(receiver: &SignalReceiver) -> u64 {
///     let refused = receiver.metrics().refused;
///     refused.iter().filter(|((_, reason), _)| *reason == "signature").map(|(_, times)| times).sum()
/// }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReceiverMetrics {
    /// Requests that were taken, by [source](SourceKind::as_str).
    pub accepted: BTreeMap<&'static str, u64>,
    /// Requests that were not, by source (`unknown` where it could not be told) and
    /// [reason](SignalRefusal::as_str). Every pair is there from the start, of what is received.
    pub refused: BTreeMap<(&'static str, &'static str), u64>,
}

#[derive(Debug)]
pub(super) struct Counters {
    accepted: [AtomicU64; SOURCES],
    refused: [[AtomicU64; REASONS]; SOURCES + 1],
    /// When each reason was last told, in seconds of the wall clock.
    told: [[AtomicU64; REASONS]; SOURCES + 1],
}

impl Counters {
    const TELL_EVERY: Duration = Duration::from_secs(60);

    pub(super) fn accepted(&self, source: SourceKind) {
        self.accepted[source.index()].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self, source: Option<SourceKind>, reason: SignalRefusal) {
        let of_source = &self.refused[place(source)];
        of_source[reason.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a reason is to be told now: the first time, and then once a minute, so that nobody
    /// fills the log from outside.
    pub(super) fn is_due(
        &self,
        source: Option<SourceKind>,
        reason: SignalRefusal,
        clock: &dyn Clock,
    ) -> bool {
        let told = &self.told[place(source)][reason.index()];
        let now = u64::try_from(clock.now().timestamp()).unwrap_or_default();
        let last = told.load(Ordering::Relaxed);
        let is_due = last == 0 || now.abs_diff(last) >= Self::TELL_EVERY.as_secs();
        let take = || told.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed);
        is_due && take().is_ok()
    }

    pub(super) fn read(&self) -> ReceiverMetrics {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let accepted = SourceKind::NAMES.into_iter().zip(self.accepted.iter().map(read));
        let sources = SourceKind::NAMES.into_iter().chain([UNTOLD]).zip(&self.refused);
        let refused = sources.flat_map(|(source, reasons)| {
            let reasons = SignalRefusal::NAMES.into_iter().zip(reasons);
            reasons.map(move |(reason, count)| ((source, reason), read(count)))
        });
        ReceiverMetrics { accepted: accepted.collect(), refused: refused.collect() }
    }
}

impl Default for Counters {
    fn default() -> Self {
        let zeros = || std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0)));
        Self { accepted: Default::default(), refused: zeros(), told: zeros() }
    }
}

fn place(source: Option<SourceKind>) -> usize {
    source.map_or(SOURCES, SourceKind::index)
}
