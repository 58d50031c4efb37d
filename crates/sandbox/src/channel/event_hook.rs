//! Event hooks: events of the System Log in Okta's envelope, which follows CloudEvents 0.1.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::message::{Message, Sender};
use crate::model::event::{LogEvent, text};

/// The header of a verification, whose value the receiver repeats.
pub(super) const CHALLENGE: &str = "x-okta-verification-challenge";

/// The eligible types among those after which a token may no longer be good, as of Okta's catalogue
/// 2026.08.1. Revocations of tokens are none.
const ELIGIBLE: [&str; 28] = [
    "app.oauth2.as.consent.revoke",
    "app.oauth2.as.consent.revoke.implicit.as",
    "app.oauth2.as.consent.revoke.implicit.client",
    "app.oauth2.as.consent.revoke.implicit.scope",
    "app.oauth2.as.consent.revoke.implicit.user",
    "app.oauth2.as.consent.revoke.user",
    "app.oauth2.as.consent.revoke.user.client",
    "app.oauth2.client.privilege.revoke",
    "application.lifecycle.deactivate",
    "application.lifecycle.delete",
    "application.lifecycle.update",
    "application.user_membership.remove",
    "group.user_membership.remove",
    "policy.lifecycle.update",
    "policy.rule.update",
    "user.account.lock",
    "user.account.reset_password",
    "user.account.update_password",
    "user.authentication.universal_logout",
    "user.authentication.universal_logout.scheduled",
    "user.lifecycle.deactivate",
    "user.lifecycle.delete.initiated",
    "user.lifecycle.suspend",
    "user.mfa.factor.reset_all",
    "user.risk.change",
    "user.session.clear",
    "user.session.context.change",
    "user.session.end",
];

pub(super) fn is_eligible(event_type: &str) -> bool {
    ELIGIBLE.contains(&event_type)
}

/// Whether a hook for these types, or with none for all, is told of this one.
pub(super) fn wants(event_types: &BTreeSet<String>, event_type: &str) -> bool {
    is_eligible(event_type) && (event_types.is_empty() || event_types.contains(event_type))
}

pub(super) fn message(sender: &Sender<'_>, event: &LogEvent) -> Message {
    let id = sender.world.uuid();
    let body = json!({
        "eventType": "com.okta.event_hook",
        "eventTypeVersion": "1.0",
        "cloudEventsVersion": "0.1",
        "source": format!("{}/api/v1/eventHooks/{}", sender.org, sender.channel_id),
        "eventId": id,
        "eventTime": text(sender.now),
        "contentType": "application/json",
        "data": {"events": [event]},
    });
    Message::json(id, event, &body)
}

/// Whether the answer to a verification repeats its challenge.
pub(super) fn repeats(answer: &[u8], challenge: &str) -> bool {
    let answer: Option<Value> = serde_json::from_slice(answer).ok();
    answer.is_some_and(|answer| answer["verification"] == challenge)
}
