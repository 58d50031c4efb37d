//! What is given: how a service is to be run.

use std::time::Duration;

use crate::checker::SignalMode;

/// How a service is to be run. Bounds are checked by [`estimate`](Self::estimate).
///
/// # Example: ten instances that share what they know
///
/// ```
/// use std::time::Duration;
/// use okta_introspect::plan::Plan;
///
/// let mut plan = Plan::new(5000, Duration::from_secs(60));
/// plan.instances = 10;
/// plan.shared = true;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// How many tokens are in use at a time, in the whole service. Bounds: 1 to 100 million.
    pub tokens: u64,
    /// How old an answer may be. Bounds: 1 ms to 24 h.
    pub max_age: Duration,
    /// How often one token is presented in a minute, to all instances together. Default: `None`, so
    /// often that every instance always needs it, which is the most. Bounds: above 0, to 1 billion.
    pub checks: Option<f64>,
    /// As [`CheckerConfig::refresh_ahead`](crate::checker::CheckerConfig::refresh_ahead). Default: on.
    pub refresh_ahead: bool,
    /// How many instances there are. Default: 1. Bounds: 1 to 1 million.
    pub instances: u64,
    /// Whether they share a second level. Default: no.
    pub shared: bool,
    /// As [`CheckerConfig::signals`](crate::checker::CheckerConfig::signals): anything but
    /// [`Off`](SignalMode::Off) follows the System Log here, and
    /// [`Extend`](SignalMode::Extend) is for all routes. Default: off.
    pub signals: SignalMode,
    /// As [`CheckerConfig::extension_limit`](crate::checker::CheckerConfig::extension_limit).
    /// Default: 5 min. Bounds: 1 ms to 24 h.
    pub extension_limit: Duration,
    /// The time between two questions to the log. Default: 2 s. Bounds: 1 s to 1 h.
    pub interval: Duration,
    /// How late the log tells of an event. Okta says "near real time" and no figure. Default: 1 s, the
    /// least that is counted with. Bounds: at most 1 h.
    pub log_lag: Duration,
    /// How many calls a minute the server lets this app make: its `X-Rate-Limit-Limit`. Default: 600,
    /// half of the 1200 that Okta last published for enterprise orgs. Bounds: 1 to 1 billion.
    pub limit: u64,
    /// As [`CheckerConfig::rate_share_percent`](crate::checker::CheckerConfig::rate_share_percent).
    /// Default: 90. Bounds: 1 to 100.
    pub share_percent: u8,
    /// The same limit of the log. Default: 60, half of the 120 that Okta last published for workforce
    /// orgs. Bounds: 1 to 1 billion.
    pub log_limit: u64,
}

impl Plan {
    /// So many tokens in use under this bound, one instance, and the rest by default.
    pub fn new(tokens: u64, max_age: Duration) -> Self {
        Self {
            tokens,
            max_age,
            checks: None,
            refresh_ahead: true,
            instances: 1,
            shared: false,
            signals: SignalMode::Off,
            extension_limit: Duration::from_secs(5 * 60),
            interval: Duration::from_secs(2),
            log_lag: Duration::from_secs(1),
            limit: 600,
            share_percent: 90,
            log_limit: 60,
        }
    }
}
