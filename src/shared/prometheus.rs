//! What is done with the store, in the format of Prometheus.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::handle::Shared;
use crate::metrics::prometheus::{Series, counters, histograms, seconds};

/// Gives the [metrics](Shared::metrics) to a registry of `prometheus-client`, under names that begin
/// with `okta_introspect_shared_`.
///
/// | name | labels |
/// |---|---|
/// | `looks_total` | `outcome`, as in [`SharedMetrics::looks`](super::SharedMetrics::looks) |
/// | `claims_total` | `outcome` |
/// | `puts_total` | `outcome` |
/// | `operation_duration_seconds` (histogram) | |
/// | `scale_changes_total` | |
/// | `time_uncertainty_seconds`, where the time is known | |
///
/// # Example: the text that Prometheus reads
///
/// ```
/// use okta_introspect::shared::Shared;
/// use prometheus_client::encoding::text::encode;
/// use prometheus_client::registry::Registry;
///
/// fn text(shared: &Shared) -> Result<String, std::fmt::Error> {
///     let mut registry = Registry::default();
///     registry.register_collector(Box::new(shared.clone()));
///     let mut text = String::new();
///     encode(&mut text, &registry).map(|()| text)
/// }
/// ```
impl Collector for Shared {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (metrics, encoder) = (self.metrics(), &mut encoder);
        let help = "Looks for an answer in the shared store, by what came of them";
        counters(encoder, "shared_looks", help, by_outcome(&metrics.looks))?;
        let help = "Claims to ask about a token, by what came of them";
        counters(encoder, "shared_claims", help, by_outcome(&metrics.claims))?;
        let help = "Answers to be put into the shared store, by what came of them";
        counters(encoder, "shared_puts", help, by_outcome(&metrics.puts))?;
        let durations = [(Vec::new(), &metrics.duration)];
        let help = "How long the shared store took";
        histograms(encoder, "shared_operation_duration", help, durations)?;
        let changes = [(Vec::new(), metrics.scale_changes)];
        let help = "Times that the shared store's clock was found to have been set";
        counters(encoder, "shared_scale_changes", help, changes)?;
        let uncertainty = metrics.uncertainty.map(|span| (Vec::new(), span.as_secs_f64()));
        let help = "How well the time by the shared store's clock is known";
        seconds(encoder, "shared_time_uncertainty", help, uncertainty)
    }
}

fn by_outcome<'a>(
    outcomes: &'a BTreeMap<&'static str, u64>,
) -> impl Iterator<Item = Series<'a, u64>> {
    outcomes.iter().map(|(outcome, times)| (vec![("outcome", *outcome)], *times))
}
