//! Durations by size.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper ends of the buckets, in microseconds: a hit takes some ten of them, and a call to Okta
/// up to a second.
const ENDS: [u64; 15] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000,
];

/// A histogram in which counting costs two additions.
#[derive(Debug, Default)]
pub(super) struct Durations {
    /// Their sum; 584 years are the most.
    nanos: AtomicU64,
    /// One a bucket, and one for what is longer.
    buckets: [AtomicU64; ENDS.len() + 1],
}

/// What was counted.
pub(super) struct Counted {
    pub(super) sum_seconds: f64,
    pub(super) count: u64,
    /// Upper end in seconds, and how many are in this bucket alone.
    pub(super) buckets: Vec<(f64, u64)>,
}

impl Durations {
    pub(super) fn add(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        // An upper end belongs to its bucket.
        let bucket = ENDS.partition_point(|end| end * 1_000 < nanos);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Counted {
        let ends = ENDS.iter().map(|end| Duration::from_micros(*end).as_secs_f64());
        let counts = self.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = ends.chain([f64::INFINITY]).zip(counts).collect();
        Counted {
            sum_seconds: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)).as_secs_f64(),
            count: buckets.iter().map(|(_, count)| count).sum(),
            buckets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upper_end_belongs_to_its_bucket_and_the_next_nanosecond_to_the_next() {
        for (at, end) in ENDS.into_iter().enumerate() {
            let durations = Durations::default();
            durations.add(Duration::from_micros(end));
            durations.add(Duration::from_nanos(end * 1_000 + 1));
            let counted = durations.read();
            assert_eq!((counted.buckets[at].1, counted.buckets[at + 1].1), (1, 1), "{end}");
        }
    }

    #[test]
    fn the_sum_and_the_count_are_of_all() {
        let durations = Durations::default();
        for millis in [1, 2, 9_000] {
            durations.add(Duration::from_millis(millis));
        }
        let counted = durations.read();
        assert_eq!((counted.sum_seconds, counted.count), (9.003, 3));
        assert_eq!(counted.buckets[ENDS.len()], (f64::INFINITY, 1));
    }
}
