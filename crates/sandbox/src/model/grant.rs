//! An access token to be issued without a token request.

use std::time::Duration;

/// An access token to be issued without a token request: for a client alone, or for a user after
/// a sign-in through it. See [`Sandbox::issue`](crate::Sandbox::issue).
#[derive(Clone, Debug)]
#[must_use]
pub struct Grant {
    pub(crate) client_id: String,
    pub(crate) user_id: Option<String>,
    pub(crate) server: Option<String>,
    pub(crate) scopes: Vec<String>,
    lifetime: Option<Duration>,
    pub(crate) jkt: Option<String>,
}

impl Grant {
    /// A token of the org server for this client, without scopes, with the server's lifetime.
    pub fn to_client(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            user_id: None,
            server: None,
            scopes: Vec::new(),
            lifetime: None,
            jkt: None,
        }
    }

    /// On behalf of the user with this id.
    pub fn user(mut self, id: impl Into<String>) -> Self {
        self.user_id = Some(id.into());
        self
    }

    /// From the custom server with this id instead of the org server.
    pub fn server(mut self, id: impl Into<String>) -> Self {
        self.server = Some(id.into());
        self
    }

    /// With this scope too; neither grants nor policies are asked.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// For this long, in whole seconds, of any length; zero is a token that is expired at once.
    /// Default: as long as the server's tokens live.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Bound to the DPoP key with this
    /// [RFC 7638](https://www.rfc-editor.org/rfc/rfc7638) thumbprint. Default: a bearer token.
    pub fn bound_to(mut self, thumbprint: impl Into<String>) -> Self {
        self.jkt = Some(thumbprint.into());
        self
    }

    /// In seconds, if the grant sets it.
    pub(crate) fn lifetime_secs(&self) -> Option<i64> {
        // Half of the range leaves room for the time of issue.
        self.lifetime.map(|lifetime| i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX / 2))
    }
}
