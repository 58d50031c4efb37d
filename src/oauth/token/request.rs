//! A token request, whatever the grant: the answer becomes a token that can be used, or is refused.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::{AccessToken, Inner, TokenType};
use crate::credential::dpop::Prover;
use crate::error::Error;
use crate::oauth::revoke::revoke;
use crate::scope::Scopes;
use crate::secret::Token;
use crate::wire::call::Reply;
use crate::wire::form_post::{Form, FormClient, Target};
use crate::wire::server_numbers;

/// A successful answer (RFC 6749 §5.1). Members that are not listed are of no use here.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Token,
    token_type: String,
    #[serde(default, deserialize_with = "server_numbers::lifetime")]
    expires_in: Option<Duration>,
    scope: Option<Scopes>,
    refresh_token: Option<Token>,
    id_token: Option<Token>,
}

/// Where tokens are requested, and where those are revoked that are no use.
#[derive(Clone, Copy)]
pub(crate) struct TokenEndpoints<'a> {
    pub(crate) token: &'a Target,
    pub(crate) revocation: &'a Target,
}

/// Requests one service token.
pub(crate) async fn request(
    forms: &FormClient,
    endpoints: TokenEndpoints<'_>,
    scopes: &Scopes,
) -> Result<AccessToken, Error> {
    let scope = scopes.to_string();
    let fields = [("grant_type", "client_credentials"), ("scope", &scope)];
    let form =
        Form { token: None, fields: &fields, proves: true, send_time: None, repeatable_for: None };
    post(forms, endpoints, form).await.map(|(token, _)| token)
}

/// Posts a token request, and gives the token with what else the answer has.
pub(super) async fn post(
    forms: &FormClient,
    endpoints: TokenEndpoints<'_>,
    form: Form<'_>,
) -> Result<(AccessToken, Beside), Error> {
    let reply = forms.post(endpoints.token, form).await?;
    // Read by itself: whatever is wrong with the rest of the answer, it may be the only one to use.
    let replacing = serde_json::from_slice::<Replacing>(&reply.answer.body).ok();
    let replacing = replacing.and_then(|answer| answer.refresh_token);
    usable(forms, endpoints, reply)
        .await
        .map_err(|error| error.effect(true).with_refresh_token(replacing.as_ref()))
}

/// Of a successful answer, what must not get lost.
#[derive(Deserialize)]
struct Replacing {
    refresh_token: Option<Token>,
}

/// The token of a successful answer, if it can be used.
async fn usable(
    forms: &FormClient,
    endpoints: TokenEndpoints<'_>,
    mut reply: Reply,
) -> Result<(AccessToken, Beside), Error> {
    let answer: TokenAnswer = reply.json()?;
    reply.answer.received = Some(answer.access_token.secret().clone());
    let token_type = match answer.usable_type(forms.prover()) {
        Ok(token_type) => token_type,
        Err(useless) => {
            // It was issued all the same, and is good for whatever gets hold of it.
            let revoked = revoke(forms, endpoints.revocation, &answer.access_token, None).await;
            return Err(useless.into_error(&reply, revoked));
        }
    };
    let prover = || (Arc::clone(forms.prover()), Arc::clone(forms.server_time()));
    let inner = Inner {
        token: answer.access_token,
        scopes: answer.scope,
        lifetime: answer.expires_in,
        requested_at: reply.sent_at,
        prover: (token_type == TokenType::Dpop).then(prover),
    };
    let beside = Beside { refresh_token: answer.refresh_token, id_token: answer.id_token };
    Ok((AccessToken { inner: Arc::new(inner) }, beside))
}

/// What comes with a user's access token.
pub(super) struct Beside {
    pub(super) refresh_token: Option<Token>,
    pub(super) id_token: Option<Token>,
}

/// Why a token that was issued cannot be used.
#[derive(Clone, Copy)]
enum Useless {
    /// Bound tokens are required, and this one is not.
    Unbound,
    /// It is bound, and no proof was sent: to which key?
    BoundToNothing,
    /// Neither Bearer nor DPoP.
    UnknownType,
}

impl TokenAnswer {
    fn usable_type(&self, prover: &Prover) -> Result<TokenType, Useless> {
        match self.token_type.to_ascii_lowercase().as_str() {
            "bearer" if prover.is_required() => Err(Useless::Unbound),
            "bearer" => Ok(TokenType::Bearer),
            "dpop" if prover.is_on() => Ok(TokenType::Dpop),
            "dpop" => Err(Useless::BoundToNothing),
            _ => Err(Useless::UnknownType),
        }
    }
}

impl Useless {
    /// `revoked` tells whether the token could be revoked.
    fn into_error(self, reply: &Reply, revoked: Result<(), Error>) -> Error {
        let fate = if revoked.is_ok() { "it was revoked" } else { "it could not be revoked" };
        match self {
            Self::Unbound => {
                let path = reply.answer.path();
                let what = format!(
                    "{path} issued a token that is not bound to a key, although a proof was sent; {fate}"
                );
                reply.after_attempts(Error::configuration(what)).advise(
                    "tick \"Require DPoP header in token requests\" in the app's settings, or allow tokens that \
                     are not bound",
                )
            }
            Self::BoundToNothing => {
                reply.malformed(&format!("has a bound token, although no proof was sent; {fate}"))
            }
            Self::UnknownType => reply
                .malformed(&format!("has a token type that is neither Bearer nor DPoP; {fate}")),
        }
    }
}
