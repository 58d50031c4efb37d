//! Custom authorization servers.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde::Deserialize;

use crate::error::Error;

/// A custom authorization server, at `/oauth2/{id}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CustomServer {
    /// The id in the issuer URL, such as `default`: letters, digits, `-`, `_`; not `v1`.
    pub id: String,
    /// The `aud` of its access tokens. Default: `api://{id}`.
    #[serde(default)]
    pub audience: Option<String>,
    /// The scopes defined on it. Default: none.
    #[serde(default)]
    pub scopes: BTreeSet<String>,
    /// The scopes given to requests that name none, each one of [`scopes`](Self::scopes).
    /// Default: none, and such requests are refused.
    #[serde(default)]
    pub default_scopes: BTreeSet<String>,
    /// How long its access tokens live, in seconds: 300 to 86 400 as in Okta. Default: 3600.
    #[serde(default = "hour")]
    pub token_lifetime_secs: u32,
    /// The clients to which its access policy applies. Default: all of them; an empty list is a
    /// server without any policy.
    #[serde(default)]
    pub clients: Option<BTreeSet<String>>,
}

impl CustomServer {
    const LIFETIME_SECS: RangeInclusive<u32> = 300..=86_400;

    /// A server whose policy lets in every client, with tokens for an hour.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            audience: None,
            scopes: BTreeSet::new(),
            default_scopes: BTreeSet::new(),
            token_lifetime_secs: hour(),
            clients: None,
        }
    }

    /// Sets the `aud` of the access tokens.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Defines a scope.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.insert(scope.into());
        self
    }

    /// Defines a scope that is given to requests which name none.
    #[must_use]
    pub fn default_scope(mut self, scope: impl Into<String>) -> Self {
        let scope = scope.into();
        self.default_scopes.insert(scope.clone());
        self.scope(scope)
    }

    /// Sets how long access tokens live, in seconds: 300 to 86 400.
    #[must_use]
    pub fn token_lifetime_secs(mut self, seconds: u32) -> Self {
        self.token_lifetime_secs = seconds;
        self
    }

    /// Restricts the access policy to the clients named so far and `client_id`.
    #[must_use]
    pub fn client(mut self, client_id: impl Into<String>) -> Self {
        self.clients.get_or_insert_default().insert(client_id.into());
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let id = &self.id;
        let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if id.is_empty() || id == "v1" || !id.chars().all(usable) {
            let what = format!("a custom server has an id that cannot stand in its URL: {id:?}");
            return Err(Error::new(what, "use letters, digits, - and _"));
        }
        if !Self::LIFETIME_SECS.contains(&self.token_lifetime_secs) {
            let what = format!("the token lifetime of server {id} is out of bounds");
            return Err(Error::new(what, "use 300 to 86400 seconds"));
        }
        if !self.default_scopes.is_subset(&self.scopes) {
            let what = format!("server {id} has a default scope that is none of its scopes");
            return Err(Error::new(what, "list it under `scopes` as well"));
        }
        Ok(())
    }

    pub(crate) fn token_audience(&self) -> String {
        self.audience.clone().unwrap_or_else(|| format!("api://{}", self.id))
    }
}

fn hour() -> u32 {
    3600
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_outside_its_bounds_is_refused() {
        let lifetime = |seconds| CustomServer::new("default").token_lifetime_secs(seconds).check();
        assert!(lifetime(299).is_err());
        assert!(lifetime(300).is_ok());
        assert!(lifetime(86_400).is_ok());
        assert!(lifetime(86_401).is_err());
        for id in ["", "v1", "a/b", ".well-known", "a b"] {
            assert!(CustomServer::new(id).check().is_err(), "{id}");
        }
    }
}
