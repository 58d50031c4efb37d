//! What is done with the store, counted.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde::Serialize;

use crate::metrics::counts::{Counts, MICROS, count, read};
use crate::metrics::histogram::Histogram;

/// What was done with a [`Shared`](super::Shared) store so far.
///
/// # Example: how much was found
///
/// ```
/// use okta_introspect::shared::SharedMetrics;
///
/// fn found(metrics: &SharedMetrics) -> u64 {
///     metrics.looks["hit_active"] + metrics.looks["hit_inactive"]
/// }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SharedMetrics {
    /// Looks for an answer, by what came of them: `hit_active`, `hit_inactive`, `miss`,
    /// `unreadable` (not sealed for its name with one of our secrets), `too_old` for the check,
    /// `other_scale` (its time cannot be told, or is one that cannot be), `failed`, `circuit_open`.
    pub looks: BTreeMap<&'static str, u64>,
    /// Claims to ask, by what came of them: `granted`, `taken` by another instance, `failed`, which
    /// lets the instance ask as well.
    pub claims: BTreeMap<&'static str, u64>,
    /// Answers to be put, by what came of them: `done`, `failed`, `dropped` because too many were
    /// under way.
    pub puts: BTreeMap<&'static str, u64>,
    /// How often the scale of the store's clock was left for another one.
    pub scale_changes: u64,
    /// How far the ends were from each other between which the time by the store's clock is, when
    /// it was last read; later they part by a thousandth of the time that has passed. The largest
    /// of the orgs; `None` if it is not known of any.
    pub uncertainty: Option<Duration>,
    /// How long the store took for each use.
    pub duration: Histogram,
}

/// What came of a look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Look {
    HitActive,
    HitInactive,
    Miss,
    Unreadable,
    TooOld,
    OtherScale,
    Failed,
    CircuitOpen,
}

/// What came of a claim.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Claimed {
    Granted,
    Taken,
    Failed,
}

/// What came of a put.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Put {
    Done,
    Failed,
    Dropped,
}

const LOOKS: [&str; 8] = [
    "hit_active",
    "hit_inactive",
    "miss",
    "unreadable",
    "too_old",
    "other_scale",
    "failed",
    "circuit_open",
];

const CLAIMS: [&str; 3] = ["granted", "taken", "failed"];

const PUTS: [&str; 3] = ["done", "failed", "dropped"];

#[derive(Default)]
pub(super) struct Counters {
    looks: [AtomicU64; LOOKS.len()],
    claims: [AtomicU64; CLAIMS.len()],
    puts: [AtomicU64; PUTS.len()],
    durations: Counts<MICROS>,
}

impl Counters {
    pub(super) fn look(&self, outcome: Look) {
        count(&self.looks[outcome as usize]);
    }

    pub(super) fn claim(&self, outcome: Claimed) {
        count(&self.claims[outcome as usize]);
    }

    pub(super) fn put(&self, outcome: Put) {
        count(&self.puts[outcome as usize]);
    }

    pub(super) fn took(&self, duration: Duration) {
        self.durations.add(duration.into());
    }

    pub(super) fn snapshot(
        &self,
        scale_changes: u64,
        uncertainty: Option<Duration>,
    ) -> SharedMetrics {
        SharedMetrics {
            looks: named(&LOOKS, &self.looks),
            claims: named(&CLAIMS, &self.claims),
            puts: named(&PUTS, &self.puts),
            scale_changes,
            uncertainty,
            duration: self.durations.histogram(),
        }
    }
}

fn named(names: &[&'static str], counters: &[AtomicU64]) -> BTreeMap<&'static str, u64> {
    names.iter().copied().zip(counters.iter().map(read)).collect()
}
