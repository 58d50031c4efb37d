//! Counts what a checker does, cheaply enough to be left on: a hit costs one uncontended
//! addition.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::checker::policy::denial::Reason;
use crate::checker::policy::{AnswerSource, Verdict};
use crate::clock::ticks::Age;

/// What a checker has done since it was made. Numbers that are read while checks go on may not be
/// of exactly the same time.
///
/// # Example: the share of hits, and the denials
///
/// ```
/// use okta_introspect::checker::Metrics;
///
/// fn report(metrics: &Metrics) -> String {
///     let share = metrics.hits as f64 / (metrics.hits + metrics.misses) as f64;
///     let too_little = metrics.denied_by_reason.get("scope").unwrap_or(&0);
///     format!("{share:.3} from the cache, {too_little} without the scope")
/// }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// Checks that found their answer in the cache, whatever it was.
    pub hits: u64,
    /// Checks that had to wait for an answer.
    pub misses: u64,
    /// Checks that waited for a call which another check had begun; part of the misses.
    pub joined: u64,
    /// Checks that got an answer older than their bound because the server could not be asked.
    pub stale: u64,
    /// Checks that could not tell.
    pub unknown: u64,
    /// Calls begun ahead of time.
    pub refreshed_ahead: u64,
    /// Checks denied without a call, by the [name](Reason::as_str) of the reason, those that
    /// occurred.
    pub denied_at_edge: BTreeMap<&'static str, u64>,
    /// Checks denied by the policy or the server, likewise.
    pub denied_by_reason: BTreeMap<&'static str, u64>,
    /// Checks denied by the policy or the server: the sum of
    /// [`denied_by_reason`](Self::denied_by_reason).
    pub denied: u64,
    /// Calls to the server, one for each introspection whatever its retries.
    pub upstream_calls: u64,
    /// Calls that brought no answer.
    pub upstream_errors: u64,
    /// Calls that were not made, to keep within the rate limit.
    pub governor_refusals: u64,
    /// Tokens that the server calls active and that do not verify locally: someone else's tokens
    /// to the verifier's settings. Only in [shadow](crate::checker::CheckerBuilder::shadow_verifier).
    pub rejected_but_active: u64,
    /// Tokens that verify locally and that the server calls inactive: what introspection finds
    /// and verification does not.
    pub verified_but_inactive: u64,
    /// What is left of each server's rate limit, in the order of the servers; `None` where the
    /// server states none.
    pub rate_limit_left: Vec<Option<u64>>,
    /// How many active and inactive answers are held.
    pub entries: (usize, usize),
    /// How many calls are under way.
    pub under_way: usize,
    /// How old the answers were that let requests in.
    pub answer_age: Histogram,
    /// How long calls took.
    pub upstream_latency: Histogram,
}

/// Counts durations by size.
///
/// Bucket 0 is less than a millisecond, and bucket `n` is from 2ⁿ⁻¹ up
/// to 2ⁿ milliseconds. The last one has everything longer.
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
}

impl Histogram {
    /// How many sizes there are: the last one begins at four and a half minutes.
    pub const BUCKETS: usize = 20;

    /// The upper end of a bucket; `None` for the last one.
    pub fn upper_end(bucket: usize) -> Option<Duration> {
        (bucket + 1 < Self::BUCKETS).then(|| Duration::from_millis(1 << bucket))
    }

    /// How many there are in all.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    fn bucket(age: Age) -> usize {
        ((u64::BITS - age.as_millis().leading_zeros()) as usize).min(Self::BUCKETS - 1)
    }
}

/// The counters themselves.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// The ages of answers from the cache. Every hit counts here, so each of the stripes is for a
    /// few threads, which do not take the memory from each other.
    hits: [Stripe; STRIPES],
    hits_denied: AtomicU64,
    ages: Counts,
    latencies: Counts,
    denied_at_edge: ByReason,
    denied: ByReason,
    pub(crate) misses: AtomicU64,
    pub(crate) joined: AtomicU64,
    pub(crate) stale: AtomicU64,
    pub(crate) unknown: AtomicU64,
    pub(crate) refreshed_ahead: AtomicU64,
    pub(crate) upstream_calls: AtomicU64,
    pub(crate) upstream_errors: AtomicU64,
    pub(crate) governor_refusals: AtomicU64,
    pub(crate) rejected_but_active: AtomicU64,
    pub(crate) verified_but_inactive: AtomicU64,
}

#[derive(Debug, Default)]
struct Counts([AtomicU64; Histogram::BUCKETS]);

/// On cache lines of its own: stripes that shared one would be counted as slowly as one counter.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(Counts);

const STRIPES: usize = 16;

/// One counter for each reason, in the order of [`Reason::NAMES`].
#[derive(Debug, Default)]
struct ByReason([AtomicU64; Reason::NAMES.len()]);

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    /// A check has ended with this verdict, on facts from the cache.
    pub(crate) fn hit(&self, verdict: &Verdict) {
        match verdict {
            Verdict::Authorized(authorized) => self.hits[stripe()].0.add(authorized.age),
            Verdict::Denied(denied) => {
                count(&self.hits_denied);
                self.denied.add(denied.reason());
            }
        }
    }

    /// A check has ended with this verdict, on facts that it waited for.
    pub(crate) fn waited(&self, verdict: &Verdict) {
        match verdict {
            Verdict::Authorized(authorized) => {
                self.ages.add(authorized.age);
                match authorized.source() {
                    AnswerSource::Joined => count(&self.joined),
                    AnswerSource::StaleOnError => count(&self.stale),
                    AnswerSource::Cache | AnswerSource::Introspected => {}
                }
            }
            Verdict::Denied(denied) => self.denied.add(denied.reason()),
        }
    }

    /// The edge has refused a token.
    pub(crate) fn denied_at_edge(&self, reason: &Reason) {
        self.denied_at_edge.add(reason);
    }

    /// A call has ended after this time.
    pub(crate) fn called(&self, took: Duration, brought_answer: bool) {
        self.latencies.add(took.into());
        if !brought_answer {
            count(&self.upstream_errors);
        }
    }

    /// What has been counted so far.
    pub(crate) fn snapshot(&self) -> Metrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut answer_age = Histogram::default();
        self.hits.iter().for_each(|stripe| stripe.0.add_to(&mut answer_age));
        let hits = answer_age.count() + read(&self.hits_denied);
        self.ages.add_to(&mut answer_age);
        let mut upstream_latency = Histogram::default();
        self.latencies.add_to(&mut upstream_latency);
        let denied_by_reason = self.denied.occurred();
        Metrics {
            hits,
            misses: read(&self.misses),
            joined: read(&self.joined),
            stale: read(&self.stale),
            unknown: read(&self.unknown),
            refreshed_ahead: read(&self.refreshed_ahead),
            denied_at_edge: self.denied_at_edge.occurred(),
            denied: denied_by_reason.values().sum(),
            denied_by_reason,
            upstream_calls: read(&self.upstream_calls),
            upstream_errors: read(&self.upstream_errors),
            governor_refusals: read(&self.governor_refusals),
            rejected_but_active: read(&self.rejected_but_active),
            verified_but_inactive: read(&self.verified_but_inactive),
            rate_limit_left: Vec::new(),
            entries: (0, 0),
            under_way: 0,
            answer_age,
            upstream_latency,
        }
    }
}

impl ByReason {
    fn add(&self, reason: &Reason) {
        if let Some(at) = Reason::NAMES.iter().position(|name| *name == reason.as_str()) {
            count(&self.0[at]);
        }
    }

    fn occurred(&self) -> BTreeMap<&'static str, u64> {
        let times = self.0.iter().map(|counter| counter.load(Ordering::Relaxed));
        Reason::NAMES.into_iter().zip(times).filter(|(_, times)| *times > 0).collect()
    }
}

impl Counts {
    fn add(&self, age: Age) {
        count(&self.0[Histogram::bucket(age)]);
    }

    fn add_to(&self, histogram: &mut Histogram) {
        for (sum, own) in histogram.buckets.iter_mut().zip(&self.0) {
            *sum += own.load(Ordering::Relaxed);
        }
    }
}

/// The stripe of this thread.
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
    }
    OWN.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denials_are_counted_by_name() {
        let counters = Counters::default();
        for (reason, times) in [(Reason::Malformed, 2), (Reason::Expired, 1)] {
            (0..times).for_each(|_| counters.denied_at_edge(&reason));
        }
        let metrics = counters.snapshot();
        assert_eq!(metrics.denied_at_edge, BTreeMap::from([("expired", 1), ("malformed", 2)]));
        assert!(metrics.denied_by_reason.is_empty());
    }

    #[test]
    fn a_duration_is_in_the_bucket_whose_ends_enclose_it() {
        for (millis, bucket) in [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (1023, 10), (1024, 11)] {
            let duration = Duration::from_millis(millis);
            assert_eq!(Histogram::bucket(duration.into()), bucket, "{millis}");
            assert!(duration < Histogram::upper_end(bucket).unwrap(), "{millis}");
        }
        let last = Histogram::BUCKETS - 1;
        assert_eq!(Histogram::bucket(Duration::MAX.into()), last);
        assert_eq!(Histogram::upper_end(last), None);
    }
}
