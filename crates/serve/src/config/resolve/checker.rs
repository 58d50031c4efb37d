//! The settings of the checker.

use std::time::Duration;

use okta_introspect::checker::CheckerConfig;

use super::{ENVOY_TIMEOUT, section, within};
use crate::config::document::{CheckerDocument, Span};
use crate::config::faults::Faults;
use crate::config::tree::Node;
use crate::error::Fault;

pub(super) const HOUR: Duration = Duration::from_secs(3600);

const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) const MILLISECOND: Duration = Duration::from_millis(1);

/// The default in mode `envoy`: leaves some of the proxy's own time for the answer.
const TIMEOUT_OF_ENVOY: Duration = Duration::from_millis(150);

/// Fewer than the library's: room for them is taken at once, and a sidecar stands beside each service.
const INACTIVE: usize = 25_000;

pub(super) fn resolve(root: &mut Node, faults: &mut Faults, is_envoy: bool) -> CheckerConfig {
    let mut config = CheckerConfig::default();
    config.inactive_capacity = INACTIVE;
    if is_envoy {
        config.timeout = TIMEOUT_OF_ENVOY;
    }
    let Some(written) = section::<CheckerDocument>(root, "checker", faults) else { return config };
    let mut span = |name: &str, span: Option<Span>, least, most, target: &mut Duration| {
        if let Some(span) = within(&format!("checker.{name}"), span, least, most, faults) {
            *target = span;
        }
    };
    let zero = Duration::ZERO;
    span("max_age_limit", written.max_age_limit, zero, DAY, &mut config.max_age_limit);
    // Where only the limit is given, it also lowers the default.
    config.max_age = config.max_age.min(config.max_age_limit);
    span("max_age", written.max_age, zero, config.max_age_limit, &mut config.max_age);
    span("inactive_max_age", written.inactive_max_age, zero, DAY, &mut config.inactive_max_age);
    span("stale_if_error", written.stale_if_error, zero, HOUR, &mut config.stale_if_error);
    span("timeout", written.timeout, MILLISECOND, HOUR, &mut config.timeout);
    config.capacity = written.capacity.unwrap_or(config.capacity);
    config.inactive_capacity = written.inactive_capacity.unwrap_or(config.inactive_capacity);
    config.refresh_ahead = written.refresh_ahead.unwrap_or(config.refresh_ahead);
    config.rate_share_percent = written.rate_share_percent.unwrap_or(config.rate_share_percent);
    config.max_newcomers = written.max_newcomers.unwrap_or(config.max_newcomers);
    warn_of_envoy("checker.timeout", written.timeout, is_envoy, faults);
    config
}

/// Says so if Envoy would have given up by the time.
pub(super) fn warn_of_envoy(
    place: &str,
    timeout: Option<Span>,
    is_envoy: bool,
    faults: &mut Faults,
) {
    if is_envoy && timeout.is_some_and(|timeout| timeout.0 >= ENVOY_TIMEOUT) {
        faults.warn(
            place,
            Fault::new("Envoy itself gives up after 200 ms unless it is told otherwise")
                .advise("write less, or set the timeout of ext_authz as well"),
        );
    }
}
