//! What a checker does, in numbers.

pub(crate) mod counters;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::metrics::histogram::Histogram;

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
///
/// # Example: as JSON
///
/// ```
/// use okta_introspect::checker::Checker;
///
/// fn report(checker: &Checker) -> serde_json::Result<String> {
///     serde_json::to_string(&checker.metrics())
/// }
/// ```
///
/// # Example: to OpenTelemetry
///
/// Its observable instruments ask for values when they are exported, and so need no more than the
/// snapshot. In the callback of an observable counter named `okta_introspect.checks`, `observe` is
/// `|times, labels| observer.observe(times, &labels.map(|(name, value)| KeyValue::new(name, value)))`.
///
/// ```
/// use okta_introspect::checker::Metrics;
///
/// fn checks(metrics: &Metrics, observe: impl Fn(u64, [(&'static str, &'static str); 2])) {
///     for (verdict, by_source) in &metrics.checks {
///         for (source, times) in by_source {
///             observe(*times, [("verdict", verdict), ("source", source)]);
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Metrics {
    /// Checks that found their answer in the cache, whatever it was.
    pub hits: u64,
    /// Checks that had to wait for an answer.
    pub misses: u64,
    /// Checks that waited for a call which another check had begun; part of the misses.
    pub joined: u64,
    /// Checks that found the answer of another instance, in the store that they
    /// [share](super::CheckerBuilder::shared); part of the misses.
    pub shared: u64,
    /// Checks that got an answer older than their bound because the server could not be asked.
    pub stale: u64,
    /// Checks that could not tell.
    pub unknown: u64,
    /// Checks by verdict (`authorized`, `denied`, `unknown`) and by where the answer came from
    /// (the [names](super::AnswerSource::as_str) of sources; `edge` for tokens that were refused
    /// without an answer, and `none` where there was none).
    pub checks: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Calls begun ahead of time. With a [shared](super::CheckerBuilder::shared) store most of them end
    /// with the answer of another instance.
    pub refreshed_ahead: u64,
    /// Checks denied without a call, by the [name](super::Reason::as_str) of the reason, those that
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
    /// to the verifier's settings. Only in [shadow](super::CheckerBuilder::shadow_verifier).
    pub rejected_but_active: u64,
    /// Tokens that verify locally and that the server calls inactive: what introspection finds
    /// and verification does not.
    pub verified_but_inactive: u64,
    /// Checks whose answer was older than their bound and [extended](super::AnswerSource::Extended)
    /// by signals.
    pub extended: u64,
    /// Tokens that were found inactive although [all signals had come](super::Coverage::advance) and
    /// none had named them, nor was it their end: with an assignment that was removed, for instance.
    /// In the modes [`Shadow`](super::SignalMode::Shadow) and [`Extend`](super::SignalMode::Extend).
    /// Each is told once it is certain, and of those that wait for that at most 1024 are remembered.
    pub signal_misses: u64,
    /// Calls that would not have been made, had signals extended the answers of requirements that
    /// [allow it](crate::Requirement::extended). In the mode [`Shadow`](super::SignalMode::Shadow).
    /// There is one call for each [`extension_limit`](super::CheckerConfig::extension_limit) to take off.
    pub signal_savings: u64,
    /// How many active answers are held.
    pub active_entries: usize,
    /// How many inactive answers are held.
    pub inactive_entries: usize,
    /// Active answers that went to make room for others: many in a minute say that
    /// [`capacity`](super::CheckerConfig::capacity) is too small for the tokens in use.
    pub active_evictions: u64,
    /// Inactive answers that went to make room for others, as in a flood of made-up tokens.
    pub inactive_evictions: u64,
    /// How many calls are under way, with those that look into the shared store first.
    pub under_way: usize,
    /// How old the answers were that let requests in, but for those that signals extended.
    pub verdict_age: Histogram,
    /// How old the answers were that let requests in because signals
    /// [extended](super::AnswerSource::Extended) them, counted from when the server was asked.
    pub extended_age: Histogram,
    /// How long checks took that were not answered from the cache. Those that were take less than a
    /// microsecond, and looking at the clock would be much of it.
    pub check_duration: Histogram,
    /// What was done with each server, by the name of its issuer.
    pub servers: BTreeMap<String, ServerMetrics>,
}

/// What was done with one server.
///
/// # Example: the rate limits, by issuer
///
/// ```
/// use okta_introspect::checker::Metrics;
///
/// fn report(metrics: &Metrics) -> Vec<String> {
///     let line = |(issuer, server): (&String, &okta_introspect::checker::ServerMetrics)| {
///         server.rate_limit_remaining.map(|left| format!("{issuer}: {left} left"))
///     };
///     metrics.servers.iter().filter_map(line).collect()
/// }
/// ```
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct ServerMetrics {
    /// By endpoint: `introspect` and `revoke`.
    pub endpoints: BTreeMap<&'static str, EndpointMetrics>,
    /// Calls that were not made, to keep within the rate limit.
    pub governor_refusals: u64,
    /// The bucket in which introspections count, as Okta names it: `/oauth2/v1` of the org, or
    /// `/oauth2/{id}/v1` of all custom servers; `introspect` at servers that are not Okta's.
    pub rate_limit_bucket: &'static str,
    /// How many requests a window of that bucket allows; `None` where the server states none.
    pub rate_limit: Option<u64>,
    /// What is left of it in this window, likewise.
    pub rate_limit_remaining: Option<u64>,
}

/// What came of the calls to one endpoint, each counted once whatever its retries.
///
/// # Example: the share that failed
///
/// ```
/// use okta_introspect::checker::EndpointMetrics;
///
/// fn failed(endpoint: &EndpointMetrics) -> f64 {
///     let good = ["active", "inactive", "revoked"];
///     let good: u64 = good.iter().filter_map(|name| endpoint.statuses.get(name)).sum();
///     1.0 - good as f64 / endpoint.duration.count() as f64
/// }
/// ```
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct EndpointMetrics {
    /// How many ended in which way, of the ways that occurred: `active`, `inactive`, `revoked`, or
    /// the kind of the [error](crate::ErrorKind) in snake case, such as `rate_limited`.
    pub statuses: BTreeMap<&'static str, u64>,
    /// How long they took.
    pub duration: Histogram,
}

impl ServerMetrics {
    /// Introspections that brought no answer.
    fn failed_introspections(&self) -> u64 {
        let Some(endpoint) = self.endpoints.get("introspect") else { return 0 };
        let answers = |name: &&str| matches!(*name, "active" | "inactive");
        endpoint.statuses.iter().filter(|(name, _)| !answers(name)).map(|(_, times)| times).sum()
    }
}
