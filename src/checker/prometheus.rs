//! The metrics in the format of Prometheus, by the crate `prometheus-client`. They are read when
//! they are asked for; nothing here runs during a check.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::checker::Checker;
use crate::checker::metrics::counters::statuses;
use crate::checker::metrics::{EndpointMetrics, Metrics, ServerMetrics};
use crate::checker::policy::denial::Reason;
use crate::metrics::prometheus::{Series, counters, gauges, histograms};

/// Gives the [metrics](Checker::metrics) to a registry of `prometheus-client`, under names that
/// begin with `okta_introspect_`.
///
/// | name | labels |
/// |---|---|
/// | `checks_total` | `verdict`, `source` |
/// | `denials_total` | `stage` (`edge`, `policy`), `reason` |
/// | `verdict_age_seconds` (histogram), but of what signals extended | |
/// | `extended_age_seconds` (histogram), of what they did extend | |
/// | `max_age_seconds`: [`CheckerConfig::max_age`](super::CheckerConfig::max_age) | |
/// | `check_duration_seconds` (histogram), of checks that waited | |
/// | `upstream_requests_total` | `issuer`, `endpoint`, `status` |
/// | `upstream_duration_seconds` (histogram) | `issuer`, `endpoint` |
/// | `upstream_under_way` | |
/// | `governor_refusals_total` | `issuer` |
/// | `rate_limit` and `rate_limit_remaining` | `issuer`, `bucket` |
/// | `refreshes_total` | |
/// | `signal_misses_total`: [`Metrics::signal_misses`] | |
/// | `signal_savings_total`: [`Metrics::signal_savings`] | |
/// | `local_disagreements_total` | `kind` (`rejected_but_active`, `verified_but_inactive`) |
/// | `cache_entries` | `pool` (`active`, `inactive`) |
/// | `evictions_total` | `pool` |
///
/// These are checks: requests that are refused before one, because they bring no token, are on no
/// route that has a rule, or have a body that does not say what they ask for, are not counted here.
/// `Gate::on_rejection` (feature `tower`) hears of them.
///
/// What `packaging/` of the repository has for Grafana and Prometheus uses these names.
/// `status` is how a call ended, as in [`EndpointMetrics::statuses`]. Every status and reason is
/// there from the start, at zero, so that its first time is an increase.
///
/// # Example: the text that Prometheus reads
///
/// ```
/// use okta_introspect::Checker;
/// use prometheus_client::encoding::text::encode;
/// use prometheus_client::registry::Registry;
///
/// fn text(checker: &Checker) -> Result<String, std::fmt::Error> {
///     let mut registry = Registry::default();
///     registry.register_collector(Box::new(checker.clone()));
///     let mut text = String::new();
///     encode(&mut text, &registry).map(|()| text)
/// }
/// ```
impl Collector for Checker {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let metrics = self.metrics();
        encode_checks(&mut encoder, &metrics)?;
        encode_servers(&mut encoder, &metrics)?;
        self.encode_bound(&mut encoder)?;
        let pools = [("active", metrics.active_entries), ("inactive", metrics.inactive_entries)];
        let pools = pools.map(|(pool, entries)| (vec![("pool", pool)], entries as u64));
        gauges(&mut encoder, "cache_entries", "Answers that are held", pools)?;
        let pools =
            [("active", metrics.active_evictions), ("inactive", metrics.inactive_evictions)];
        let pools = pools.map(|(pool, evictions)| (vec![("pool", pool)], evictions));
        let help = "Answers that went to make room for others";
        counters(&mut encoder, "evictions", help, pools)
    }
}

impl Checker {
    fn encode_bound(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "okta_introspect_max_age";
        let help = "How old an answer may be where the requirement does not say";
        let bound = self.inner.config.max_age.as_secs_f64();
        encoder
            .encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?
            .encode_gauge(&bound)
    }
}

fn encode_checks(encoder: &mut DescriptorEncoder<'_>, metrics: &Metrics) -> fmt::Result {
    let checks = metrics.checks.iter().flat_map(|(verdict, by_source)| {
        by_source
            .iter()
            .map(|(source, times)| (vec![("verdict", *verdict), ("source", *source)], *times))
    });
    counters(encoder, "checks", "Checks, by verdict and by where the answer came from", checks)?;
    let stages = [("edge", &metrics.denied_at_edge), ("policy", &metrics.denied_by_reason)];
    let denials = stages.into_iter().flat_map(|(stage, by_reason)| {
        Reason::NAMES.into_iter().map(move |reason| {
            let times = by_reason.get(reason).copied().unwrap_or_default();
            (vec![("stage", stage), ("reason", reason)], times)
        })
    });
    counters(encoder, "denials", "Checks that denied, by reason", denials)?;
    let age = "How old the answers were that let requests in";
    histograms(encoder, "verdict_age", age, [(Vec::new(), &metrics.verdict_age)])?;
    let age = "How old the answers were that let requests in because signals extended them";
    histograms(encoder, "extended_age", age, [(Vec::new(), &metrics.extended_age)])?;
    let duration = "How long checks took that were not answered from the cache";
    let durations = [(Vec::new(), &metrics.check_duration)];
    histograms(encoder, "check_duration", duration, durations)?;
    let ahead = [(Vec::new(), metrics.refreshed_ahead)];
    counters(encoder, "refreshes", "Calls begun ahead of time", ahead)?;
    let misses = [(Vec::new(), metrics.signal_misses)];
    counters(encoder, "signal_misses", "Tokens that ended without a signal", misses)?;
    let savings = [(Vec::new(), metrics.signal_savings)];
    let help = "Calls that would not have been made, had signals extended answers";
    counters(encoder, "signal_savings", help, savings)?;
    let kinds = [
        ("rejected_but_active", metrics.rejected_but_active),
        ("verified_but_inactive", metrics.verified_but_inactive),
    ];
    let kinds = kinds.map(|(kind, times)| (vec![("kind", kind)], times));
    counters(encoder, "local_disagreements", "Where verifier and server disagreed", kinds)
}

fn encode_servers(encoder: &mut DescriptorEncoder<'_>, metrics: &Metrics) -> fmt::Result {
    let endpoints = || {
        metrics.servers.iter().flat_map(|(issuer, server)| {
            server.endpoints.iter().map(|(name, endpoint)| {
                (vec![("issuer", issuer.as_str()), ("endpoint", *name)], endpoint)
            })
        })
    };
    let by_status = endpoints().flat_map(|(labels, metrics): Series<'_, &EndpointMetrics>| {
        statuses(labels[1].1).map(move |status| {
            let times = metrics.statuses.get(status).copied().unwrap_or_default();
            ([labels.as_slice(), &[("status", status)]].concat(), times)
        })
    });
    counters(encoder, "upstream_requests", "Calls to servers, by what came of them", by_status)?;
    let durations = endpoints().map(|(labels, endpoint)| (labels, &endpoint.duration));
    histograms(encoder, "upstream_duration", "How long calls to servers took", durations)?;
    let servers = || {
        let all = metrics.servers.iter();
        all.map(|(issuer, server)| (vec![("issuer", issuer.as_str())], server))
    };
    let refusals = servers().map(|(labels, server)| (labels, server.governor_refusals));
    let help = "Calls that were not made, to keep within the rate limit";
    counters(encoder, "governor_refusals", help, refusals)?;
    let limits = |figure: fn(&ServerMetrics) -> Option<u64>| {
        servers().filter_map(move |(mut labels, server)| {
            labels.push(("bucket", server.rate_limit_bucket));
            Some((labels, figure(server)?))
        })
    };
    let help = "How many requests a window allows";
    gauges(encoder, "rate_limit", help, limits(|server| server.rate_limit))?;
    let help = "How many of them are left";
    gauges(encoder, "rate_limit_remaining", help, limits(|server| server.rate_limit_remaining))?;
    let under_way = [(Vec::new(), metrics.under_way as u64)];
    gauges(encoder, "upstream_under_way", "Calls to servers under way", under_way)
}
