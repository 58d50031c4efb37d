//! What was sent, and what came of it.

use std::fmt;

use chrono::{DateTime, Utc};

/// One attempt to deliver a message of a [channel](crate::Channel), or the loss of one.
///
/// `Debug` shows neither body nor authorization.
///
/// ```
/// use okta_sandbox::{Delivery, DeliveryOutcome};
///
/// fn was_taken(delivery: &Delivery) -> bool {
///     delivery.outcome() == DeliveryOutcome::Answered(204)
/// }
/// ```
#[derive(Clone)]
pub struct Delivery {
    pub(super) at: DateTime<Utc>,
    pub(super) id: String,
    pub(super) event_id: String,
    pub(super) event_type: &'static str,
    pub(super) attempt: u32,
    pub(super) body: String,
    pub(super) authorization: Option<String>,
    pub(super) outcome: DeliveryOutcome,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DeliveryOutcome {
    /// An answer with this HTTP status.
    Answered(u16),
    /// No answer within the channel's time.
    TimedOut,
    /// No connection, no TLS, or no HTTP.
    Failed,
    /// Nothing was sent: a fault has it [lost](crate::ChannelFaults::lose).
    Lost,
}

impl Delivery {
    /// When it was sent, by the server's clock.
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// What names the message, and is the same for each attempt: the `jti` of a JWT, the `eventId` of
    /// an event hook, the `id` of an EventBridge envelope.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The `uuid` of the event in the System Log that it tells of.
    pub fn event_id(&self) -> &str {
        &self.event_id
    }

    /// The type of that event, such as `user.session.end`.
    pub fn event_type(&self) -> &str {
        self.event_type
    }

    /// Which attempt it was, from 1 on.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What came of it.
    pub fn outcome(&self) -> DeliveryOutcome {
        self.outcome
    }

    /// Whether the receiver took it: an answer of 2xx.
    pub fn is_taken(&self) -> bool {
        matches!(self.outcome, DeliveryOutcome::Answered(200..=299))
    }

    /// The body as it was sent, for sending it again.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The `authorization` header as it was sent, if there was one.
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

impl DeliveryOutcome {
    /// Whether an event hook sends it once more: 5xx, and no answer at all.
    pub(super) fn is_retried(self) -> bool {
        match self {
            Self::Answered(status) => status >= 500,
            Self::TimedOut | Self::Failed => true,
            Self::Lost => false,
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("at", &self.at)
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .field("attempt", &self.attempt)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}
