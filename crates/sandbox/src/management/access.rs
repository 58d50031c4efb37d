//! Access control of the management API: access tokens at a protected resource
//! ([RFC 6750](https://www.rfc-editor.org/rfc/rfc6750),
//! [RFC 9449 §7](https://www.rfc-editor.org/rfc/rfc9449#section-7)).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use hyper::{StatusCode, header};

use crate::jose;
use crate::message::call::Call;
use crate::message::refusal::Refusal;
use crate::model::app::App;
use crate::model::authority::Authority;
use crate::model::tokens::{Digest, Issued, TokenKind};
use crate::oauth::dpop::{self, DPOP, INVALID_PROOF};

/// What an endpoint asks of its callers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Access {
    /// Nothing, or the endpoint looks itself.
    Open,
    /// An access token of the org server with the scope `{resource}.read` or `{resource}.manage`,
    /// and an app with an admin role.
    Read(&'static str),
    /// As `Read`, but only `{resource}.manage` will do.
    Manage(&'static str),
}

/// Lets in a caller with a good access token of the org server with the right scope, if its app
/// has an admin role. Gives the app; an open endpoint knows none.
pub(crate) fn authorize(call: &Call<'_>, access: Access) -> Result<Option<Arc<App>>, Refusal> {
    let manage = |resource| format!("{resource}.manage");
    match access {
        Access::Open => Ok(None),
        Access::Read(resource) => {
            authorize_scopes(call, &[&format!("{resource}.read"), &manage(resource)]).map(Some)
        }
        Access::Manage(resource) => authorize_scopes(call, &[&manage(resource)]).map(Some),
    }
}

/// How an access token is presented.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scheme {
    Bearer,
    Dpop,
}

/// One of the scopes is enough; the first is the one that the refusal names.
fn authorize_scopes(call: &Call<'_>, scopes: &[&str]) -> Result<Arc<App>, Refusal> {
    let Some(credentials) = call.request.header(&header::AUTHORIZATION) else {
        return Err(Refusal::api(StatusCode::FORBIDDEN, "E0000005", "Invalid session"));
    };
    let (scheme, token) = parse(credentials);
    let challenge = Challenge { call, scheme, scope: scopes[0] };
    let issued = issued(call, token).map_err(|why| {
        Refusal::api(StatusCode::UNAUTHORIZED, "E0000011", "Invalid token provided")
            .header(header::WWW_AUTHENTICATE, challenge.text("invalid_token", why))
    })?;
    prove(call, scheme, token, &issued).map_err(|(error, why)| {
        // Okta says it in the header alone.
        Refusal::bare(StatusCode::BAD_REQUEST, error)
            .header(header::WWW_AUTHENTICATE, challenge.text(error, why))
    })?;
    if !scopes.iter().any(|scope| issued.scopes.contains(scope)) {
        let why = "The access token provided does not contain the required scopes.";
        let value = challenge.text("insufficient_scope", why);
        return Err(no_permission().header(header::WWW_AUTHENTICATE, value));
    }
    let app = call.world.state().app(&issued.client_id);
    app.filter(|app| app.admin).ok_or_else(no_permission)
}

/// Scheme and token. Another scheme is taken for a bearer token that is not good.
fn parse(credentials: &str) -> (Scheme, &str) {
    match credentials.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("dpop") => {
            (Scheme::Dpop, token.trim())
        }
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            (Scheme::Bearer, token.trim())
        }
        _ => (Scheme::Bearer, ""),
    }
}

/// The token, if it is good, or what is wrong with it.
fn issued(call: &Call<'_>, token: &str) -> Result<Issued, &'static str> {
    let state = call.world.state();
    match state.active_token(&Authority::Org, token, call.now) {
        Some(issued) if issued.kind == TokenKind::Access => Ok(issued.clone()),
        _ => Err(why_invalid(state.tokens.find(&Digest::of(token)), call.now)),
    }
}

fn why_invalid(known: Option<&Issued>, now: DateTime<Utc>) -> &'static str {
    match known {
        Some(issued) if issued.authority.is_some() => {
            "The access token provided is not intended for Okta."
        }
        Some(issued) if issued.revoked => "The access token has been revoked.",
        Some(issued) if issued.is_expired(now) => "The token has expired.",
        _ => "The access token is invalid.",
    }
}

/// Checks that the client has the key to which the token is bound: error code and description
/// if not. A proof beside a token that is not bound does no harm, and no nonce is asked for.
fn prove(
    call: &Call<'_>,
    scheme: Scheme,
    token: &str,
    issued: &Issued,
) -> Result<(), (&'static str, &'static str)> {
    if issued.jkt.is_none() && scheme == Scheme::Bearer {
        return Ok(());
    }
    if !call.request.headers.contains_key(DPOP) {
        return Err(("invalid_request", "The resource request requires a DPoP proof."));
    }
    if scheme == Scheme::Bearer {
        return Err((
            "invalid_request",
            "The resource request must use the DPoP authentication scheme when using a DPoP bound token.",
        ));
    }
    let proof = dpop::check(call).map_err(|why| (INVALID_PROOF, why))?;
    let ath = jose::sha256_base64url(token);
    if proof.ath.as_deref() != Some(ath.as_str()) {
        let why = "'ath' claim in the DPoP proof does not match the presented access_token.";
        return Err((INVALID_PROOF, why));
    }
    if issued.jkt.as_ref() != Some(&proof.jkt) {
        let why = "The access_token is not bound to the provided DPoP proof.";
        return Err((INVALID_PROOF, why));
    }
    Ok(())
}

/// What goes into `WWW-Authenticate`.
struct Challenge<'a> {
    call: &'a Call<'a>,
    scheme: Scheme,
    scope: &'a str,
}

impl Challenge<'_> {
    fn text(&self, error: &str, description: &str) -> String {
        let scheme = match self.scheme {
            Scheme::Bearer => "Bearer",
            Scheme::Dpop => r#"DPoP algs="RS256 RS384 RS512 ES256 ES384 ES512","#,
        };
        // Okta writes http here, whatever was called.
        let base = self.call.request.base.replacen("https://", "http://", 1);
        let (scope, resource) = (self.scope, &self.call.request.path);
        format!(
            r#"{scheme} authorization_uri="{base}/oauth2/v1/authorize", realm="{base}", scope="{scope}", error="{error}", error_description="{description}", resource="{resource}""#
        )
    }
}

fn no_permission() -> Refusal {
    Refusal::api(
        StatusCode::FORBIDDEN,
        "E0000006",
        "You do not have permission to perform the requested action",
    )
}
