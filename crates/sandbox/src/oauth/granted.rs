//! What a token request asks for, and what it is given, whatever the grant.

use hyper::StatusCode;
use serde_json::json;

use super::dpop::DPOP_NONCE;
use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::form::Form;
use crate::message::refusal::Refusal;
use crate::model::app::App;
use crate::model::authority::Authority;
use crate::model::custom_server::CustomServer;
use crate::model::scopes::Scopes;
use crate::model::tokens::{Issued, TokenKind};

/// What was granted.
pub(super) struct Granted {
    /// The access token.
    pub(super) token: String,
    pub(super) issued: Issued,
    /// The refresh token to use from now on, and what is known of it if it is another one.
    pub(super) refresh_token: Option<(String, Option<Issued>)>,
    pub(super) id_token: Option<(String, Issued)>,
    /// The DPoP nonce for the next request, if it is another one than for this.
    pub(super) nonce: Option<String>,
}

impl Granted {
    /// The tokens that there were not before.
    pub(super) fn new_tokens(&self) -> impl Iterator<Item = (&str, &Issued)> {
        let refresh = self.refresh_token.as_ref();
        let refresh = refresh.and_then(|(token, issued)| Some((token, issued.as_ref()?)));
        let id = self.id_token.as_ref().map(|(token, issued)| (token, issued));
        let all = [Some((&self.token, &self.issued)), refresh, id].into_iter().flatten();
        all.map(|(token, issued)| (token.as_str(), issued))
    }

    pub(super) fn into_answer(self) -> Answer {
        let mut body = json!({
            "token_type": self.issued.token_type(),
            "expires_in": self.issued.expires_at - self.issued.issued_at,
            "access_token": self.token,
            "scope": self.issued.scopes,
        });
        let refresh_token = self.refresh_token.map(|(token, _)| (TokenKind::Refresh, token));
        let id_token = self.id_token.map(|(token, _)| (TokenKind::Id, token));
        for (kind, token) in refresh_token.into_iter().chain(id_token) {
            body[kind.name()] = token.into();
        }
        let answer = Answer::json(StatusCode::OK, &body);
        match self.nonce {
            Some(nonce) => answer.add(DPOP_NONCE, &nonce),
            None => answer,
        }
    }
}

/// What the request names as scopes; what is none is none that the server knows.
pub(super) fn requested_scopes(call: &Call<'_>, form: &Form) -> Result<Scopes, Refusal> {
    Scopes::parse(form.member("scope").unwrap_or_default()).ok_or_else(|| {
        Refusal::scope(match call.authority {
            Authority::Org => CUSTOM_SCOPES,
            Authority::Custom { .. } => UNKNOWN_SCOPES,
        })
    })
}

/// Whether the server's access policy names the client.
pub(super) fn check_policy(app: &App, server: &CustomServer) -> Result<(), Refusal> {
    match server.clients.as_ref().is_some_and(|clients| !clients.contains(&app.client_id)) {
        true => Err(Refusal::oauth(
            StatusCode::UNAUTHORIZED,
            "access_denied",
            "Policy evaluation failed for this request, please check the policy configurations.",
        )),
        false => Ok(()),
    }
}

pub(super) const CUSTOM_SCOPES: &str = "Custom scopes are not allowed for this request.";

pub(super) const UNKNOWN_SCOPES: &str =
    "One or more scopes are not configured for the authorization server resource.";
