//! Apps: the OAuth clients, with their keys and grants.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::app_key::{self, AppKey};
use super::client_secret::{self, ClientSecret};

/// An app integration: an OAuth client.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct App {
    /// The client id, such as `0oa1service`. Any text that is not empty.
    pub client_id: String,
    /// The name that people see, in the System Log too. Default: the client id.
    #[serde(default)]
    pub label: Option<String>,
    /// `service` or `web`. Default: `service`.
    #[serde(default, rename = "type")]
    pub kind: AppKind,
    /// How the app authenticates; any other way is refused. Default: `private_key_jwt`.
    #[serde(default)]
    pub auth_method: AuthMethod,
    /// The registered public keys: a JWK Set (`{"keys": […]}`) or a plain list of JWKs. Default:
    /// none.
    ///
    /// A set that Okta would refuse to register (more than 50 keys, the same `kid` twice, several
    /// keys of which one has no `kid`) is answered with `The client JWKSet is invalid.`
    #[serde(default, deserialize_with = "app_key::read_set")]
    pub jwks: Vec<AppKey>,
    /// The client secrets, in the seed as `client_secrets`: two at most, as in Okta. Default: none.
    #[serde(default, rename = "client_secrets", deserialize_with = "client_secret::read_list")]
    pub secrets: Vec<ClientSecret>,
    /// The Okta API scopes granted to the app, such as `okta.users.read`. Default: none.
    #[serde(default)]
    pub scopes: BTreeSet<String>,
    /// Whether token requests need a DPoP proof, and tokens are bound to its key. Default: `false`,
    /// as in Okta's API (its Admin Console turns it on). While it is off a proof is ignored.
    #[serde(default)]
    pub dpop_required: bool,
    /// Whether the app has an admin role, without which management APIs answer 403 even to a
    /// token with the right scope. Default: `true`.
    #[serde(default = "yes")]
    pub admin: bool,
    /// `ACTIVE` or `INACTIVE`. Default: `ACTIVE`.
    #[serde(default)]
    pub status: AppStatus,
}

impl App {
    /// How many keys Okta registers for an app.
    pub(crate) const MAX_KEYS: usize = 50;

    /// How many secrets Okta registers for an app.
    pub(crate) const MAX_SECRETS: usize = 2;

    /// An API Services app that authenticates with `private_key_jwt`: active, with an admin role,
    /// without keys and grants.
    pub fn service(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            label: None,
            kind: AppKind::Service,
            auth_method: AuthMethod::PrivateKeyJwt,
            jwks: Vec::new(),
            secrets: Vec::new(),
            scopes: BTreeSet::new(),
            dpop_required: false,
            admin: true,
            status: AppStatus::Active,
        }
    }

    /// A web app that authenticates with `private_key_jwt`. It may introspect and revoke, and get
    /// tokens from custom servers; the org server gives it none.
    pub fn web(client_id: impl Into<String>) -> Self {
        Self { kind: AppKind::Web, ..Self::service(client_id) }
    }

    /// Names the app for people.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Registers a public key.
    #[must_use]
    pub fn key(mut self, key: impl Into<AppKey>) -> Self {
        self.jwks.push(key.into());
        self
    }

    /// Registers a client secret, for an app that does not authenticate by a key.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<ClientSecret>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// Grants an Okta API scope.
    #[must_use]
    pub fn grant(mut self, scope: impl Into<String>) -> Self {
        self.scopes.insert(scope.into());
        self
    }

    /// Sets the authentication method.
    #[must_use]
    pub fn auth_method(mut self, method: AuthMethod) -> Self {
        self.auth_method = method;
        self
    }

    /// Sets whether token requests need a DPoP proof.
    #[must_use]
    pub fn dpop_required(mut self, required: bool) -> Self {
        self.dpop_required = required;
        self
    }

    /// Gives the app an admin role, or takes it away.
    #[must_use]
    pub fn admin(mut self, admin: bool) -> Self {
        self.admin = admin;
        self
    }

    /// Sets whether the app is active.
    #[must_use]
    pub fn status(mut self, status: AppStatus) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn display_name(&self) -> &str {
        let label = self.label.as_deref().filter(|label| !label.is_empty());
        label.unwrap_or(&self.client_id)
    }
}

/// Okta's `application_type`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AppKind {
    /// A machine: the only kind that gets tokens from the org server by itself.
    #[default]
    Service,
    /// A website with users.
    Web,
}

/// Okta's `token_endpoint_auth_method`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuthMethod {
    /// A JWT signed with the app's private key.
    #[default]
    PrivateKeyJwt,
    /// A JWT signed with the client secret.
    ClientSecretJwt,
    /// The client secret in the `Authorization` header.
    ClientSecretBasic,
    /// The client secret in the form.
    ClientSecretPost,
    /// Nothing but the client id: a public client.
    None,
}

impl AuthMethod {
    /// Its name in OpenID Connect.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::None => "none",
        }
    }
}

/// Whether an app is in use.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum AppStatus {
    /// In use.
    #[default]
    Active,
    /// Deactivated: it cannot authenticate, and its tokens are dead for good.
    Inactive,
}

fn yes() -> bool {
    true
}
