//! Management endpoints about apps: settings, keys, granted scopes, admin roles.
//!
//! Okta names an app's object by the client id.

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::refusal::Refusal;
use crate::model::app::{App, AppKind, AppStatus, AuthMethod};
use crate::model::app_key::AppKey;

/// An app's settings.
pub(crate) fn read(call: &Call<'_>) -> Result<Answer, Refusal> {
    let app = find(call)?;
    Ok(Answer::json(
        StatusCode::OK,
        &json!({
            "id": app.client_id,
            "name": "oidc_client",
            "label": app.display_name(),
            "status": status(app.status),
            "signOnMode": "OPENID_CONNECT",
            "credentials": {"oauthClient": {
                "client_id": app.client_id,
                "token_endpoint_auth_method": auth_method(app.auth_method),
            }},
            "settings": {"oauthClient": {
                "application_type": kind(app.kind),
                "grant_types": ["client_credentials"],
                "response_types": ["token"],
                "dpop_bound_access_tokens": app.dpop_required,
                "jwks": {"keys": keys(&app)},
            }},
        }),
    ))
}

/// An app's registered keys.
pub(crate) fn list_keys(call: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::json(StatusCode::OK, &keys(&*find(call)?)))
}

/// Registers one more key of an app.
pub(crate) fn add_key(call: &Call<'_>) -> Result<Answer, Refusal> {
    let jwk: Value = serde_json::from_slice(&call.request.body)
        .map_err(|_| Refusal::invalid("The request body was not well-formed"))?;
    let key = AppKey::from_jwk(&jwk).map_err(|fault| Refusal::invalid(&fault.to_string()))?;
    let app = find(call)?;
    if key.key_id().is_none() || app.jwks.iter().any(|other| other.key_id() == key.key_id()) {
        return Err(Refusal::invalid("kid: a key needs a kid of its own"));
    }
    let id = &app.client_id;
    let added = key_object(id, app.jwks.len() + 1, &key);
    call.world.state().add_key(id, key).map_err(|_| missing(id))?;
    Ok(Answer::json(StatusCode::CREATED, &added))
}

/// Deactivates an app's key, named by the id of its object; Okta keeps at least one active.
pub(crate) fn deactivate_key(call: &Call<'_>) -> Result<Answer, Refusal> {
    let (app, key) = (find(call)?, call.parameter("key"));
    let id = &app.client_id;
    let found = (1..).zip(&app.jwks).find(|(number, _)| object_id(id, *number) == key);
    let missing_key = || Refusal::not_found(&format!("Resource not found: {key} (Key)"));
    let (number, found) = found.ok_or_else(missing_key)?;
    let key_id = found.key_id().ok_or_else(missing_key)?;
    if app.jwks.iter().filter(|key| key.is_active()).count() < 2 {
        return Err(Refusal::invalid("status: an app needs an active key"));
    }
    call.world.state().deactivate_key(id, key_id).map_err(|_| missing_key())?;
    let deactivated = find(call)?;
    let deactivated = deactivated.jwks.get(number - 1).map(|key| key_object(id, number, key));
    Ok(Answer::json(StatusCode::OK, &deactivated.unwrap_or_default()))
}

/// The Okta API scopes granted to an app.
pub(crate) fn list_grants(call: &Call<'_>) -> Result<Answer, Refusal> {
    let app = find(call)?;
    let grants: Value = (1..)
        .zip(&app.scopes)
        .map(|(number, scope)| {
            json!({
                "id": format!("oag{number}{}", app.client_id),
                "status": "ACTIVE",
                "scopeId": scope,
                "issuer": call.request.base,
                "clientId": app.client_id,
            })
        })
        .collect();
    Ok(Answer::json(StatusCode::OK, &grants))
}

/// The admin roles of an app. The sandbox knows only whether it has one.
pub(crate) fn list_roles(call: &Call<'_>) -> Result<Answer, Refusal> {
    let app = find(call)?;
    let role = json!({
        "id": format!("ra1{}", app.client_id),
        "type": "READ_ONLY_ADMIN",
        "label": "Read-only Administrator",
        "status": "ACTIVE",
        "assignmentType": "CLIENT",
    });
    let roles: Vec<Value> = app.admin.then_some(role).into_iter().collect();
    Ok(Answer::json(StatusCode::OK, &roles.into()))
}

/// The app that the path names.
fn find(call: &Call<'_>) -> Result<Arc<App>, Refusal> {
    let id = call.parameter("id");
    call.world.state().app(id).ok_or_else(|| missing(id))
}

fn missing(id: &str) -> Refusal {
    Refusal::not_found(&format!("Resource not found: {id} (AppInstance)"))
}

fn keys(app: &App) -> Value {
    let object = |(number, key)| key_object(&app.client_id, number, key);
    (1..).zip(&app.jwks).map(object).collect()
}

/// A key as Okta shows it: the JWK with its status, and with an id for the management API.
fn key_object(app: &str, number: usize, key: &AppKey) -> Value {
    let mut object = key.jwk().clone();
    object.insert("id".to_owned(), object_id(app, number).into());
    let status = if key.is_active() { "ACTIVE" } else { "INACTIVE" };
    object.insert("status".to_owned(), status.into());
    Value::Object(object)
}

fn object_id(app: &str, number: usize) -> String {
    format!("pks{number}{app}")
}

fn status(status: AppStatus) -> &'static str {
    match status {
        AppStatus::Active => "ACTIVE",
        AppStatus::Inactive => "INACTIVE",
    }
}

fn kind(kind: AppKind) -> &'static str {
    match kind {
        AppKind::Service => "service",
        AppKind::Web => "web",
    }
}

/// The names are those of OpenID Connect.
fn auth_method(method: AuthMethod) -> &'static str {
    match method {
        AuthMethod::PrivateKeyJwt => "private_key_jwt",
        AuthMethod::ClientSecretJwt => "client_secret_jwt",
        AuthMethod::ClientSecretBasic => "client_secret_basic",
        AuthMethod::ClientSecretPost => "client_secret_post",
        AuthMethod::None => "none",
    }
}
