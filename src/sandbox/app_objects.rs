//! Management endpoints about apps: settings, keys, granted scopes, admin roles.
//!
//! Okta names an app's object by the client id.

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal};
use super::call::Call;
use super::seed::{App, AppKind, AppStatus, AuthMethod};

/// An app's settings.
pub(super) fn app(call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    let app = find(call, id)?;
    let status = match app.status {
        AppStatus::Active => "ACTIVE",
        AppStatus::Inactive => "INACTIVE",
    };
    let kind = match app.kind {
        AppKind::Service => "service",
        AppKind::Web => "web",
    };
    Ok(Answer::json(
        StatusCode::OK,
        &json!({
            "id": app.client_id,
            "name": "oidc_client",
            "label": app.display_name(),
            "status": status,
            "signOnMode": "OPENID_CONNECT",
            "credentials": {"oauthClient": {
                "client_id": app.client_id,
                "token_endpoint_auth_method": auth_method(app.auth_method),
            }},
            "settings": {"oauthClient": {
                "application_type": kind,
                "grant_types": ["client_credentials"],
                "response_types": ["token"],
                "dpop_bound_access_tokens": app.dpop_required,
                "jwks": {"keys": keys(&app)},
            }},
        }),
    ))
}

/// An app's registered keys.
pub(super) fn app_keys(call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    Ok(Answer::json(StatusCode::OK, &keys(&*find(call, id)?)))
}

/// The Okta API scopes granted to an app.
pub(super) fn app_grants(call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    let app = find(call, id)?;
    let grants: Value = (1..)
        .zip(&app.scopes)
        .map(|(number, scope)| {
            json!({
                "id": format!("oag{number}{id}"),
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
pub(super) fn client_roles(call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    let role = json!({
        "id": format!("ra1{id}"),
        "type": "READ_ONLY_ADMIN",
        "label": "Read-only Administrator",
        "status": "ACTIVE",
        "assignmentType": "CLIENT",
    });
    let roles: Vec<Value> = find(call, id)?.admin.then_some(role).into_iter().collect();
    Ok(Answer::json(StatusCode::OK, &roles.into()))
}

fn find(call: &Call<'_>, id: &str) -> Result<Arc<App>, Refusal> {
    let missing = || Refusal::not_found(&format!("Resource not found: {id} (AppInstance)"));
    call.sandbox.state().app(id).ok_or_else(missing)
}

fn keys(app: &App) -> Value {
    let object = |(number, key): (u32, &super::seed::AppKey)| {
        let mut object = key.jwk().clone();
        object.insert("id".to_owned(), format!("pks{number}{}", app.client_id).into());
        let status = if key.is_active() { "ACTIVE" } else { "INACTIVE" };
        object.insert("status".to_owned(), status.into());
        Value::Object(object)
    };
    (1..).zip(&app.jwks).map(object).collect()
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
