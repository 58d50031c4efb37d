//! Security event tokens ([RFC 8417](https://www.rfc-editor.org/rfc/rfc8417)) in the shapes in which
//! Okta's transmitter of the Shared Signals Framework sends them.

use serde_json::{Value, json};

use super::message::{Message, Sender};
use crate::model::authority::Authority;
use crate::model::event::LogEvent;
use crate::oauth::signing;

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const CREDENTIAL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/credential-change";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

pub(super) const CONTENT_TYPE: &str = "application/secevent+jwt";

pub(super) fn is_about(event: &LogEvent) -> bool {
    let is_known = event.event_type == "user.session.end" || change(event.event_type).is_some();
    is_known && event.outcome.result == "SUCCESS"
}

/// The credential's type, its name, and what became of it.
fn change(event_type: &str) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match event_type {
        "user.mfa.factor.activate" => ("phone-sms", "SMS_FACTOR", "create"),
        "user.mfa.factor.deactivate" => ("phone-sms", "SMS_FACTOR", "delete"),
        "user.mfa.factor.suspend" | "user.mfa.factor.unsuspend" | "user.mfa.factor.update" => {
            ("phone-sms", "SMS_FACTOR", "update")
        }
        "user.mfa.factor.reset_all" => ("ALL_FACTORS", "ALL_FACTORS", "revoke"),
        "user.account.reset_password" | "user.account.update_password" => {
            ("password", "PASSWORD_AS_FACTOR", "revoke")
        }
        _ => return None,
    })
}

/// The token about an event. Okta names the user in `subject.user` of a session, and in `subject`
/// itself of a credential.
pub(super) fn message(sender: &Sender<'_>, audience: &str, event: &LogEvent) -> Option<Message> {
    let user = event.target.iter().find(|target| target.kind == "User")?;
    let subject = json!({"format": "iss_sub", "iss": sender.org, "sub": user.id});
    let reason = json!({"en": event.display_message});
    let at = event.published.timestamp_millis();
    let (kind, told) = match change(event.event_type) {
        None => (
            SESSION_REVOKED,
            json!({"subject": {"user": subject}, "reason_admin": reason, "event_timestamp": at}),
        ),
        Some((credential, name, change)) => (
            CREDENTIAL_CHANGE,
            json!({
                "subject": subject,
                "credential_type": credential,
                "change_type": change,
                "friendly_name": name,
                "initiating_entity": "user",
                "reason_admin": reason,
                "event_timestamp": at,
            }),
        ),
    };
    let (id, body) = token(sender, audience, kind, told, None);
    let message = Message::json(id, event, &Value::Null);
    Some(Message { content_type: CONTENT_TYPE, body, ..message })
}

/// The token that asks the receiver to show that it is there.
pub(super) fn verification(sender: &Sender<'_>, audience: &str) -> String {
    let told = json!({"state": sender.world.identifier()});
    let stream = json!({"format": "opaque", "id": sender.channel_id});
    token(sender, audience, VERIFICATION, told, Some(stream)).1
}

/// Its `jti`, and the token.
fn token(
    sender: &Sender<'_>,
    audience: &str,
    kind: &str,
    told: Value,
    sub_id: Option<Value>,
) -> (String, String) {
    let id = format!("set-{}", sender.world.uuid().replace('-', ""));
    let mut claims = json!({
        "iss": sender.org,
        "aud": audience,
        "jti": id,
        "iat": sender.now.timestamp(),
        "events": {kind: told},
    });
    if let Some(sub_id) = sub_id {
        claims["sub_id"] = sub_id;
    }
    let key = signing::key(Authority::Org.id_token_key());
    (id, key.sign(Some("secevent+jwt"), &claims))
}
