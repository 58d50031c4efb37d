//! The introspection endpoint ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)).

use hyper::StatusCode;
use serde_json::{Value, json};

use super::client_auth;
use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::refusal::Refusal;
use crate::model::app::App;
use crate::model::tokens::{Issued, TokenKind};

/// `POST …/v1/introspect`: any app of the org may ask about any token of this server, apart from the
/// refresh tokens of other apps.
///
/// The hint is not needed to find a token, so it is ignored, as
/// [RFC 7662 §2.1](https://www.rfc-editor.org/rfc/rfc7662#section-2.1) allows.
pub(crate) fn endpoint(call: &Call<'_>) -> Result<Answer, Refusal> {
    let form = call.request.form()?;
    let app = client_auth::authenticate(call, &form)?;
    let token = form
        .member("token")
        .ok_or_else(|| Refusal::request("The 'token' parameter is required."))?;
    let state = call.world.state();
    let issued = state.active_token(&call.authority, token, call.now);
    let body = match issued.filter(|issued| may_ask(&app, issued)) {
        Some(issued) if issued.kind == TokenKind::Refresh => active_refresh_token(issued),
        Some(issued) => active(issued),
        // Not a word about the reason: RFC 7662 §2.2.
        None => json!({"active": false}),
    };
    Ok(Answer::json(StatusCode::OK, &body))
}

fn may_ask(app: &App, issued: &Issued) -> bool {
    issued.kind != TokenKind::Refresh || issued.client_id == app.client_id
}

/// As Okta's example has it: less than of an access token.
fn active_refresh_token(issued: &Issued) -> Value {
    json!({
        "active": true,
        "token_type": "Bearer",
        "scope": issued.scopes,
        "client_id": issued.client_id,
        "username": issued.subject,
        "exp": issued.expires_at,
        "sub": issued.subject,
    })
}

fn active(issued: &Issued) -> Value {
    let mut body = json!({
        "active": true,
        "client_id": issued.client_id,
        "sub": issued.subject,
        "aud": issued.audience,
        "iss": issued.issuer,
        "jti": issued.jti,
        "exp": issued.expires_at,
        "iat": issued.issued_at,
        "token_type": issued.token_type(),
    });
    if issued.kind == TokenKind::Access {
        body["scope"] = json!(issued.scopes);
        if let Some(user_id) = &issued.user_id {
            body["uid"] = user_id.as_str().into();
            body["username"] = issued.subject.as_str().into();
        }
    }
    if let Some(jkt) = &issued.jkt {
        // RFC 9449 §6.2
        body["cnf"] = json!({"jkt": jkt});
    }
    body
}
