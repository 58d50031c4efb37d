//! How an instance is doing that shares signals, in the format of Prometheus.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::status::StreamMetrics;
use crate::metrics::prometheus::{Series, counters, gauges, seconds};

/// Gives the [status](StreamMetrics::status) to a registry of `prometheus-client`, under names that
/// begin with `okta_introspect_signal_stream_`. All have the label `org`.
///
/// | name | other labels |
/// |---|---|
/// | `leads`: 1 or 0 | |
/// | `lag_seconds`, `heard_age_seconds` and `read_age_seconds` | |
/// | `gaps_total` and `takeovers_total` | |
/// | `reads_total`, `entries_total`, `commits_total` and `published_total` | `outcome` |
/// | `uncovered_total` | `reason` |
///
/// What became of the signals is counted by the [`Feed`](crate::signals::Feed).
///
/// # Example
///
/// ```
/// use okta_introspect::signals::SharedSignals;
/// use prometheus_client::registry::Registry;
///
/// fn register(registry: &mut Registry, signals: &SharedSignals) {
///     registry.register_collector(Box::new(signals.metrics()));
/// }
/// ```
impl Collector for StreamMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (status, org, encoder) = (self.status(), self.org(), &mut encoder);
        let one = |value| [(vec![("org", org)], value)];
        let help = "Whether this instance reads the log for all";
        gauges(encoder, "signal_stream_leads", help, one(u64::from(status.leads)))?;
        for (name, help, age) in [
            ("signal_stream_lag", "How far the log was told to this instance", status.lag),
            ("signal_stream_heard_age", "How long ago a leader was heard", status.heard_age),
            ("signal_stream_read_age", "How long ago the stream was read", status.read_age),
        ] {
            let series = age.map(|age: Duration| (vec![("org", org)], age.as_secs_f64()));
            seconds(encoder, name, help, series)?;
        }
        let help = "Times that everything was asked about again because signals may be lost";
        counters(encoder, "signal_stream_gaps", help, one(status.gaps))?;
        let help = "Times that this instance took the lead";
        counters(encoder, "signal_stream_takeovers", help, one(status.takeovers))?;
        let help = "Reads of the stream";
        counters(encoder, "signal_stream_reads", help, by("outcome", org, &status.reads))?;
        let help = "Entries of the stream";
        counters(encoder, "signal_stream_entries", help, by("outcome", org, &status.entries))?;
        let help = "Batches that extend no answer at this instance";
        counters(encoder, "signal_stream_uncovered", help, by("reason", org, &status.uncovered))?;
        let help = "Batches that this instance read from the log";
        counters(encoder, "signal_stream_commits", help, by("outcome", org, &status.commits))?;
        let help = "Signals that this instance had to tell the others";
        counters(encoder, "signal_stream_published", help, by("outcome", org, &status.published))
    }
}

fn by<'a>(
    label: &'static str,
    org: &'a str,
    counts: &'a BTreeMap<&'static str, u64>,
) -> impl Iterator<Item = Series<'a, u64>> {
    counts.iter().map(move |(name, times)| (vec![("org", org), (label, *name)], *times))
}
