//! Client authentication: which credentials a request has, and whose they are.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::{StatusCode, header};
use serde_json::{Map, Value};

use super::client_assertion;
use super::client_refusal::{FAILED, INVALID_CLIENT_ID, needs_key, unknown_client, wrong_method};
use crate::jose::Jws;
use crate::message::call::Call;
use crate::message::form::Form;
use crate::message::percent;
use crate::message::refusal::Refusal;
use crate::message::request::Request;
use crate::model::app::{App, AppStatus, AuthMethod};

/// Finds out which app calls, or refuses.
pub(crate) fn authenticate(call: &Call<'_>, form: &Form) -> Result<Arc<App>, Refusal> {
    if QUERY_CREDENTIALS.iter().any(|name| call.request.query(name).is_some()) {
        return Err(Refusal::request(
            "Client credentials cannot be supplied via query parameters.",
        ));
    }
    let assertion = form.member("client_assertion");
    let header = call.request.headers.contains_key(header::AUTHORIZATION);
    let secret = form.member("client_secret");
    if usize::from(assertion.is_some()) + usize::from(header) + usize::from(secret.is_some()) > 1 {
        let status = StatusCode::UNAUTHORIZED;
        return Err(Refusal::oauth(status, "invalid_request", MULTIPLE_CREDENTIALS));
    }
    // Okta: the type counts as sent even where it is empty.
    let kind = form.sent("client_assertion_type");
    if kind.is_some_and(|kind| kind != ASSERTION_TYPE) || (kind.is_none() && assertion.is_some()) {
        return Err(Refusal::request("The client_assertion_type is invalid."));
    }
    let app = match (assertion, secret) {
        (Some(assertion), _) => client_assertion::authenticate(call, form, assertion)?,
        _ if header => by_header(call, form)?,
        (None, Some(secret)) => {
            by_secret(call, form, AuthMethod::ClientSecretPost, named(call, form), secret)?
        }
        (None, None) => by_id(call, form)?,
    };
    match needs_key(call, form, &app) {
        Some(refusal) => Err(refusal),
        None => Ok(app),
    }
}

/// The app that the request claims to come from, whether it does or not.
pub(crate) fn claimed(call: &Call<'_>, form: &Form) -> Option<Arc<App>> {
    let id = claimed_id(call.request, form)?;
    call.world.state().app(&id)
}

/// The client id that the request claims to come from. Nothing is verified.
pub(crate) fn claimed_id(request: &Request, form: &Form) -> Option<String> {
    if let Some(assertion) = form.member("client_assertion") {
        let claims = Jws::parse(assertion)?.claims()?;
        return claims.get("iss").and_then(Value::as_str).map(str::to_owned);
    }
    let basic = request.header(&header::AUTHORIZATION).and_then(basic);
    let basic = basic.map(|(client_id, _)| client_id);
    basic.or_else(|| form.member("client_id").map(str::to_owned))
}

/// What the System Log says about how an app authenticates.
pub(crate) fn debug_data(app: &App) -> Map<String, Value> {
    let method = app.auth_method.name();
    Map::from_iter([("clientAuthType".to_owned(), method.into())])
}

fn by_header(call: &Call<'_>, form: &Form) -> Result<Arc<App>, Refusal> {
    let Some((client_id, secret)) = call.request.header(&header::AUTHORIZATION).and_then(basic)
    else {
        return Err(Refusal::client(
            "Found Authentication header but was not valid client credentials.",
        ));
    };
    if form.member("client_id").is_some_and(|other| other != client_id) {
        return Err(Refusal::client(INVALID_CLIENT_ID));
    }
    by_secret(call, form, AuthMethod::ClientSecretBasic, Some(&client_id), &secret)
}

fn by_secret(
    call: &Call<'_>,
    form: &Form,
    method: AuthMethod,
    client_id: Option<&str>,
    secret: &str,
) -> Result<Arc<App>, Refusal> {
    let app = active(call, client_id)?;
    if app.auth_method != method {
        return Err(wrong_method(call, form, &app));
    }
    let mut active = app.secrets.iter().filter(|own| own.is_active());
    match active.any(|own| own.is(secret)) {
        true => Ok(app),
        false => {
            Err(Refusal::client("The client secret supplied for a confidential client is invalid."))
        }
    }
}

/// A public client has nothing to prove.
fn by_id(call: &Call<'_>, form: &Form) -> Result<Arc<App>, Refusal> {
    let app = active(call, named(call, form))?;
    match app.auth_method {
        AuthMethod::None => Ok(app),
        _ => Err(wrong_method(call, form, &app)),
    }
}

/// The client id in the form. Public clients of Okta send it in the query.
fn named<'a>(call: &'a Call<'_>, form: &'a Form) -> Option<&'a str> {
    form.member("client_id").or_else(|| call.request.query("client_id"))
}

fn active(call: &Call<'_>, client_id: Option<&str>) -> Result<Arc<App>, Refusal> {
    let client_id = client_id.ok_or_else(|| Refusal::client("No client credentials found."))?;
    let app = call.world.state().app(client_id).ok_or_else(unknown_client)?;
    match app.status {
        AppStatus::Active => Ok(app),
        AppStatus::Inactive => Err(Refusal::client(FAILED)),
    }
}

/// Client id and secret of HTTP Basic authentication, each of them form-encoded
/// ([RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    let credentials = STANDARD.decode(credentials.trim()).ok()?;
    let (client_id, secret) = std::str::from_utf8(&credentials).ok()?.split_once(':')?;
    let decoded = |text: &str| percent::decoded(&text.replace('+', " ")).into_owned();
    scheme.eq_ignore_ascii_case("basic").then(|| (decoded(client_id), decoded(secret)))
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client id alone is no credential, and public clients send it in the query.
const QUERY_CREDENTIALS: [&str; 3] = ["client_assertion", "client_assertion_type", "client_secret"];

const MULTIPLE_CREDENTIALS: &str = "Cannot supply multiple client credentials. Use one of the following: credentials in the Authorization header, credentials in the post body, or a client_assertion in the post body.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_decoded_once_and_split_at_the_first_colon() {
        let read = |pair: &str| basic(&format!("Basic {}", STANDARD.encode(pair)));
        let both = |id: &str, secret: &str| Some((id.to_owned(), secret.to_owned()));
        assert_eq!(read("0oa1:s3cret"), both("0oa1", "s3cret"));
        assert_eq!(read("a%3Ab+c:%252B%2B%3A%C3%A9"), both("a:b c", "%2B+:\u{e9}"));
        assert_eq!(read("0oa1:a:b"), both("0oa1", "a:b"));
        assert_eq!(read("0oa1:"), both("0oa1", ""));
        assert_eq!(read("0oa1"), None);
        assert_eq!(basic("Bearer abc"), None);
        assert_eq!(basic("Basic ???"), None);
        assert_eq!(basic("Basic"), None);
    }
}
