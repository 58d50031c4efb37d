//! Users' tokens: the `refresh_token` grant
//! ([RFC 6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openssl::sha::sha256;

use super::AccessToken;
use super::request::{TokenEndpoints, post};
use crate::error::{Error, ErrorKind};
use crate::scope::Scopes;
use crate::secret::Token;
use crate::support::single_flight::{Flight, SingleFlight};
use crate::wire::form_post::{Form, FormClient};

/// What a server gives for a user's refresh token; see [`Client::refresh`](crate::Client::refresh).
/// `Debug` shows none of the tokens.
///
/// # Example: keep what replaces the refresh token before anything else
///
/// ```no_run
/// use okta_introspect::{AccessToken, Client, Error, ErrorKind, Token};
///
/// # fn keep(_: &Token) {}
/// # fn sign_in_again() {}
/// async fn access(client: &Client, kept: &Token) -> Result<Option<AccessToken>, Error> {
///     match client.refresh(kept, None).await {
///         Ok(refreshed) => {
///             if let Some(new) = &refreshed.refresh_token {
///                 keep(new);
///             }
///             Ok(Some(refreshed.access_token))
///         }
///         Err(error) if error.kind() == ErrorKind::InvalidGrant => {
///             sign_in_again();
///             Ok(None)
///         }
///         Err(error) => {
///             if let Some(new) = error.refresh_token() {
///                 keep(&new);
///             }
///             Err(error)
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refreshed {
    /// The new access token.
    pub access_token: AccessToken,
    /// The refresh token that replaces the old one. `None` if that stays the one to use: because the
    /// server does not rotate it, or, at Okta, because `offline_access` was not among the scopes.
    pub refresh_token: Option<Token>,
    /// The new ID token, if the server gives one; Okta does if `openid` is among the scopes. It is not
    /// verified: that is for a [`Verifier`](crate::Verifier).
    pub id_token: Option<Token>,
}

impl Error {
    /// The refresh token that replaces the old one, if the answer to a
    /// [refresh](crate::Client::refresh) had one and is of no use otherwise. Keep it before anything
    /// else is done; neither `Display` nor `Debug` shows it.
    pub fn refresh_token(&self) -> Option<Token> {
        self.kept().and_then(|text| Token::parse(text).ok())
    }

    pub(super) fn with_refresh_token(self, token: Option<&Token>) -> Self {
        self.keeping(token.map(Token::expose))
    }
}

/// Refreshes with one token.
pub(crate) async fn refresh(
    forms: &FormClient,
    endpoints: TokenEndpoints<'_>,
    token: &Token,
    scopes: Option<&Scopes>,
    grace_period: Duration,
) -> Result<Refreshed, Error> {
    let scope = scopes.map(Scopes::to_string);
    let fields = [("grant_type", "refresh_token"), ("scope", scope.as_deref().unwrap_or_default())];
    let form = Form {
        token: Some(("refresh_token", token)),
        fields: if scope.is_some() { &fields } else { &fields[..1] },
        proves: true,
        send_time: None,
        // The other half of the grace period is for the way.
        repeatable_for: Some(grace_period / 2),
    };
    let replaces = |new: &Token| new.expose() != token.expose();
    let (access_token, beside) = post(forms, endpoints, form).await.map_err(|error| {
        let new = error.refresh_token().filter(replaces);
        explained(error.with_refresh_token(new.as_ref()))
    })?;
    let refresh_token = beside.refresh_token.filter(replaces);
    Ok(Refreshed { access_token, refresh_token, id_token: beside.id_token })
}

/// Says what an error means for the refresh token.
fn explained(error: Error) -> Error {
    let code = error.refusal().and_then(|refusal| refusal.code.as_deref());
    if error.kind() == ErrorKind::RequestRefused && code == Some("invalid_grant") {
        let error = match error.diagnosis() {
            Some(_) => error,
            None => error.advise(SIGN_IN_AGAIN),
        };
        return error.of_kind(ErrorKind::InvalidGrant);
    }
    if !error.may_have_taken_effect() {
        return error;
    }
    let fate = if error.refresh_token().is_some() { REPLACED } else { MAY_BE_REPLACED };
    match error.advice() {
        "" => error.advise(fate),
        // Trying again is not all that there is to do.
        advice if !error.kind().is_temporary() => {
            let advice = format!("{fate}; {advice}");
            error.advise(advice)
        }
        _ => error.advise(fate),
    }
}

const REPLACED: &str =
    "the server has replaced the refresh token: the one to use is that of the answer";

const SIGN_IN_AGAIN: &str = "the refresh token has expired, was revoked or used before, or is another \
    client's: have the user sign in again";

const MAY_BE_REPLACED: &str = "the server may have replaced the refresh token: try again at once, while the \
    old one is still taken; after the app's grace period (30 s is Okta's default) another use of it ends the \
    sign-in";

/// The refreshes that are under way. A refresh token that two requests use at once is used twice, which
/// a server without a grace period takes for theft; so they share one.
#[derive(Debug, Default)]
pub(crate) struct Refreshes {
    under_way: Mutex<SingleFlight<Result<Refreshed, Error>, Use>>,
}

/// What is asked for: the token's SHA-256, and the scopes.
type Use = ([u8; 32], Option<Scopes>);

impl Refreshes {
    /// Joins the same refresh, if it is under way, or starts it by `work`. It goes on if this future is
    /// dropped.
    pub(crate) async fn share<W>(
        self: &Arc<Self>,
        token: &Token,
        scopes: Option<&Scopes>,
        work: impl FnOnce(Token, Option<Scopes>) -> W,
    ) -> Result<Refreshed, Error>
    where
        W: Future<Output = Result<Refreshed, Error>> + Send + 'static,
    {
        let wanted: Use = (sha256(token.expose().as_bytes()), scopes.cloned());
        let flight = self.join_or_start(wanted, || work(token.clone(), scopes.cloned()));
        flight.result().await.unwrap_or_else(|| Err(abandoned()))
    }

    fn join_or_start<W>(
        self: &Arc<Self>,
        wanted: Use,
        work: impl FnOnce() -> W,
    ) -> Flight<Result<Refreshed, Error>>
    where
        W: Future<Output = Result<Refreshed, Error>> + Send + 'static,
    {
        let mut under_way = self.lock();
        if let Some(flight) = under_way.join(|used| *used == wanted) {
            return flight;
        }
        let own = Arc::clone(self);
        under_way.start(wanted, work(), move |id, _| own.lock().finish(id))
    }

    fn lock(&self) -> MutexGuard<'_, SingleFlight<Result<Refreshed, Error>, Use>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn abandoned() -> Error {
    Error::new(ErrorKind::Unreachable, "the refresh was abandoned")
        .effect(true)
        .advise(MAY_BE_REPLACED)
}
