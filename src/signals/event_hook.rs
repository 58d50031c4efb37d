//! Okta's event hooks
//! ([event hooks](https://developer.okta.com/docs/concepts/event-hooks/)).

use serde::Deserialize as _;
use serde_json::Value;

use super::event::LogEvent;
use super::header_secret::HeaderSecret;
use super::refusal::SignalRefusal;
use crate::error::Error;
use crate::secret::Secret;
use crate::support::json::Object;

/// What is received of Okta's event hooks: requests with a fixed secret in a header, at least once
/// each, in any order. Revocations of single tokens are not among their events.
///
/// # Example
///
/// ```
/// use okta_introspect::signals::EventHook;
/// use okta_introspect::{Error, Secret};
///
/// fn hook(secret: Secret) -> Result<EventHook, Error> {
///     EventHook::new(&secret)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct EventHook {
    pub(super) secret: HeaderSecret,
}

impl EventHook {
    /// The longest challenge that is answered, in bytes.
    pub const MAX_CHALLENGE: usize = 512;

    /// Hooks with this secret in `Authorization`, which is where Okta puts it unless it is told
    /// otherwise.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the secret has fewer than 16 characters
    /// or more than 4096, cannot stand in a header, or looks like a signed JWT.
    pub fn new(secret: &Secret) -> Result<Self, Error> {
        Self::in_header("authorization", secret)
    }

    /// Hooks with this secret in another header.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), and if the header's name is none.
    pub fn in_header(header: &str, secret: &Secret) -> Result<Self, Error> {
        Ok(Self { secret: HeaderSecret::new("of event hooks", header, secret)? })
    }

    /// What the challenge of the one-time verification is answered with: the same, as JSON.
    pub(super) fn challenge(value: &[u8]) -> Result<String, SignalRefusal> {
        let is_visible = value.iter().all(|byte| (b'!'..=b'~').contains(byte));
        match std::str::from_utf8(value) {
            Ok(text) if is_visible && (1..=Self::MAX_CHALLENGE).contains(&text.len()) => {
                Ok(serde_json::json!({ "verification": text }).to_string())
            }
            _ => Err(SignalRefusal::Challenge),
        }
    }

    /// The events of a request.
    pub(super) fn read(body: &[u8]) -> Result<Vec<LogEvent>, SignalRefusal> {
        let mut body = Object::parse(body).map_err(|_| SignalRefusal::Malformed)?.into_map();
        let is_hook = body.get("eventType").and_then(Value::as_str) == Some("com.okta.event_hook");
        let events = body.get_mut("data").and_then(|data| data.get_mut("events")).map(Value::take);
        match events {
            Some(Value::Array(events)) if is_hook => {
                let events = events.into_iter().map(LogEvent::deserialize);
                events.collect::<Result<_, _>>().map_err(|_| SignalRefusal::Malformed)
            }
            _ => Err(SignalRefusal::Malformed),
        }
    }
}
