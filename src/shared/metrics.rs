//! What is done with the store, counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

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
    /// Looks for an answer, by what came of them.
    pub looks: BTreeMap<&'static str, u64>,
    /// Claims to ask, by what came of them.
    pub claims: BTreeMap<&'static str, u64>,
    /// Answers to be put, by what came of them.
    pub puts: BTreeMap<&'static str, u64>,
    /// How often the scale of the store's clock was left for another one.
    pub scale_changes: u64,
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

#[derive(Debug, Default)]
pub(super) struct Counters {
    looks: [AtomicU64; LOOKS.len()],
    claims: [AtomicU64; CLAIMS.len()],
    puts: [AtomicU64; PUTS.len()],
}

impl Counters {
    pub(super) fn look(&self, outcome: Look) {
        add(&self.looks[outcome as usize]);
    }

    pub(super) fn claim(&self, outcome: Claimed) {
        add(&self.claims[outcome as usize]);
    }

    pub(super) fn put(&self, outcome: Put) {
        add(&self.puts[outcome as usize]);
    }

    pub(super) fn snapshot(&self, scale_changes: u64) -> SharedMetrics {
        SharedMetrics {
            looks: named(&LOOKS, &self.looks),
            claims: named(&CLAIMS, &self.claims),
            puts: named(&PUTS, &self.puts),
            scale_changes,
        }
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn named(names: &[&'static str], counters: &[AtomicU64]) -> BTreeMap<&'static str, u64> {
    let counts = counters.iter().map(|counter| counter.load(Ordering::Relaxed));
    names.iter().copied().zip(counts).collect()
}
