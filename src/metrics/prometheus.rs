//! Series in the format of Prometheus, by the crate `prometheus-client`. They are read when they are
//! asked for; nothing here runs where something is counted.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::histogram::Histogram;

pub(crate) type Labels<'a> = Vec<(&'static str, &'a str)>;

/// One series: its labels and its value.
pub(crate) type Series<'a, T> = (Labels<'a>, T);

pub(crate) fn counters<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl IntoIterator<Item = Series<'a, u64>>,
) -> fmt::Result {
    family(encoder, (name, help, None, MetricType::Counter), series, |mut metric, value| {
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    })
}

pub(crate) fn gauges<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl IntoIterator<Item = Series<'a, u64>>,
) -> fmt::Result {
    family(encoder, (name, help, None, MetricType::Gauge), series, |mut metric, value| {
        metric.encode_gauge(&value)
    })
}

/// Gauges of seconds.
pub(crate) fn seconds<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl IntoIterator<Item = Series<'a, f64>>,
) -> fmt::Result {
    let of_seconds = (name, help, Some(&Unit::Seconds), MetricType::Gauge);
    family(encoder, of_seconds, series, |mut metric, value| metric.encode_gauge(&value))
}

pub(crate) fn histograms<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl IntoIterator<Item = Series<'a, &'a Histogram>>,
) -> fmt::Result {
    let of_seconds = (name, help, Some(&Unit::Seconds), MetricType::Histogram);
    family(encoder, of_seconds, series, |mut metric, histogram| {
        let end = |at| Histogram::upper_end(at).map_or(f64::INFINITY, |end| end.as_secs_f64());
        let buckets = histogram.buckets.iter().enumerate().map(|(at, count)| (end(at), *count));
        let (sum, count) = (histogram.sum.as_secs_f64(), histogram.count());
        metric.encode_histogram::<NoLabelSet>(sum, count, &buckets.collect::<Vec<_>>(), None)
    })
}

/// All series of one name, if there are any.
fn family<'a, T>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, unit, kind): (&str, &str, Option<&Unit>, MetricType),
    series: impl IntoIterator<Item = Series<'a, T>>,
    write: impl Fn(MetricEncoder<'_>, T) -> fmt::Result,
) -> fmt::Result {
    let name = format!("okta_introspect_{name}");
    let mut series = series.into_iter().peekable();
    if series.peek().is_none() {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(&name, help, unit, kind)?;
    for (labels, value) in series {
        write(metric.encode_family(&labels)?, value)?;
    }
    Ok(())
}
