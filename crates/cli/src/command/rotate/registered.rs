//! The app's keys at the org.

use http::Method;
use okta_introspect::{Error, ResourceAnswer, ResourceCall, SigningKey};
use serde_json::Value;

use crate::command::api::org::Api;
use crate::exit::Exit;
use crate::failure::Failure;

/// A key of the app.
#[derive(Clone, Debug)]
pub(super) struct Registered {
    /// The id of its entry.
    pub(super) id: String,
    pub(super) key_id: Option<String>,
    pub(super) is_active: bool,
    pub(super) is_for_signing: bool,
    jwk: Value,
}

impl Registered {
    fn of(jwk: Value) -> Self {
        let text = |member: &str| jwk.get(member).and_then(Value::as_str);
        Self {
            id: text("id").unwrap_or_default().to_owned(),
            key_id: text("kid").map(str::to_owned),
            is_active: text("status").is_none_or(|status| status == "ACTIVE"),
            is_for_signing: text("use").is_none_or(|usage| usage == "sig"),
            jwk,
        }
    }

    #[cfg(test)]
    pub(super) fn of_jwk(jwk: &str) -> Self {
        Self::of(serde_json::from_str(jwk).unwrap())
    }

    /// Whether it is the public half of `key`, whatever its id.
    pub(super) fn is(&self, key: &SigningKey) -> bool {
        // What we have written ourselves is JSON.
        let own: Value = serde_json::from_str(&key.public_jwk().to_json()).unwrap_or_default();
        let members = ["kty", "n", "e", "crv", "x", "y"];
        members.iter().all(|member| self.jwk.get(member) == own.get(member))
    }
}

/// The keys of one app.
pub(super) struct AppKeys<'a> {
    pub(super) api: Api<'a>,
    pub(super) client_id: &'a str,
}

impl AppKeys<'_> {
    /// All of them.
    pub(super) async fn list(&self) -> Result<Vec<Registered>, Failure> {
        let answer = self.call(ResourceCall::get(self.path(""))).await;
        match serde_json::from_slice(&answer?.body) {
            Ok(Value::Array(keys)) => Ok(keys.into_iter().map(Registered::of).collect()),
            _ => Err(Failure::new(Exit::Unknown, "the org's answer is no list of keys")),
        }
    }

    /// Registers the public half of a key.
    pub(super) async fn add(&self, key: &SigningKey) -> Result<(), Failure> {
        let jwk = key.public_jwk().to_json();
        self.call(ResourceCall::json(Method::POST, self.path(""), jwk)).await.map(drop)
    }

    /// Makes a key good, or no good any more.
    pub(super) async fn set_active(&self, key: &Registered, active: bool) -> Result<(), Failure> {
        let change = if active { "activate" } else { "deactivate" };
        let path = self.path(&format!("/{}/lifecycle/{change}", key.id));
        self.call(ResourceCall::json(Method::POST, path, "")).await.map(drop)
    }

    /// Deletes a key.
    pub(super) async fn delete(&self, key: &Registered) -> Result<(), Failure> {
        let mut call = ResourceCall::get(self.path(&format!("/{}", key.id)));
        call.method = Method::DELETE;
        self.call(call).await.map(drop)
    }

    fn path(&self, below: &str) -> String {
        format!("/api/v1/apps/{}/credentials/jwks{below}", self.client_id)
    }

    async fn call(&self, call: ResourceCall) -> Result<ResourceAnswer, Failure> {
        self.api.call(&call).await.map_err(|error| self.explain(error))
    }

    fn explain(&self, error: Error) -> Failure {
        let about = error.diagnosis().map(|diagnosis| diagnosis.about.clone());
        let failure = self.api.explain(error);
        match about.as_deref() {
            // After scopes are granted to an app, Okta lets only a super admin change its keys.
            Some("admin role") => failure.advise(
                "give the app that calls the super admin role, or name another app with --as; nothing was changed by this call",
            ),
            _ => failure,
        }
    }
}
