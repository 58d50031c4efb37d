//! The management API, as far as clients need it to see their tokens work.

use std::fmt::Write as _;

use hyper::{Method, StatusCode};

use super::answer::{Answer, Refusal};
use super::app_objects;
use super::call::Call;
use super::directory;
use super::resource::{authorize, authorize_change};
use super::routes;
use super::system_log;

/// `/api/v1/…`.
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
        // Okta has no `apps/{id}/jwks`: it is the sandbox's own short form of the other.
        ["apps", id, "credentials", "jwks"] if call.request.method == Method::POST => {
            authorize_change(call, "okta.apps", &Method::POST)?;
            app_objects::add_key(call, id)
        }
        ["apps", id, "credentials", "jwks", key, "lifecycle", "deactivate"] => {
            authorize_change(call, "okta.apps", &Method::POST)?;
            app_objects::deactivate_key(call, id, key)
        }
        ["apps", id, "credentials", "jwks"] | ["apps", id, "jwks"] => {
            authorize(call, "okta.apps")?;
            app_objects::app_keys(call, id)
        }
        ["apps", id] => {
            authorize(call, "okta.apps")?;
            app_objects::app(call, id)
        }
        ["apps", id, "grants"] => {
            authorize(call, "okta.appGrants")?;
            app_objects::app_grants(call, id)
        }
        ["logs"] => {
            authorize(call, "okta.logs")?;
            system_log::logs(call)
        }
        _ => Err(routes::nothing_here(call.request)),
    }
}

/// `GET /oauth2/v1/clients/{id}/roles`.
pub(super) fn client_roles(call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    authorize(call, "okta.roles")?;
    app_objects::client_roles(call, id)
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
