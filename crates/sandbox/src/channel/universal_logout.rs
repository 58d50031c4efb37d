//! Universal Logout: Global Token Revocation
//! (draft-parecki-oauth-global-token-revocation-06), as Okta sends it.

use serde_json::json;

use super::message::{Message, Sender};
use super::settings::LogoutSubject;
use crate::model::authority::Authority;
use crate::model::event::LogEvent;
use crate::model::event_type::UNIVERSAL_LOGOUT;
use crate::oauth::signing;

/// How long a JWT is good, before and after it is made.
const LIFETIME_SECS: i64 = 5 * 60;

pub(super) fn is_about(event: &LogEvent) -> bool {
    event.event_type == UNIVERSAL_LOGOUT.id && event.outcome.result == "SUCCESS"
}

pub(super) fn message(
    sender: &Sender<'_>,
    client_id: &str,
    subject: LogoutSubject,
    event: &LogEvent,
) -> Option<Message> {
    let user = event.target.iter().find(|target| target.kind == "User")?;
    let sub_id = match subject {
        LogoutSubject::IssuerAndId => {
            json!({"format": "iss_sub", "iss": sender.org, "sub": user.id})
        }
        LogoutSubject::Email => {
            let known = sender.world.state().user(&user.id).map(|user| user.email().to_owned());
            json!({"format": "email", "email": known.or_else(|| user.alternate_id.clone())})
        }
    };
    let (id, now) = (sender.world.identifier(), sender.now.timestamp());
    let claims = json!({
        "jti": id,
        "iss": sender.org,
        "sub": client_id,
        "aud": sender.url,
        "iat": now,
        "nbf": now - LIFETIME_SECS,
        "exp": now + LIFETIME_SECS,
    });
    let key = signing::key(Authority::Org.id_token_key());
    let token = key.sign(Some("global-token-revocation+jwt"), &claims);
    let message = Message::json(id, event, &json!({"sub_id": sub_id}));
    Some(Message { authorization: Some(format!("Bearer {token}")), ..message })
}
