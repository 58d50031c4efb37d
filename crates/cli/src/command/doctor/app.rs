//! The app's own registration, as far as its scopes and roles let it be read.

use okta_introspect::{ErrorKind, PublicJwk, Signer as _};
use okta_introspect_settings::Key;
use serde_json::Value;

use super::calls::ReadError;
use super::examination::Examination;
use super::finding::Finding;
use crate::command::cures::nearest_of;

const APPS: &str = "okta.apps.read";
const GRANTS: &str = "okta.appGrants.read";
const ROLES: &str = "okta.roles.read";

impl Examination<'_> {
    pub(super) async fn app(&mut self, key: Option<&Key>) {
        let Ok(client_id) = self.settings.client_id().map(str::to_owned) else { return };
        if let Some(app) = self.read("app", APPS, &format!("/api/v1/apps/{client_id}")).await {
            self.found(settings(&app));
            if let Some(key) = key.and_then(|key| key.public_jwk()) {
                self.found(keys(&app, key));
            }
        }
        let path = format!("/api/v1/apps/{client_id}/grants");
        if let Some(grants) = self.read("app_grants", GRANTS, &path).await {
            let scopes = texts(&grants, "scopeId");
            self.found(self.compare_grants(&scopes));
        }
        let path = format!("/oauth2/v1/clients/{client_id}/roles");
        if let Some(roles) = self.read("app_roles", ROLES, &path).await {
            self.found(Finding::ok("app_roles", listed(&texts(&roles, "label"))));
        }
    }

    /// The scopes that are granted, and which of them a requested one was probably meant to be.
    fn compare_grants(&self, granted: &[&str]) -> Finding {
        let seen = format!("granted: {}", listed(granted));
        // Those of custom servers are not granted to apps.
        let of_org = self.settings.issuer().is_ok_and(|issuer| issuer.custom_id().is_none());
        let requested = self.settings.scopes().ok().filter(|_| of_org);
        let meant: Vec<_> = requested
            .iter()
            .flat_map(|scopes| scopes.iter())
            .filter_map(|scope| {
                let granted = granted.iter().map(|&scope| scope.to_owned());
                Some(format!("{scope} is not granted, and {} is", nearest_of(scope, granted)?))
            })
            .collect();
        match meant.is_empty() {
            true => Finding::ok("app_grants", seen),
            false => Finding::warn("app_grants", seen)
                .because(meant.join("; "))
                .cure("request the one that is granted, or have the other granted"),
        }
    }

    /// Reads an API. Without the scope the check is skipped, and the scope is named; with the scope
    /// but without the admin role it is a warning.
    async fn read(&mut self, check: &str, scope: &str, path: &str) -> Option<Value> {
        let error = match self.get(scope, path).await {
            Ok(body) => match serde_json::from_slice(&body) {
                Ok(value) => return Some(value),
                Err(_) => {
                    self.found(Finding::skipped(check, "the answer is not JSON"));
                    return None;
                }
            },
            Err(ReadError::Settings(failure)) => {
                self.found(Finding::failure(check, failure));
                return None;
            }
            Err(ReadError::Call(error)) => error,
        };
        let about = error.diagnosis().map(|diagnosis| diagnosis.about.as_str());
        self.found(match about {
            Some("admin role") => Finding::error(check, &error).into_warning(),
            _ if error.kind() == ErrorKind::RequestRefused => {
                Finding::skipped(check, format!("this needs the scope {scope}"))
            }
            _ => Finding::skipped(check, format!("it cannot be read: {error}")),
        });
        None
    }
}

/// The settings on which service apps depend.
fn settings(app: &Value) -> Finding {
    let text = |pointer: &str| app.pointer(pointer).and_then(Value::as_str).unwrap_or("unknown");
    let bound = app.pointer("/settings/oauthClient/dpop_bound_access_tokens");
    let dpop = match bound.and_then(Value::as_bool) {
        Some(true) => "demanded",
        Some(false) => "not demanded",
        None => "unknown",
    };
    Finding::ok(
        "app",
        format!(
            "{}: {}, type {}, authentication {}, DPoP {dpop}",
            text("/label"),
            text("/status"),
            text("/settings/oauthClient/application_type"),
            text("/credentials/oauthClient/token_endpoint_auth_method"),
        ),
    )
}

/// Whether the private key's public half is registered.
fn keys(app: &Value, key: &PublicJwk) -> Finding {
    if let Some(uri) = app.pointer("/settings/oauthClient/jwks_uri").and_then(Value::as_str) {
        return Finding::skipped("app_keys", format!("the app's keys are at {uri}"));
    }
    let registered = app.pointer("/settings/oauthClient/jwks/keys").and_then(Value::as_array);
    let Some(registered) = registered.filter(|keys| !keys.is_empty()) else {
        return Finding::skipped("app_keys", "the org does not tell the app's keys");
    };
    let own: Value = serde_json::from_str(&key.to_json()).unwrap_or_default();
    let Some(found) = registered.iter().find(|jwk| is_same_key(jwk, &own)) else {
        return Finding::warn(
            "app_keys",
            format!("ours is not among the {} registered keys", registered.len()),
        )
        .because("the key was replaced in the app a moment ago")
        .cure("register the public half of this key, or use the new one");
    };
    let kid = found["kid"].as_str().unwrap_or("none");
    let active = found["status"].as_str().is_none_or(|status| status == "ACTIVE");
    let seen = format!("ours is one of {}, with the key id {kid}", registered.len());
    match active {
        true => Finding::ok("app_keys", seen),
        false => Finding::warn("app_keys", seen)
            .because("the key has been deactivated")
            .cure("activate it, or use another"),
    }
}

/// Compares the members of RSA and EC public keys.
fn is_same_key(one: &Value, other: &Value) -> bool {
    ["kty", "n", "e", "crv", "x", "y"].iter().all(|member| one.get(member) == other.get(member))
}

fn texts<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    list.as_array().into_iter().flatten().filter_map(|item| item.get(member)?.as_str()).collect()
}

fn listed(texts: &[&str]) -> String {
    if texts.is_empty() { "none".to_owned() } else { texts.join(" ") }
}
