//! How a source of signals is doing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::signal::{Signal, SourceKind};
use crate::clock::later;

/// How a source of signals is doing.
///
/// # Example: what to alert on
///
/// ```
/// use std::time::Duration;
///
/// use okta_introspect::signals::SourceStatus;
///
/// fn is_behind(status: &SourceStatus) -> bool {
///     status.healthy == Some(false) || status.lag > Some(Duration::from_secs(30))
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SourceStatus {
    /// The source.
    pub source: SourceKind,
    /// Whether it was read to its end a short while ago, and nothing has failed since. `None` where
    /// that cannot be told: a source that only speaks when something happens is silent when it is
    /// dead, too.
    pub healthy: Option<bool>,
    /// How far the source is behind: all that happened earlier than that has been heard. Of a
    /// source that does not say when it has told all: how late its latest signal was.
    pub lag: Option<Duration>,
    /// When it was heard last, by this computer's clock, be it to say that there is nothing new.
    pub last_seen: Option<DateTime<Utc>>,
    /// How many signals were applied, by their [`kind`](Signal::kind). The first
    /// [`MAX_KINDS`](Self::MAX_KINDS) kinds have a name, all others are [`OTHER`](Self::OTHER).
    pub events: BTreeMap<String, u64>,
    /// How many came again, and had been applied already.
    pub repeated: u64,
    /// How many events were not about tokens, or of a type that is not known.
    pub ignored: u64,
    /// How many times everything was declared invalid, because signals may have been lost.
    pub gaps: u64,
    /// What failed, by reason.
    pub errors: BTreeMap<&'static str, u64>,
}

impl SourceStatus {
    /// So many kinds of signals are counted by name.
    pub const MAX_KINDS: usize = 128;

    /// What the kinds are called that have no name of their own.
    pub const OTHER: &str = "other";

    /// A longer name of a kind is none.
    const MAX_KIND_LEN: usize = 128;
}

/// What is known of a source.
#[derive(Debug)]
pub(super) struct SourceState {
    status: SourceStatus,
    /// Up to when a complete source has told all, and by when it is to do so again.
    covered: Option<(Instant, Instant)>,
    is_failing: bool,
}

impl SourceState {
    pub(super) fn new(source: SourceKind) -> Self {
        let status = SourceStatus {
            source,
            healthy: None,
            lag: None,
            last_seen: None,
            events: BTreeMap::new(),
            repeated: 0,
            ignored: 0,
            gaps: 0,
            errors: BTreeMap::new(),
        };
        Self { status, covered: None, is_failing: false }
    }

    pub(super) fn applied(&mut self, signal: &Signal, now: DateTime<Utc>) {
        self.heard(now);
        let events = &mut self.status.events;
        let is_named = signal.kind.len() <= SourceStatus::MAX_KIND_LEN
            && (events.len() < SourceStatus::MAX_KINDS || events.contains_key(&signal.kind));
        let kind = if is_named { signal.kind.as_str() } else { SourceStatus::OTHER };
        count(events, kind.to_owned());
        if let Some(at) = signal.at {
            self.status.lag = Some((now - at).to_std().unwrap_or_default());
        }
    }

    pub(super) fn repeated(&mut self, now: DateTime<Utc>) {
        self.heard(now);
        self.status.repeated = self.status.repeated.saturating_add(1);
    }

    pub(super) fn ignored(&mut self, now: DateTime<Utc>) {
        self.heard(now);
        self.status.ignored = self.status.ignored.saturating_add(1);
    }

    pub(super) fn heard(&mut self, now: DateTime<Utc>) {
        self.status.last_seen = Some(now);
    }

    pub(super) fn gap(&mut self) {
        self.status.gaps = self.status.gaps.saturating_add(1);
    }

    /// Something failed, and signals come all the same.
    pub(super) fn noted(&mut self, reason: &'static str) {
        count(&mut self.status.errors, reason);
    }

    pub(super) fn failed(&mut self, reason: &'static str) {
        self.is_failing = true;
        count(&mut self.status.errors, reason);
    }

    /// All that happened up to `until` has been told, and is to be told again within `due`.
    pub(super) fn covered(&mut self, until: Instant, now: (Instant, DateTime<Utc>), due: Duration) {
        self.heard(now.1);
        self.is_failing = false;
        // It may end earlier than it did before, where events came late; what was told was told.
        let until = self.covered.map_or(until, |(before, _)| until.max(before));
        self.covered = Some((until, later(now.0, due)));
    }

    /// `None` of a source that was never heard of.
    pub(super) fn snapshot(&self, now: Instant) -> Option<SourceStatus> {
        let mut status = self.status.clone();
        if let Some((until, due)) = self.covered {
            status.lag = Some(now.saturating_duration_since(until));
            status.healthy = Some(!self.is_failing && now <= due);
        } else if self.is_failing && status.source == SourceKind::SystemLog {
            status.healthy = Some(false);
        }
        let is_known = status.last_seen.is_some() || status.gaps > 0 || !status.errors.is_empty();
        is_known.then_some(status)
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K) {
    let times = counts.entry(key).or_default();
    *times = times.saturating_add(1);
}
