//! What a receiver counts, in the format of Prometheus.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::SignalReceiver;
use crate::metrics::prometheus::counters;

/// Gives the [metrics](SignalReceiver::metrics) to a registry of `prometheus-client`:
/// `okta_introspect_signal_requests_total` by `source`, and
/// `okta_introspect_signal_refusals_total` by `source` and `reason`. What became of the signals
/// that were taken is counted by the [`Feed`](crate::signals::Feed).
impl Collector for SignalReceiver {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let metrics = self.metrics();
        let accepted = metrics.accepted.iter();
        let accepted = accepted.map(|(source, times)| (vec![("source", *source)], *times));
        let help = "Requests with signals that were taken";
        counters(&mut encoder, "signal_requests", help, accepted)?;
        let refused = metrics.refused.iter().map(|((source, reason), times)| {
            (vec![("source", *source), ("reason", *reason)], *times)
        });
        let help = "Requests that were refused where signals are received";
        counters(&mut encoder, "signal_refusals", help, refused)
    }
}
