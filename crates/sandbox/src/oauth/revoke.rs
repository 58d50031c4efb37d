//! The revocation endpoint ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)).

use hyper::StatusCode;

use super::{client_auth, issue};
use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::refusal::Refusal;
use crate::model::event::{Entry, LogEntity, LogResult};
use crate::model::tokens::{Digest, Issued};

/// `POST …/v1/revoke`: a client revokes tokens of its own. The answer is 200 whatever was sent
/// ([RFC 7009 §2.2](https://www.rfc-editor.org/rfc/rfc7009#section-2.2)), also for the tokens of
/// others and for ID tokens, which stay as they are.
pub(crate) fn endpoint(call: &Call<'_>) -> Result<Answer, Refusal> {
    let form = call.request.form()?;
    let app = client_auth::authenticate(call, &form)?;
    let text = form
        .member("token")
        .ok_or_else(|| Refusal::request("The 'token' parameter is required."))?;
    if let Some(issued) = revoke(call, text, &app.client_id) {
        call.log(Entry {
            event_type: call.authority.revoke_event(),
            actor: LogEntity::client(&app),
            target: issue::entities(call.world, text, &issued),
            result: LogResult::Success,
            debug: client_auth::debug_data(&app),
        });
    }
    Ok(Answer::empty(StatusCode::OK))
}

/// Revokes the token if it is good, of this server, and of this client; a refresh token with the access
/// tokens that go back to it.
fn revoke(call: &Call<'_>, token: &str, client_id: &str) -> Option<Issued> {
    let mut state = call.world.state();
    let issued = state.active_token(&call.authority, token, call.now)?.clone();
    if issued.client_id != client_id {
        return None;
    }
    state.tokens.revoke(&Digest::of(token)).then_some(issued)
}
