//! One message, ready to be sent.

use chrono::{DateTime, Utc};

use crate::model::event::LogEvent;
use crate::world::World;

/// What goes out about one event.
#[derive(Clone)]
pub(super) struct Message {
    /// What names it: a `jti`, an `eventId`, an envelope's `id`.
    pub(super) id: String,
    pub(super) event_id: String,
    pub(super) event_type: &'static str,
    pub(super) content_type: &'static str,
    /// In place of a fixed one.
    pub(super) authorization: Option<String>,
    pub(super) body: String,
}

/// What messages are made of, besides the event.
pub(super) struct Sender<'a> {
    pub(super) world: &'a World,
    /// The org's issuer.
    pub(super) org: &'a str,
    /// Where the message goes, as the channel was given it.
    pub(super) url: &'a str,
    /// Names the channel, as Okta's ids of hooks and streams.
    pub(super) channel_id: &'a str,
    pub(super) now: DateTime<Utc>,
}

impl Message {
    pub(super) fn json(id: String, event: &LogEvent, body: &serde_json::Value) -> Self {
        Self {
            id,
            event_id: event.uuid.clone(),
            event_type: event.event_type,
            content_type: "application/json",
            authorization: None,
            body: body.to_string(),
        }
    }
}
