//! Client authentication by assertion: every check that Okta makes, with its own words.
//!
//! Rules: [RFC 7523 §3](https://www.rfc-editor.org/rfc/rfc7523#section-3), narrowed by Okta: the
//! audience is the URL that was called, an assertion lives an hour at most, a `jti` works once.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::client_refusal::{FAILED, INVALID_CLIENT_ID, unknown_client, wrong_method};
use crate::jose::{self, Jws};
use crate::message::call::Call;
use crate::message::form::Form;
use crate::message::refusal::Refusal;
use crate::model::app::{App, AppStatus, AuthMethod};
use crate::model::app_key::AppKey;

/// The app that has made the assertion.
///
/// Whatever comes of the request afterwards, the assertion's `jti` is used up.
pub(super) fn authenticate(
    call: &Call<'_>,
    form: &Form,
    assertion: &str,
) -> Result<Arc<App>, Refusal> {
    let unreadable = || Refusal::client("The parsing of the client_assertion failed.");
    let jws = Jws::parse(assertion).ok_or_else(unreadable)?;
    let claims = jws.claims().ok_or_else(unreadable)?;
    let app = named_app(call, &claims)?;
    match form.member("client_id") {
        Some(id) if call.world.state().app(id).is_none() => return Err(unknown_client()),
        Some(id) if id != app.client_id => return Err(Refusal::client(INVALID_CLIENT_ID)),
        _ => {}
    }
    if app.status != AppStatus::Active {
        return Err(Refusal::client(FAILED));
    }
    match app.auth_method {
        AuthMethod::PrivateKeyJwt => check_signature(&jws, &app)?,
        AuthMethod::ClientSecretJwt => check_signature_by_secret(&jws, &app)?,
        _ => return Err(wrong_method(call, form, &app)),
    }
    let expires_at = check_claims(&claims, &call.request.endpoint(), call.now)?;
    if let Some(jti) = claims.get("jti") {
        let jti = jti.as_str().filter(|jti| !jti.is_empty()).ok_or_else(unreadable)?;
        let mut state = call.world.state();
        if !state.used_assertions.record_use(&app.client_id, jti, expires_at, call.now) {
            return Err(Refusal::client("The client_assertion token has already been used."));
        }
    }
    Ok(app)
}

/// The app that the assertion speaks for. Not verified yet: only the app's key can do that.
fn named_app(call: &Call<'_>, claims: &Map<String, Value>) -> Result<Arc<App>, Refusal> {
    let state = call.world.state();
    let app = |claim: &str| claims.get(claim).and_then(Value::as_str).and_then(|id| state.app(id));
    let issuer = app("iss").ok_or_else(|| {
        Refusal::client("The issuer claim for client_assertion is not a valid client_id.")
    })?;
    app("sub").filter(|subject| subject.client_id == issuer.client_id).ok_or_else(|| {
        Refusal::client("The subject claim for client_assertion is not a valid client_id.")
    })
}

fn check_signature(jws: &Jws<'_>, app: &App) -> Result<(), Refusal> {
    if app.jwks.is_empty() {
        return Err(Refusal::client(
            "The client does not have a JWKSet configured, but the client_assertion requires one.",
        ));
    }
    if !is_registrable(&app.jwks) {
        return Err(Refusal::client("The client JWKSet is invalid."));
    }
    let wrong_algorithm =
        || Refusal::client("The client_assertion JWT signature algorithm is invalid.");
    let algorithm = jws.algorithm().ok_or_else(wrong_algorithm)?;
    let key = choose_key(jws, &app.jwks)
        .ok_or_else(|| Refusal::client("The client_assertion JWT kid is invalid."))?;
    if !key.permits(algorithm) {
        return Err(wrong_algorithm());
    }
    if !key.is_for_signing() {
        return Err(Refusal::client(
            "The public key being used for client assertion has an invalid 'use' parameter. Valid values for the 'use' parameter are sig.",
        ));
    }
    match key.public_key().verify(algorithm, jws) {
        true => Ok(()),
        false => Err(Refusal::client("The client_assertion signature is invalid.")),
    }
}

/// Any active secret will do, since nothing in the assertion says which it is.
fn check_signature_by_secret(jws: &Jws<'_>, app: &App) -> Result<(), Refusal> {
    let active = app.secrets.iter().filter(|secret| secret.is_active());
    let mut verdicts = active.map(|secret| jose::verifies(secret.expose(), jws));
    match verdicts.find(|verdict| *verdict != Some(false)) {
        Some(Some(_)) => Ok(()),
        Some(None) => {
            Err(Refusal::client("The client_assertion JWT signature algorithm is invalid."))
        }
        None => Err(Refusal::client("The client_assertion signature is invalid.")),
    }
}

/// Okta: `kid` picks the key; only an app with a single key may leave it out. An inactive key
/// counts as one that is there, and cannot be picked.
fn choose_key<'a>(jws: &Jws<'_>, keys: &'a [AppKey]) -> Option<&'a AppKey> {
    let key = match (jws.header("kid"), keys) {
        (None, [only]) => only,
        (None, _) => return None,
        (Some(kid), _) => {
            let kid = kid.as_str()?;
            keys.iter().find(|key| key.key_id() == Some(kid))?
        }
    };
    Some(key).filter(|key| key.is_active())
}

/// What Okta demands of a key set when it is registered.
fn is_registrable(keys: &[AppKey]) -> bool {
    let distinct: BTreeSet<&str> = keys.iter().filter_map(AppKey::key_id).collect();
    keys.len() == 1 || (keys.len() <= App::MAX_KEYS && distinct.len() == keys.len())
}

/// Checks audience and times, and gives `exp` in whole seconds.
fn check_claims(
    claims: &Map<String, Value>,
    endpoint: &str,
    now: DateTime<Utc>,
) -> Result<i64, Refusal> {
    if !names_endpoint(claims.get("aud"), endpoint) {
        return Err(Refusal::client(
            "The audience claim for client_assertion must be the endpoint invoked for the request.",
        ));
    }
    let expires_at = claims.get("exp").and_then(Value::as_i64).ok_or_else(|| {
        Refusal::client("The client_assertion must contain the 'exp' claim as seconds since epoch.")
    })?;
    let left = nanos_until(expires_at, now);
    if left <= 0 {
        return Err(Refusal::client("The client_assertion token is expired."));
    }
    // Okta counts the fraction of the current second: whole seconds from a clock that is right
    // pass for a whole hour, those from a clock that is a second fast do not.
    if left > MAX_LIFETIME_NANOS {
        return Err(Refusal::client(
            "The client_assertion token has an expiration too far into the future.",
        ));
    }
    check_begin(claims, now)?;
    Ok(expires_at)
}

/// Nanoseconds from `now` until a time in seconds since the epoch, of which there may be any.
fn nanos_until(secs: i64, now: DateTime<Utc>) -> i128 {
    let whole = i128::from(secs) - i128::from(now.timestamp());
    whole * 1_000_000_000 - i128::from(now.timestamp_subsec_nanos())
}

/// Checks that the assertion counts already, as far as it says from when on.
fn check_begin(claims: &Map<String, Value>, now: DateTime<Utc>) -> Result<(), Refusal> {
    for time in ["iat", "nbf"].iter().filter_map(|claim| claims.get(*claim)) {
        let time = time
            .as_i64()
            .ok_or_else(|| Refusal::client("The parsing of the client_assertion failed."))?;
        if nanos_until(time, now) > 0 {
            return Err(Refusal::client(
                "The client_assertion token must be issued before the current time.",
            ));
        }
    }
    Ok(())
}

/// `aud` is the endpoint's URL, character for character, or (RFC 7519 §4.1.3) a list of it alone:
/// an assertion for several servers could be used by one of them at another.
fn names_endpoint(audience: Option<&Value>, endpoint: &str) -> bool {
    match audience {
        Some(Value::String(audience)) => audience == endpoint,
        Some(Value::Array(audiences)) => matches!(&audiences[..], [only] if only == endpoint),
        _ => false,
    }
}

/// An hour.
const MAX_LIFETIME_NANOS: i128 = 3600 * 1_000_000_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ENDPOINT: &str = "http://127.0.0.1:1/oauth2/v1/token";

    fn check(claims: Value) -> Result<i64, Refusal> {
        let now = DateTime::from_timestamp_millis(1_000_500).unwrap();
        check_claims(claims.as_object().unwrap(), ENDPOINT, now)
    }

    fn is_refused(claims: Value, fragment: &str) -> bool {
        match check(claims) {
            Err(refusal) => refusal.description().contains(fragment),
            Ok(_) => false,
        }
    }

    #[test]
    fn times_are_judged_to_the_fraction_of_a_second() {
        let exp = |exp: Value| json!({"aud": ENDPOINT, "exp": exp});
        assert!(is_refused(exp(json!(1000)), "is expired"));
        assert_eq!(check(exp(json!(1001))), Ok(1001));
        assert_eq!(check(exp(json!(4600))), Ok(4600), "a clock that is right, at half past");
        assert!(is_refused(exp(json!(4601)), "too far into the future"));
        assert!(is_refused(exp(json!(i64::MAX)), "too far into the future"));
        assert!(is_refused(exp(json!(i64::MIN)), "is expired"));
        for unreadable in [json!("1300"), json!(1300.0), json!(1300.5), json!(u64::MAX)] {
            assert!(is_refused(exp(unreadable.clone()), "seconds since epoch"), "{unreadable}");
        }
        let iat = |iat: Value| json!({"aud": ENDPOINT, "exp": 1300, "iat": iat});
        assert_eq!(check(iat(json!(1000))), Ok(1300));
        assert!(is_refused(iat(json!(1000.5)), "parsing"));
        assert!(is_refused(iat(json!(1001)), "before the current time"));
    }

    #[test]
    fn the_audience_is_compared_character_by_character() {
        let aud = |aud: Value| json!({"aud": aud, "exp": 1300});
        assert_eq!(check(aud(json!(ENDPOINT))), Ok(1300));
        assert_eq!(check(aud(json!([ENDPOINT]))), Ok(1300));
        for wrong in [
            json!("http://127.0.0.1:1/oauth2/v1/token/"),
            json!("http://127.0.0.1:1//oauth2/v1/token"),
            json!("HTTP://127.0.0.1:1/oauth2/v1/token"),
            json!("http://127.0.0.1:1/oauth2/v1/introspect"),
            json!("http://127.0.0.1:1"),
            json!([]),
            json!(["https://other.example", ENDPOINT]),
            json!([ENDPOINT, ENDPOINT]),
            Value::Null,
        ] {
            assert!(is_refused(aud(wrong.clone()), "audience claim"), "{wrong}");
        }
    }
}
