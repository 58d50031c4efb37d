//! How the sources of signals are doing, in the format of Prometheus.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::feed::Feed;
use super::status::SourceStatus;
use crate::metrics::prometheus::{Series, counters, gauges, seconds};

/// Gives the [status](Feed::status) of the sources to a registry of `prometheus-client`, under names
/// that begin with `okta_introspect_signal_`.
///
/// | name | labels |
/// |---|---|
/// | `events_total` | `source`, `kind` |
/// | `repeated_total` and `ignored_total` | `source` |
/// | `gaps_total` | `source` |
/// | `errors_total` | `source`, `reason` |
/// | `source_healthy`: 1 or 0, where it can be told | `source` |
/// | `lag_seconds` | `source` |
/// | `last_seen_timestamp_seconds` | `source` |
///
/// What ends without a signal is counted by the checker, see
/// [`Metrics`](crate::checker::Metrics).
///
/// # Example: the text that Prometheus reads
///
/// ```
/// use okta_introspect::signals::Feed;
/// use prometheus_client::encoding::text::encode;
/// use prometheus_client::registry::Registry;
///
/// fn text(feed: &Feed) -> Result<String, std::fmt::Error> {
///     let mut registry = Registry::default();
///     registry.register_collector(Box::new(feed.clone()));
///     let mut text = String::new();
///     encode(&mut text, &registry).map(|()| text)
/// }
/// ```
impl Collector for Feed {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sources = self.status();
        let encoder = &mut encoder;
        let kinds = sources.iter().flat_map(|status| {
            let source = status.source.as_str();
            let series = move |(kind, times)| (vec![("source", source), ("kind", kind)], times);
            status.events.iter().map(move |(kind, times)| series((kind.as_str(), *times)))
        });
        counters(encoder, "signal_events", "Signals that were applied, by kind", kinds)?;
        let help = "Signals that came again";
        counters(encoder, "signal_repeated", help, each(&sources, |status| Some(status.repeated)))?;
        let help = "Events that were not about tokens";
        counters(encoder, "signal_ignored", help, each(&sources, |status| Some(status.ignored)))?;
        let help = "Times that everything was asked about again because signals may be lost";
        counters(encoder, "signal_gaps", help, each(&sources, |status| Some(status.gaps)))?;
        let reasons = sources.iter().flat_map(|status| {
            let source = status.source.as_str();
            let series = move |(reason, times): (&&'static str, &u64)| {
                (vec![("source", source), ("reason", *reason)], *times)
            };
            status.errors.iter().map(series)
        });
        counters(encoder, "signal_errors", "What failed at a source, by reason", reasons)?;
        let healthy = each(&sources, |status| status.healthy.map(u64::from));
        gauges(encoder, "signal_source_healthy", "Whether a source is read to its end", healthy)?;
        let lag = each(&sources, |status| status.lag.map(|lag| lag.as_secs_f64()));
        seconds(encoder, "signal_lag", "How far a source is behind", lag)?;
        let last = each(&sources, |status| Some(status.last_seen?.timestamp_millis() as f64 / 1e3));
        seconds(encoder, "signal_last_seen_timestamp", "When a source was heard last", last)
    }
}

/// One series for each source that has the figure.
fn each<'a, T>(
    sources: &'a [SourceStatus],
    figure: impl Fn(&SourceStatus) -> Option<T> + 'a,
) -> impl Iterator<Item = Series<'a, T>> {
    let series = move |status: &'a SourceStatus| {
        Some((vec![("source", status.source.as_str())], figure(status)?))
    };
    sources.iter().filter_map(series)
}
