//! The counters in the format of Prometheus.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::{Closed, ListenerMetrics, Metrics, Outcome, Refusal};

type Labels<'a> = Vec<(&'static str, &'a str)>;

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let listeners = self.listeners().clone();
        durations(&mut encoder, &listeners)?;
        connections(&mut encoder, &listeners)?;
        let refusals = self.refusals.iter();
        let refusals = refusals.map(|(reason, count)| (vec![("reason", *reason)], read(count)));
        let help = "Requests that were refused, by reason";
        counters(&mut encoder, "okta_introspect_refusals", help, refusals)?;
        self.encode_reloads(&mut encoder)
    }
}

impl Metrics {
    fn encode_reloads(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "okta_introspect_config_reload_successful";
        let help = "Whether the configuration that was read last is in force";
        let is_reloaded = u64::from(self.is_reloaded.load(Ordering::Relaxed));
        encoder
            .encode_descriptor(name, help, None, MetricType::Gauge)?
            .encode_gauge(&is_reloaded)?;
        let name = "okta_introspect_config_reload_success_timestamp";
        let help = "When a configuration was last taken";
        let seconds = Duration::from_millis(read(&self.reloaded)).as_secs_f64();
        encoder
            .encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?
            .encode_gauge(&seconds)?;
        let help = "Configurations that were not taken";
        let failures = [(Vec::new(), self.reload_failures())];
        counters(encoder, "okta_introspect_config_reload_failures", help, failures)
    }
}

fn durations(
    encoder: &mut DescriptorEncoder<'_>,
    listeners: &[std::sync::Arc<ListenerMetrics>],
) -> fmt::Result {
    if listeners.is_empty() {
        return Ok(());
    }
    let name = "http_server_request_duration";
    let help = "How long requests took, by what became of them";
    let kind = MetricType::Histogram;
    let mut family = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), kind)?;
    for listener in listeners {
        for outcome in Outcome::ALL {
            let labels = listener.labels("outcome", outcome.as_str());
            let counted = listener.durations[outcome as usize].read();
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
                counted.sum_seconds,
                counted.count,
                &counted.buckets,
                None,
            )?;
        }
    }
    Ok(())
}

fn connections(
    encoder: &mut DescriptorEncoder<'_>,
    listeners: &[std::sync::Arc<ListenerMetrics>],
) -> fmt::Result {
    let open = listeners.iter();
    let open = open.map(|one| (vec![("listener", one.name.as_str())], one.connections()));
    let of_gauges =
        ("okta_introspect_connections_open", "Connections that are open", MetricType::Gauge);
    series(encoder, of_gauges, open, |mut metric, value| metric.encode_gauge(&value))?;
    let refused = listeners.iter().flat_map(|one| {
        let all = Refusal::ALL.into_iter();
        all.map(|reason| (one.labels("reason", reason.as_str()), one.refusals(reason)))
    });
    let help = "Connections that were not served";
    counters(encoder, "okta_introspect_connections_refused", help, refused)?;
    let closed = listeners.iter().flat_map(|one| {
        let all = Closed::ALL.into_iter();
        all.map(|reason| (one.labels("reason", reason.as_str()), one.closures(reason)))
    });
    let help = "Connections that this side closed";
    counters(encoder, "okta_introspect_connections_closed", help, closed)
}

impl ListenerMetrics {
    fn labels<'a>(&'a self, name: &'static str, value: &'a str) -> Labels<'a> {
        vec![("listener", &self.name), (name, value)]
    }
}

fn counters<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (Labels<'a>, u64)>,
) -> fmt::Result {
    series(encoder, (name, help, MetricType::Counter), values, |mut metric, value| {
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    })
}

/// All series of one name, if there are any.
fn series<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, kind): (&str, &str, MetricType),
    values: impl IntoIterator<Item = (Labels<'a>, u64)>,
    write: impl Fn(MetricEncoder<'_>, u64) -> fmt::Result,
) -> fmt::Result {
    let mut values = values.into_iter().peekable();
    if values.peek().is_none() {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, value) in values {
        if labels.is_empty() {
            // A family without labels would be written with empty braces.
            return write(metric, value);
        }
        write(metric.encode_family(&labels)?, value)?;
    }
    Ok(())
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}
