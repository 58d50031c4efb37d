//! What the sidecar itself counts, beside the counters of the checker.

mod durations;
mod encode;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{Response, StatusCode};

use durations::Durations;

/// The counters of one process. Counting is a few additions to atomic numbers; everything else is
/// done when the metrics are asked for, by the `Collector` of `prometheus-client` that this is.
///
/// | name | labels |
/// |---|---|
/// | `http_server_request_duration_seconds` (histogram, from 50 µs) | `listener`, `outcome` |
/// | `okta_introspect_connections_open` | `listener` |
/// | `okta_introspect_connections_refused_total` | `listener`, `reason` ([`Refusal`]) |
/// | `okta_introspect_connections_closed_total`: before their peer closed them | `listener`, `reason` ([`Closed`]) |
/// | `okta_introspect_refusals_total`: requests, by what they were refused for | `reason` |
/// | `okta_introspect_config_reload_successful`: whether the configuration that was read last is in force, 0 or 1 | |
/// | `okta_introspect_config_reload_success_timestamp_seconds` | |
/// | `okta_introspect_config_reload_failures_total` | |
///
/// # Example: beside the checker's, in one registry
///
/// ```
/// use okta_introspect_serve::metrics::Metrics;
/// use prometheus_client::encoding::text::encode;
/// use prometheus_client::registry::Registry;
///
/// let metrics = Metrics::new(["ambiguous_path"]);
/// metrics.refused("ambiguous_path");
/// let mut registry = Registry::default();
/// registry.register_collector(Box::new(metrics));
/// let mut text = String::new();
/// encode(&mut text, &registry)?;
/// assert!(text.contains("okta_introspect_refusals_total{reason=\"ambiguous_path\"} 1"));
/// # Ok::<(), std::fmt::Error>(())
/// ```
#[derive(Debug)]
pub struct Metrics {
    listeners: Mutex<Vec<Arc<ListenerMetrics>>>,
    refusals: Vec<(&'static str, AtomicU64)>,
    /// In milliseconds since 1970; zero before the first.
    reloaded: AtomicU64,
    reload_failures: AtomicU64,
    /// Whether the last one was taken.
    is_reloaded: AtomicBool,
}

/// What is counted of one listener.
#[derive(Debug)]
pub struct ListenerMetrics {
    name: String,
    durations: [Durations; Outcome::ALL.len()],
    open: AtomicU64,
    refused: [AtomicU64; Refusal::ALL.len()],
    closed: [AtomicU64; Closed::ALL.len()],
}

/// What became of a request, for its metric. A response carries it as an extension; without one
/// its status says it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The caller may let the request in, or was told about a token.
    Allowed,
    /// The token is inactive or does not suffice.
    Denied,
    /// No answer could be had.
    Unknown,
    /// The question itself was not accepted: misconfigured, ambiguous, not by a known caller, too
    /// many.
    Refused,
    /// Everything else, such as metadata.
    Other,
}

/// Why a connection was not served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// As many as this listener may have are open.
    ListenerLimit,
    /// As many as the process may have are open.
    TotalLimit,
    /// The TLS handshake failed.
    Handshake,
}

/// Why a connection was closed before its peer closed it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Closed {
    /// The head of a request did not come in time.
    SlowHead,
    /// A request was not answered in time.
    SlowRequest,
    /// Nothing was asked for long.
    Idle,
    /// What came was not HTTP, or too large.
    Protocol,
    /// The process ended.
    Shutdown,
}

impl Metrics {
    /// Counters at zero. `reasons` are the names under which requests can be refused; each is there
    /// from the start, so that its first time is an increase.
    pub fn new(reasons: impl IntoIterator<Item = &'static str>) -> Arc<Self> {
        let refusals = reasons.into_iter().chain([OTHER]);
        Arc::new(Self {
            listeners: Mutex::default(),
            refusals: refusals.map(|reason| (reason, AtomicU64::new(0))).collect(),
            reloaded: AtomicU64::new(0),
            reload_failures: AtomicU64::new(0),
            is_reloaded: AtomicBool::new(false),
        })
    }

    /// The counters of the listener of this name, which are made when they are first asked for.
    pub fn listener(&self, name: &str) -> Arc<ListenerMetrics> {
        let mut listeners = self.listeners();
        if let Some(known) = listeners.iter().find(|listener| listener.name == name) {
            return Arc::clone(known);
        }
        let new = Arc::new(ListenerMetrics::new(name));
        listeners.push(Arc::clone(&new));
        new
    }

    /// A request was refused for this reason; one that [`new`](Self::new) was not told of counts as
    /// `other`.
    pub fn refused(&self, reason: &str) {
        let known = self.refusals.iter().find(|(name, _)| *name == reason);
        if let Some((_, count)) = known.or_else(|| self.refusals.last()) {
            add(count);
        }
    }

    /// A configuration was loaded at this time.
    pub fn reloaded(&self, now: DateTime<Utc>) {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        self.reloaded.store(millis, Ordering::Relaxed);
        self.is_reloaded.store(true, Ordering::Relaxed);
    }

    /// A configuration was not taken.
    pub fn reload_failed(&self) {
        add(&self.reload_failures);
        self.is_reloaded.store(false, Ordering::Relaxed);
    }

    /// How many configurations were not taken.
    pub fn reload_failures(&self) -> u64 {
        self.reload_failures.load(Ordering::Relaxed)
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Arc<ListenerMetrics>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ListenerMetrics {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            durations: Default::default(),
            open: AtomicU64::new(0),
            refused: Default::default(),
            closed: Default::default(),
        }
    }

    /// A request has been answered after this time.
    pub fn answered(&self, outcome: Outcome, duration: Duration) {
        self.durations[outcome as usize].add(duration);
    }

    /// How many requests have ended so.
    pub fn requests(&self, outcome: Outcome) -> u64 {
        self.durations[outcome as usize].read().count
    }

    /// A connection was not served.
    pub fn refused(&self, reason: Refusal) {
        add(&self.refused[reason as usize]);
    }

    /// How many connections were not served for this reason.
    pub fn refusals(&self, reason: Refusal) -> u64 {
        self.refused[reason as usize].load(Ordering::Relaxed)
    }

    /// A connection was closed by this side.
    pub fn closed(&self, reason: Closed) {
        add(&self.closed[reason as usize]);
    }

    /// How many connections this side closed for this reason.
    pub fn closures(&self, reason: Closed) -> u64 {
        self.closed[reason as usize].load(Ordering::Relaxed)
    }

    /// Counts a connection as open until what is returned is dropped.
    pub fn open(self: &Arc<Self>) -> Open {
        add(&self.open);
        Open(Arc::clone(self))
    }

    /// How many connections are open.
    pub fn connections(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }
}

/// A connection that counts as open.
#[derive(Debug)]
#[must_use]
pub struct Open(Arc<ListenerMetrics>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Allowed, Self::Denied, Self::Unknown, Self::Refused, Self::Other];

    /// The label of the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::Other => OTHER,
        }
    }

    /// What the response says of itself, or what its status means.
    pub fn of<B>(response: &Response<B>) -> Self {
        response.extensions().get().copied().unwrap_or_else(|| Self::by_status(response.status()))
    }

    /// Says it in a response, unless its status does.
    pub(crate) fn mark<B>(self, response: &mut Response<B>) {
        if Self::by_status(response.status()) != self {
            response.extensions_mut().insert(self);
        }
    }

    fn by_status(status: StatusCode) -> Self {
        match status {
            status if status.is_success() => Self::Allowed,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Denied,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unknown,
            StatusCode::NOT_FOUND => Self::Other,
            status if status.is_client_error() || status.is_server_error() => Self::Refused,
            _ => Self::Other,
        }
    }
}

impl Refusal {
    const ALL: [Self; 3] = [Self::ListenerLimit, Self::TotalLimit, Self::Handshake];

    /// The label of the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ListenerLimit => "listener_limit",
            Self::TotalLimit => "total_limit",
            Self::Handshake => "handshake",
        }
    }
}

impl Closed {
    const ALL: [Self; 5] =
        [Self::SlowHead, Self::SlowRequest, Self::Idle, Self::Protocol, Self::Shutdown];

    /// The label of the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SlowHead => "slow_head",
            Self::SlowRequest => "slow_request",
            Self::Idle => "idle",
            Self::Protocol => "protocol",
            Self::Shutdown => "shutdown",
        }
    }
}

/// The reason of what has none of the known ones.
const OTHER: &str = "other";

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Refused;
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    fn text(metrics: &Arc<Metrics>) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(metrics)));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn everything_that_is_counted_is_shown_under_its_documented_name() {
        let metrics = Metrics::new(["ambiguous_path"]);
        let listener = metrics.listener("authz");
        listener.answered(Outcome::Allowed, Duration::from_micros(40));
        listener.answered(Outcome::Allowed, Duration::from_micros(60));
        listener.refused(Refusal::TotalLimit);
        listener.closed(Closed::SlowHead);
        let open = listener.open();
        metrics.refused("ambiguous_path");
        metrics.refused("nobody told of this");
        metrics.reload_failed();
        assert!(text(&metrics).contains("\nokta_introspect_config_reload_successful 0\n"));
        metrics.reloaded(DateTime::from_timestamp_millis(1_500).unwrap());
        let shown = text(&metrics);
        for line in [
            r#"http_server_request_duration_seconds_bucket{le="0.00005",listener="authz",outcome="allowed"} 1"#,
            r#"http_server_request_duration_seconds_bucket{le="0.0001",listener="authz",outcome="allowed"} 2"#,
            r#"http_server_request_duration_seconds_count{listener="authz",outcome="denied"} 0"#,
            r#"okta_introspect_connections_open{listener="authz"} 1"#,
            r#"okta_introspect_connections_refused_total{listener="authz",reason="total_limit"} 1"#,
            r#"okta_introspect_connections_closed_total{listener="authz",reason="slow_head"} 1"#,
            r#"okta_introspect_refusals_total{reason="ambiguous_path"} 1"#,
            r#"okta_introspect_refusals_total{reason="other"} 1"#,
            "okta_introspect_config_reload_successful 1",
            "okta_introspect_config_reload_success_timestamp_seconds 1.5",
            "okta_introspect_config_reload_failures_total 1",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
        }
        drop(open);
        assert!(text(&metrics).contains("connections_open{listener=\"authz\"} 0"));
    }

    #[test]
    fn the_alerts_ask_for_what_is_counted() {
        let alerts = include_str!("../../../../packaging/prometheus/sidecar.alerts.yml");
        let metrics = Metrics::new(Refused::NAMES.into_iter().chain(["caller_over_budget"]));
        metrics.listener("authz");
        let shown = text(&metrics);
        let name = regex::Regex::new(r"\b(?:okta_introspect|http_server)_[a-z_]+").unwrap();
        let names: Vec<_> = name.find_iter(alerts).map(|found| found.as_str()).collect();
        assert!(names.len() >= 5, "{names:?}");
        for name in names {
            let is_it = |line: &str| line.split(['{', ' ']).next() == Some(name);
            assert!(shown.lines().any(is_it), "{name}");
        }
        let label = regex::Regex::new(r#"(\w+)=~?"([^"]+)""#).unwrap();
        for found in label.captures_iter(alerts) {
            for value in found[2].split('|') {
                let shows = format!("{}=\"{value}\"", &found[1]);
                assert!(shown.contains(&shows), "{shows}");
            }
        }
    }

    #[test]
    fn a_listener_has_one_set_of_counters_however_often_it_is_named() {
        let metrics = Metrics::new([]);
        metrics.listener("a").refused(Refusal::ListenerLimit);
        metrics.listener("b");
        assert_eq!(metrics.listener("a").refusals(Refusal::ListenerLimit), 1);
        assert_eq!(text(&metrics).matches("connections_open{").count(), 2);
    }

    #[test]
    fn a_response_says_its_outcome_or_its_status_does() {
        let response = |status| Response::builder().status(status).body(()).unwrap();
        for (status, outcome) in [
            (200, Outcome::Allowed),
            (401, Outcome::Denied),
            (403, Outcome::Denied),
            (503, Outcome::Unknown),
            (400, Outcome::Refused),
            (429, Outcome::Refused),
            (500, Outcome::Refused),
            (404, Outcome::Other),
            (302, Outcome::Other),
        ] {
            assert_eq!(Outcome::of(&response(status)), outcome, "{status}");
        }
        let mut grpc = response(200);
        Outcome::Allowed.mark(&mut grpc);
        assert!(grpc.extensions().is_empty(), "an allocation that nobody needs");
        Outcome::Denied.mark(&mut grpc);
        assert_eq!(Outcome::of(&grpc), Outcome::Denied);
    }
}
