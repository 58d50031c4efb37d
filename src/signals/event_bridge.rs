//! Okta's log streaming by way of Amazon EventBridge, whose API destinations post what they get.

use serde::Deserialize as _;
use serde_json::Value;

use super::event::LogEvent;
use super::header_secret::HeaderSecret;
use super::refusal::SignalRefusal;
use crate::error::Error;
use crate::secret::Secret;
use crate::support::json::Object;

/// What is received of Okta's log stream to Amazon EventBridge: the whole System Log, one event a
/// request, with the secret of the API destination's connection in a header of its own.
///
/// # Example
///
/// ```
/// use okta_introspect::signals::EventBridge;
/// use okta_introspect::{Error, Secret};
///
/// fn bridge(secret: Secret) -> Result<EventBridge, Error> {
///     EventBridge::new("x-signals-key", &secret)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct EventBridge {
    pub(super) secret: HeaderSecret,
}

impl EventBridge {
    /// Events with this secret in this header, as the connection of the API destination has them.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the secret has fewer than 16 characters
    /// or more than 4096, or one of the two cannot stand in a header.
    pub fn new(header: &str, secret: &Secret) -> Result<Self, Error> {
        Ok(Self { secret: HeaderSecret::new("of EventBridge", header, secret)? })
    }

    /// The event in the envelope.
    pub(super) fn read(body: &[u8]) -> Result<LogEvent, SignalRefusal> {
        let mut body = Object::parse(body).map_err(|_| SignalRefusal::Malformed)?.into_map();
        let source = body.get("source").and_then(Value::as_str).unwrap_or_default();
        if !is_okta(source) {
            return Err(SignalRefusal::Malformed);
        }
        match body.remove("detail") {
            Some(detail @ Value::Object(_)) => {
                LogEvent::deserialize(detail).map_err(|_| SignalRefusal::Malformed)
            }
            _ => Err(SignalRefusal::Malformed),
        }
    }
}

/// Whether the partner is Okta: `aws.partner/okta.com/{org}/{name}`.
fn is_okta(source: &str) -> bool {
    let rest = source.strip_prefix("aws.partner/okta.com");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_okta_is_the_partner() {
        assert!(is_okta("aws.partner/okta.com/acme/log"));
        assert!(is_okta("aws.partner/okta.com"));
        for other in ["", "aws.partner/okta.com.evil.example/acme", "aws.partner/auth0.com/acme"] {
            assert!(!is_okta(other), "{other}");
        }
    }
}
