//! Tokens that tests order directly.

use std::time::Duration;

use super::Sandbox;
use super::mint::{self, Order};
use crate::error::Error;
use crate::scope::Scopes;
use crate::secret::Token;

impl Sandbox {
    /// Makes an access token without a token request, as if its client or user had got it before.
    ///
    /// # Errors
    ///
    /// [`Input`](crate::ErrorKind::Input) if there is no such client, user or server, or if the
    /// token would be longer than [`Token::MAX_LEN`].
    pub fn issue(&self, grant: &Grant) -> Result<Token, Error> {
        let shared = self.shared();
        shared.keep_up();
        let (app, authority) = shared.state().party(&grant.client_id, grant.server.as_deref())?;
        let user = match &grant.user_id {
            Some(id) => Some(shared.state().known_user(id)?.clone()),
            None => None,
        };
        let lifetime_secs = match grant.lifetime {
            Some(lifetime) => i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX / 2),
            None => i64::from(authority.token_lifetime_secs()),
        };
        let order = Order {
            app: &app,
            user: user.as_ref(),
            scopes: Scopes::from_answer(&grant.scopes.join(" ")),
            lifetime_secs,
            jkt: grant.jkt.clone(),
        };
        let (token, _) =
            mint::access_token(shared, &authority, &shared.base(), order, shared.now());
        Token::parse(&token)
    }
}

/// An access token to be made without a token request: for a client alone, or for a user who has
/// signed in through it. See [`Sandbox::issue`](super::Sandbox::issue).
#[derive(Clone, Debug)]
#[must_use]
pub struct Grant {
    pub(super) client_id: String,
    pub(super) user_id: Option<String>,
    pub(super) server: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) lifetime: Option<Duration>,
    pub(super) jkt: Option<String>,
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

    /// Bound to the DPoP key with this RFC 7638 thumbprint
    /// ([`PublicJwk::thumbprint`](crate::PublicJwk::thumbprint)). Default: a bearer token.
    pub fn bound_to(mut self, thumbprint: impl Into<String>) -> Self {
        self.jkt = Some(thumbprint.into());
        self
    }
}
