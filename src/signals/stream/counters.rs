//! What is counted of a stream.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts by outcome, each of which has a name.
pub(super) trait Outcome: Copy {
    /// The names, in the order of the variants.
    const NAMES: &'static [&'static str];

    fn index(self) -> usize;
}

macro_rules! outcomes {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(super) enum $name {
            $($variant,)+
        }

        impl Outcome for $name {
            const NAMES: &'static [&'static str] = &[$($text,)+];

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

outcomes!(
    /// What came of reading the stream.
    Reading {
        Continuous = "continuous",
        Broken = "broken",
        Failed = "failed",
    }
);

outcomes!(
    /// What an entry was.
    Entry {
        Applied = "applied",
        Repeated = "repeated",
        Stale = "stale",
        Unreadable = "unreadable",
    }
);

outcomes!(
    /// Why what a batch covers does not count here.
    Uncovered {
        OtherScale = "other_scale",
        Future = "future",
    }
);

outcomes!(
    /// What came of a batch of the log that this instance had to tell.
    Commitment {
        Done = "done",
        NotLeader = "not_leader",
        Lost = "lost",
        Failed = "failed",
    }
);

outcomes!(
    /// What came of a signal that this instance had to tell the others.
    Publication {
        Done = "done",
        Dropped = "dropped",
        Failed = "failed",
    }
);

/// How often each outcome has come.
#[derive(Debug)]
pub(super) struct Counts<const N: usize>([AtomicU64; N]);

impl<const N: usize> Counts<N> {
    pub(super) fn add(&self, outcome: impl Outcome, times: usize) {
        self.0[outcome.index()].fetch_add(times as u64, Ordering::Relaxed);
    }

    pub(super) fn read(&self, names: &[&'static str]) -> BTreeMap<&'static str, u64> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        names.iter().copied().zip(counts).collect()
    }
}

impl<const N: usize> Default for Counts<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) readings: Counts<{ Reading::NAMES.len() }>,
    pub(super) entries: Counts<{ Entry::NAMES.len() }>,
    pub(super) uncovered: Counts<{ Uncovered::NAMES.len() }>,
    pub(super) commitments: Counts<{ Commitment::NAMES.len() }>,
    pub(super) publications: Counts<{ Publication::NAMES.len() }>,
    pub(super) gaps: AtomicU64,
    pub(super) takeovers: AtomicU64,
}
