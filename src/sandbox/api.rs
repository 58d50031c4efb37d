//! The management API, as far as clients need it to see their tokens work.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use hyper::header;
use hyper::{Method, StatusCode};

use super::answer::{Answer, Refusal};
use super::authority::Authority;
use super::call::Call;
use super::directory;
use super::routes;
use super::system_log;
use super::tokens::{Digest, Issued};

/// `GET /api/v1/…`.
pub(super) fn endpoint(segments: &[&str], call: &Call<'_>) -> Result<Answer, Refusal> {
    match segments {
        ["users"] => {
            authorize(call, "okta.users")?;
            directory::users(call)
        }
        ["users", id] => {
            authorize(call, "okta.users")?;
            directory::user(call, id)
        }
        ["apps", id, "credentials", "jwks"] => {
            authorize(call, "okta.apps")?;
            directory::app_keys(call, id)
        }
        ["logs"] => {
            authorize(call, "okta.logs")?;
            system_log::logs(call)
        }
        _ => Err(routes::nothing_here(call.request)),
    }
}

/// Lets in who presents a good access token of the org server with the scope `{resource}.read`
/// or `{resource}.manage`, if its app has an admin role.
fn authorize(call: &Call<'_>, resource: &str) -> Result<(), Refusal> {
    call.expect_method(&Method::GET)?;
    let Some(credentials) = call.request.header(&header::AUTHORIZATION) else {
        return Err(Refusal::api(StatusCode::FORBIDDEN, "E0000005", "Invalid session"));
    };
    let scope = format!("{resource}.read");
    let token = credentials
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let challenge = |error: &str, description: &str| {
        let base = &call.request.base;
        format!(
            r#"Bearer authorization_uri="{base}/oauth2/v1/authorize", realm="{base}", scope="{scope}", error="{error}", error_description="{description}", resource="{}""#,
            call.request.path
        )
    };
    let state = call.sandbox.state();
    let issued = token.and_then(|token| state.active_token(&Authority::Org, token, call.now));
    let Some(issued) = issued else {
        let known = token.and_then(|token| state.tokens.find(&Digest::of(token)));
        let why = why_invalid(known, call.now);
        return Err(Refusal::api(StatusCode::UNAUTHORIZED, "E0000011", "Invalid token provided")
            .header(header::WWW_AUTHENTICATE, challenge("invalid_token", why)));
    };
    if !issued.scopes.contains(&scope) && !issued.scopes.contains(&format!("{resource}.manage")) {
        let why = "The access token provided does not contain the required scopes.";
        return Err(
            no_permission().header(header::WWW_AUTHENTICATE, challenge("insufficient_scope", why))
        );
    }
    match state.app(&issued.client_id).is_some_and(|app| app.admin) {
        true => Ok(()),
        false => Err(no_permission()),
    }
}

fn no_permission() -> Refusal {
    Refusal::api(
        StatusCode::FORBIDDEN,
        "E0000006",
        "You do not have permission to perform the requested action",
    )
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

/// A `Link` header value ([RFC 8288 §3](https://www.rfc-editor.org/rfc/rfc8288#section-3)): to
/// this page, or to the next one with its query.
pub(super) fn link(call: &Call<'_>, next: Option<&[(&str, String)]>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    match next {
        Some(pairs) => query.extend_pairs(pairs),
        None => query.extend_pairs(&call.request.query),
    };
    let query = query.finish();
    let mut url = call.request.endpoint();
    if !query.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(url, "?{query}");
    }
    format!(r#"<{url}>; rel="{}""#, if next.is_some() { "next" } else { "self" })
}

/// A search that is ignored would give wrong answers, so it is refused.
pub(super) fn refuse_searches(call: &Call<'_>, names: &[&str]) -> Result<(), Refusal> {
    match names.iter().any(|name| call.request.query(name).is_some()) {
        true => Err(Refusal::api(
            StatusCode::BAD_REQUEST,
            "E0000031",
            "Invalid search criteria. This sandbox cannot search.",
        )),
        false => Ok(()),
    }
}

/// The page size: `default` if none is asked for, and never more than `max`.
pub(super) fn limit(call: &Call<'_>, default: usize, max: usize) -> Result<usize, Refusal> {
    match call.request.query("limit").map(str::parse::<usize>) {
        None => Ok(default),
        Some(Ok(limit)) if limit > 0 => Ok(limit.min(max)),
        Some(_) => Err(invalid("The limit must be a positive number")),
    }
}

pub(super) fn invalid(what: &str) -> Refusal {
    Refusal::api(StatusCode::BAD_REQUEST, "E0000001", format!("Api validation failed: {what}"))
}
