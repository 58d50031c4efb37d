//! Counters, durations by size, and how both are told to Prometheus.

pub(crate) mod counts;
pub(crate) mod histogram;
#[cfg(feature = "prometheus")]
pub(crate) mod prometheus;
