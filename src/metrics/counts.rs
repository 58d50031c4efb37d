//! Counters that are cheap enough to be left on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::histogram::Histogram;
use crate::clock::ticks::Age;

/// Durations by size, and their sum in parts of a second, `UNIT` to one. A sum of ages in
/// microseconds would overflow within days.
#[derive(Debug, Default)]
pub(crate) struct Counts<const UNIT: u32> {
    sum: AtomicU64,
    buckets: [AtomicU64; Histogram::BUCKETS],
}

/// So many microseconds are a second.
pub(crate) const MICROS: u32 = 1_000_000;

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What has been counted.
pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl<const UNIT: u32> Counts<UNIT> {
    #[inline(always)]
    pub(crate) fn add(&self, age: Age) {
        let units = Histogram::units(age);
        count(&self.buckets[Histogram::bucket(units)]);
        // On the line of memory that the bucket has brought, mostly.
        let parts = if UNIT == Histogram::UNITS { units } else { age.as_nanos() / 1000 };
        self.sum.fetch_add(parts, Ordering::Relaxed);
    }

    pub(crate) fn add_to(&self, histogram: &mut Histogram) {
        for (sum, own) in histogram.buckets.iter_mut().zip(&self.buckets) {
            *sum += read(own);
        }
        let (sum, unit) = (read(&self.sum), u64::from(UNIT));
        let rest = Duration::from_secs(sum % unit) / UNIT;
        let whole = Duration::from_secs(sum / unit);
        histogram.sum = histogram.sum.saturating_add(whole).saturating_add(rest);
    }

    pub(crate) fn histogram(&self) -> Histogram {
        let mut histogram = Histogram::default();
        self.add_to(&mut histogram);
        histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_of_what_was_counted() {
        let counts = Counts::<{ Histogram::UNITS }>::default();
        for millis in [0, 1, 1500, 30_000] {
            counts.add(Duration::from_millis(millis).into());
        }
        let histogram = counts.histogram();
        assert_eq!((histogram.count(), histogram.sum), (4, Duration::from_millis(31_501)));
    }
}
