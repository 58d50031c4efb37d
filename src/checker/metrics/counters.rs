//! The counters behind the metrics, cheap enough to be left on: a hit costs two uncontended
//! additions to one line of memory.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::checker::metrics::{EndpointMetrics, Metrics, ServerMetrics};
use crate::checker::policy::denial::Reason;
use crate::checker::policy::verdict::{AnswerSource, Verdict};
use crate::clock::ticks::Age;
use crate::error::ErrorKind;
use crate::issuer::Issuer;
use crate::metrics::counts::{Counts, MICROS, count, read};
use crate::metrics::histogram::Histogram;
use crate::wire::admission::bucket::introspection_bucket;
use crate::wire::rate_limit::Remaining;

/// The counters themselves.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    hits: Hits,
    /// Hits on answers that signals extended.
    extended: Hits,
    ages: Counts<{ Histogram::UNITS }>,
    extended_ages: Counts<{ Histogram::UNITS }>,
    durations: Counts<MICROS>,
    /// Verdicts on answers that were waited for, by verdict and by source.
    waited: [[AtomicU64; AnswerSource::NAMES.len()]; 2],
    denied_at_edge: ByReason,
    denied: ByReason,
    pub(crate) misses: AtomicU64,
    pub(crate) unknown: AtomicU64,
    pub(crate) refreshed_ahead: AtomicU64,
    pub(crate) upstream_calls: AtomicU64,
    pub(crate) rejected_but_active: AtomicU64,
    pub(crate) verified_but_inactive: AtomicU64,
    pub(crate) signal_misses: AtomicU64,
    pub(crate) signal_savings: AtomicU64,
}

/// What was done with one server.
#[derive(Debug, Default)]
pub(crate) struct ServerCounters {
    introspect: EndpointCounters,
    revoke: EndpointCounters,
    pub(crate) governor_refusals: AtomicU64,
}

#[derive(Debug, Default)]
struct EndpointCounters {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    durations: Counts<MICROS>,
}

/// The checks that were answered from the cache.
#[derive(Debug, Default)]
struct Hits {
    /// The ages of answers that let requests in. Every hit counts here, so each of the stripes is
    /// for a few threads, which do not take the memory from each other.
    let_in: [Stripe; STRIPES],
    denied: AtomicU64,
}

/// On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(Counts<{ Histogram::UNITS }>);

const STRIPES: usize = 16;

/// One counter for each reason, in the order of [`Reason::NAMES`].
#[derive(Debug, Default)]
struct ByReason([AtomicU64; Reason::NAMES.len()]);

impl Counters {
    /// A check has ended with this verdict, on facts from the cache.
    #[inline(always)]
    pub(crate) fn hit(&self, verdict: &Verdict) {
        self.hit_of(&self.hits, verdict);
    }

    /// A check has ended with this verdict, on facts from the cache that signals extended.
    pub(crate) fn extended(&self, verdict: &Verdict) {
        self.hit_of(&self.extended, verdict);
    }

    #[inline(always)]
    fn hit_of(&self, hits: &Hits, verdict: &Verdict) {
        match verdict {
            Verdict::Authorized(authorized) => hits.let_in[stripe()].0.add(authorized.ticks()),
            Verdict::Denied(denied) => {
                count(&hits.denied);
                self.denied.add(denied.reason());
            }
        }
    }

    /// A check has ended with this verdict, on facts that it waited for.
    pub(crate) fn waited(&self, verdict: &Verdict, source: AnswerSource) {
        let denied = match verdict {
            Verdict::Authorized(authorized) => {
                let is_extended = source == AnswerSource::Extended;
                let ages = if is_extended { &self.extended_ages } else { &self.ages };
                ages.add(authorized.ticks());
                0
            }
            Verdict::Denied(denied) => {
                self.denied.add(denied.reason());
                1
            }
        };
        count(&self.waited[denied][source as usize]);
    }

    /// A check that was not answered from the cache has ended after this time.
    pub(crate) fn took(&self, duration: Age) {
        self.durations.add(duration);
    }

    /// The edge has refused a token.
    pub(crate) fn denied_at_edge(&self, reason: &Reason) {
        self.denied_at_edge.add(reason);
    }

    /// What has been counted so far, with what each server's counters say.
    pub(crate) fn snapshot(&self, servers: BTreeMap<String, ServerMetrics>) -> Metrics {
        let [mut verdict_age, mut extended_age] = [(); 2].map(|()| Histogram::default());
        let hits = [self.hits.read(&mut verdict_age), self.extended.read(&mut extended_age)];
        self.ages.add_to(&mut verdict_age);
        self.extended_ages.add_to(&mut extended_age);
        let (denied_at_edge, denied_by_reason) =
            (self.denied_at_edge.occurred(), self.denied.occurred());
        let edge = denied_at_edge.values().sum();
        let unknown = read(&self.unknown);
        let checks = self.checks(hits, edge, unknown);
        let of = |source: AnswerSource| {
            let verdicts = self.waited.iter();
            verdicts.map(|by_source| read(&by_source[source as usize])).sum()
        };
        let sum = |number: fn(&ServerMetrics) -> u64| servers.values().map(number).sum();
        Metrics {
            hits: hits.as_flattened().iter().sum(),
            misses: read(&self.misses),
            joined: of(AnswerSource::Joined),
            shared: of(AnswerSource::Shared),
            stale: of(AnswerSource::StaleOnError),
            unknown,
            checks,
            refreshed_ahead: read(&self.refreshed_ahead),
            denied: denied_by_reason.values().sum(),
            denied_at_edge,
            denied_by_reason,
            upstream_calls: read(&self.upstream_calls),
            upstream_errors: sum(ServerMetrics::failed_introspections),
            governor_refusals: sum(|server| server.governor_refusals),
            rejected_but_active: read(&self.rejected_but_active),
            verified_but_inactive: read(&self.verified_but_inactive),
            extended: hits[1].iter().sum::<u64>() + of(AnswerSource::Extended),
            signal_misses: read(&self.signal_misses),
            signal_savings: read(&self.signal_savings),
            active_entries: 0,
            inactive_entries: 0,
            active_evictions: 0,
            inactive_evictions: 0,
            under_way: 0,
            verdict_age,
            extended_age,
            check_duration: self.durations.histogram(),
            servers,
        }
    }

    /// How many checks ended with each verdict, by where the answer came from.
    fn checks(
        &self,
        [hits, extended]: [[u64; 2]; 2],
        edge: u64,
        unknown: u64,
    ) -> BTreeMap<&'static str, BTreeMap<&'static str, u64>> {
        let waited = |denied: usize| {
            let counts = self.waited[denied].iter().map(read);
            let mut by_source: BTreeMap<_, _> =
                AnswerSource::NAMES.into_iter().zip(counts).collect();
            // An answer that came in meanwhile is the cache's too.
            *by_source.entry(AnswerSource::Cache.as_str()).or_default() += hits[denied];
            *by_source.entry(AnswerSource::Extended.as_str()).or_default() += extended[denied];
            by_source
        };
        let mut denied = waited(1);
        denied.insert("edge", edge);
        let unknown = BTreeMap::from([("none", unknown)]);
        BTreeMap::from([("authorized", waited(0)), ("denied", denied), ("unknown", unknown)])
    }
}

impl Hits {
    /// How many let a request in, and how many did not; gives the ages of the former.
    fn read(&self, ages: &mut Histogram) -> [u64; 2] {
        self.let_in.iter().for_each(|stripe| stripe.0.add_to(ages));
        [ages.count(), read(&self.denied)]
    }
}

impl ServerCounters {
    /// An introspection has ended after this time.
    pub(crate) fn introspected(&self, took: Duration, answer: Result<bool, ErrorKind>) {
        self.introspect.ended(
            took,
            match answer {
                Ok(true) => Outcome::Active,
                Ok(false) => Outcome::Inactive,
                Err(kind) => Outcome::Failed(kind),
            },
        );
    }

    /// A revocation has ended after this time.
    pub(crate) fn revoked(&self, took: Duration, answer: Result<(), ErrorKind>) {
        self.revoke.ended(took, answer.map_or_else(Outcome::Failed, |()| Outcome::Revoked));
    }

    /// What has been counted so far.
    pub(crate) fn snapshot(&self, issuer: &Issuer, remaining: Option<Remaining>) -> ServerMetrics {
        let endpoints = [("introspect", &self.introspect), ("revoke", &self.revoke)];
        ServerMetrics {
            endpoints: endpoints.map(|(name, counters)| (name, counters.snapshot())).into(),
            governor_refusals: read(&self.governor_refusals),
            rate_limit_bucket: introspection_bucket(issuer),
            rate_limit: remaining.map(Remaining::limit),
            rate_limit_remaining: remaining.map(Remaining::left),
        }
    }
}

impl EndpointCounters {
    fn ended(&self, took: Duration, outcome: Outcome) {
        self.durations.add(took.into());
        if let Some(at) = Outcome::ALL.iter().position(|known| *known == outcome) {
            count(&self.outcomes[at]);
        }
    }

    fn snapshot(&self) -> EndpointMetrics {
        let counted = Outcome::ALL.iter().zip(self.outcomes.iter().map(read));
        let occurred = counted.filter(|(_, times)| *times > 0);
        EndpointMetrics {
            statuses: occurred.map(|(outcome, times)| (outcome.as_str(), times)).collect(),
            duration: self.durations.histogram(),
        }
    }
}

/// How a call to a server has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    Active,
    Inactive,
    Revoked,
    Failed(ErrorKind),
}

impl Outcome {
    const ALL: [Self; 15] = [
        Self::Active,
        Self::Inactive,
        Self::Revoked,
        Self::Failed(ErrorKind::Configuration),
        Self::Failed(ErrorKind::Input),
        Self::Failed(ErrorKind::Key),
        Self::Failed(ErrorKind::ClientRefused),
        Self::Failed(ErrorKind::RequestRefused),
        Self::Failed(ErrorKind::InvalidGrant),
        Self::Failed(ErrorKind::RateLimited),
        Self::Failed(ErrorKind::ServerFailed),
        Self::Failed(ErrorKind::Unreachable),
        Self::Failed(ErrorKind::TimedOut),
        Self::Failed(ErrorKind::Malformed),
        Self::Failed(ErrorKind::WrongServer),
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Revoked => "revoked",
            Self::Failed(kind) => kind.as_str(),
        }
    }
}

/// Every name that a call to this endpoint may end with.
#[cfg(any(test, feature = "prometheus"))]
pub(crate) fn statuses(endpoint: &str) -> impl Iterator<Item = &'static str> {
    let revokes = endpoint == "revoke";
    let can_be = move |outcome: &Outcome| match outcome {
        Outcome::Active | Outcome::Inactive => !revokes,
        Outcome::Revoked => revokes,
        Outcome::Failed(_) => true,
    };
    Outcome::ALL.into_iter().filter(can_be).map(Outcome::as_str)
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
        let metrics = counters.snapshot(BTreeMap::new());
        assert_eq!(metrics.denied_at_edge, BTreeMap::from([("expired", 1), ("malformed", 2)]));
        assert!(metrics.denied_by_reason.is_empty());
        assert_eq!(metrics.checks["denied"]["edge"], 3);
    }

    #[test]
    fn every_outcome_is_counted_under_its_own_name() {
        let counters = ServerCounters::default();
        let issuer = Issuer::parse("https://acme.okta.com").unwrap();
        let took = Duration::from_micros(1500);
        counters.introspected(took, Ok(true));
        counters.introspected(took, Ok(false));
        counters.revoked(took, Ok(()));
        let failures = Outcome::ALL.into_iter().filter_map(|outcome| match outcome {
            Outcome::Failed(kind) => Some(kind),
            _ => None,
        });
        for kind in failures {
            counters.introspected(took, Err(kind));
            counters.revoked(took, Err(kind));
        }
        let metrics = counters.snapshot(&issuer, Some(Remaining::new(9, 7, took)));
        let [introspect, revoke] = ["introspect", "revoke"].map(|name| &metrics.endpoints[name]);
        assert_eq!((introspect.statuses.len(), revoke.statuses.len()), (14, 13));
        assert!(introspect.statuses.values().chain(revoke.statuses.values()).all(|n| *n == 1));
        assert_eq!((introspect.duration.count(), introspect.duration.sum), (14, 14 * took));
        assert_eq!((metrics.failed_introspections(), metrics.rate_limit_remaining), (12, Some(7)));
        assert_eq!((metrics.rate_limit_bucket, metrics.rate_limit), ("/oauth2/v1", Some(9)));
        for (endpoint, metrics) in metrics.endpoints {
            let named: Vec<_> =
                statuses(endpoint).filter(|n| metrics.statuses.contains_key(n)).collect();
            assert_eq!(named.len(), metrics.statuses.len(), "{endpoint}");
            assert_eq!(named.len(), statuses(endpoint).count(), "{endpoint}");
        }
    }
}
