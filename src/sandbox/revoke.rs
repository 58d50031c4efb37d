//! The revocation endpoint ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)).

use hyper::{Method, StatusCode};

use super::answer::{Answer, Refusal};
use super::call::Call;
use super::client_auth;
use super::log::{Entry, LogEntity};
use super::mint;
use super::tokens::{Digest, Issued, TokenKind};

/// `POST …/v1/revoke`: a client revokes tokens of its own. The answer is 200 whatever was sent
/// ([RFC 7009 §2.2](https://www.rfc-editor.org/rfc/rfc7009#section-2.2)), also for the tokens of
/// others and for ID tokens, which stay as they are.
pub(super) fn endpoint(call: &Call<'_>) -> Result<Answer, Refusal> {
    call.expect_method(&Method::POST)?;
    let form = call.request.form()?;
    let app = client_auth::authenticate(call, &form)?;
    let text = form
        .member("token")
        .ok_or_else(|| Refusal::request("The 'token' parameter is required."))?;
    if let Some(issued) = revoke(call, text, &app.client_id) {
        call.log(Entry {
            event_type: call.authority.revoke_event(),
            actor: LogEntity::client(&app),
            target: vec![mint::entity(text, &issued)],
            failure: None,
            request_id: None,
        });
    }
    Ok(Answer::empty(StatusCode::OK))
}

/// Revokes the token if it is good, of this server, and of this client.
fn revoke(call: &Call<'_>, token: &str, client_id: &str) -> Option<Issued> {
    let mut state = call.sandbox.state();
    let issued = state.active_token(&call.authority, token, call.now)?.clone();
    if issued.client_id != client_id || issued.kind != TokenKind::Access {
        return None;
    }
    state.tokens.revoke(&Digest::of(token)).then_some(issued)
}
