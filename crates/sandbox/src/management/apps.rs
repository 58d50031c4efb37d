//! Management endpoints about apps: settings, granted scopes, admin roles.
//!
//! Okta names an app's object by the client id.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::app_keys;
use super::found::app as find;
use crate::message::answer::Answer;
use crate::message::call::Call;
use crate::message::refusal::Refusal;
use crate::model::app::{AppKind, AppStatus};

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
                "token_endpoint_auth_method": app.auth_method.name(),
            }},
            "settings": {"oauthClient": {
                "application_type": kind(app.kind),
                "grant_types": app.grant_types(),
                "response_types": ["token"],
                "refresh_token": {
                    "rotation_type": app.refresh_token.rotation_type.name(),
                    "leeway": app.refresh_token.leeway().num_seconds(),
                },
                "dpop_bound_access_tokens": app.dpop_required,
                "jwks": {"keys": app_keys::objects(&app, &call.request.base)},
            }},
        }),
    ))
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
