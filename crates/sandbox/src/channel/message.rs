//! One message, ready to be sent.

use chrono::{DateTime, Utc};

use super::settings::Kind;
use super::{event_bridge, event_hook, security_event, universal_logout};
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

impl Kind {
    /// Whether it has a message for this event.
    pub(super) fn wants(&self, event: &LogEvent) -> bool {
        match self {
            Self::UniversalLogout { .. } => universal_logout::is_about(event),
            Self::SecurityEvents { .. } => security_event::is_about(event),
            Self::EventHook { event_types } => event_hook::wants(event_types, event.event_type),
            Self::EventBridge => true,
        }
    }

    /// The message about an event that it wants.
    pub(super) fn message(&self, sender: &Sender<'_>, event: &LogEvent) -> Option<Message> {
        match self {
            Self::UniversalLogout { client_id, subject } => {
                universal_logout::message(sender, client_id, *subject, event)
            }
            Self::SecurityEvents { audience } => security_event::message(sender, audience, event),
            Self::EventHook { .. } => Some(event_hook::message(sender, event)),
            Self::EventBridge => Some(event_bridge::message(sender, event)),
        }
    }

    /// Whether it signs what it sends.
    pub(super) fn signs(&self) -> bool {
        matches!(self, Self::UniversalLogout { .. } | Self::SecurityEvents { .. })
    }

    /// How often it tries.
    pub(super) fn attempts(&self) -> u32 {
        if matches!(self, Self::EventHook { .. }) { 2 } else { 1 }
    }
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
