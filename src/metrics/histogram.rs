//! Durations by size.

use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::clock::ticks::Age;

/// Counts durations by size.
///
/// Serialised, it is an object of `count`, `sum_seconds` and `buckets`, each with its `count` and
/// the upper end `below_seconds`, which is null for the last one.
///
/// Bucket 0 is less than 50 µs, and bucket `n` is from 2ⁿ⁻¹ up to 2ⁿ times that. The last one has
/// everything longer.
///
/// # Example: how many were quick?
///
/// ```
/// use std::time::Duration;
/// use okta_introspect::checker::Histogram;
///
/// fn below(histogram: &Histogram, limit: Duration) -> u64 {
///     let is_below = |bucket| Histogram::upper_end(bucket).is_some_and(|end| end <= limit);
///     (0..Histogram::BUCKETS).filter(|at| is_below(*at)).map(|at| histogram.buckets[at]).sum()
/// }
/// assert_eq!(below(&Histogram::default(), Duration::from_secs(1)), 0);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Histogram {
    /// How many of each size.
    pub buckets: [u64; Self::BUCKETS],
    /// What all of them are together.
    pub sum: Duration,
}

impl Histogram {
    /// How many sizes there are: the last one begins at three and a half minutes.
    pub const BUCKETS: usize = 24;

    /// So many of the unit in which buckets are counted, 50 µs, are a second.
    pub(crate) const UNITS: u32 = 20_000;

    /// The upper end of a bucket; `None` for the last one.
    pub fn upper_end(bucket: usize) -> Option<Duration> {
        (bucket < Self::BUCKETS - 1).then(|| Duration::from_micros(50 << bucket))
    }

    /// How many there are in all.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// How many whole units an age has.
    #[inline(always)]
    pub(crate) fn units(age: Age) -> u64 {
        age.as_nanos() / (1_000_000_000 / u64::from(Self::UNITS))
    }

    #[inline(always)]
    pub(crate) fn bucket(units: u64) -> usize {
        ((u64::BITS - units.leading_zeros()) as usize).min(Self::BUCKETS - 1)
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Bucket {
            below_seconds: Option<f64>,
            count: u64,
        }
        let bucket = |(at, count): (usize, &u64)| Bucket {
            below_seconds: Self::upper_end(at).map(|end| end.as_secs_f64()),
            count: *count,
        };
        let buckets: Vec<_> = self.buckets.iter().enumerate().map(bucket).collect();
        let mut object = serializer.serialize_struct("Histogram", 3)?;
        object.serialize_field("count", &self.count())?;
        object.serialize_field("sum_seconds", &self.sum.as_secs_f64())?;
        object.serialize_field("buckets", &buckets)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_bucket_whose_ends_enclose_it() {
        let of = |span: Duration| Histogram::bucket(Histogram::units(span.into()));
        let moment = Duration::from_nanos(1);
        for bucket in 0..Histogram::BUCKETS - 1 {
            let end = Histogram::upper_end(bucket).unwrap();
            assert_eq!([end - moment, end].map(of), [bucket, bucket + 1], "{end:?}");
        }
        let first = Histogram::upper_end(0).unwrap();
        assert_eq!((of(Duration::ZERO), first), (0, Duration::from_micros(50)));
        let last = Histogram::BUCKETS - 1;
        assert_eq!(of(Duration::MAX), last);
        assert_eq!([last, usize::MAX].map(Histogram::upper_end), [None; 2]);
    }
}
