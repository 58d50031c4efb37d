//! Which message each kind of channel has about an event.

use super::message::{Message, Sender};
use super::settings::Kind;
use super::{event_bridge, event_hook, security_event, universal_logout};
use crate::model::event::LogEvent;

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
