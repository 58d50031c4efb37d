//! A user's sign-in through a client.

use std::time::Duration;

use super::as_token::AsToken;
use crate::jose;

/// A user's sign-in through a client. [`Sandbox::sign_in`](crate::Sandbox::sign_in) gives all its tokens,
/// [`Sandbox::issue_id_token`](crate::Sandbox::issue_id_token) only the one that tells of it
/// ([OpenID Connect Core §2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)).
///
/// The ID token has Okta's claims: `ver`, `jti`, `iss`, `aud` (the client id), `sub` (the user id),
/// `iat`, `exp`, `auth_time`, `amr` and `idp`, and what the methods add. Its key is among the
/// published ones of its server.
#[derive(Clone, Debug)]
#[must_use]
pub struct SignIn {
    pub(crate) client_id: String,
    pub(crate) user_id: String,
    pub(crate) server: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) nonce: Option<String>,
    /// Of the access token that was issued together with it.
    pub(crate) at_hash: Option<String>,
    /// The thumbprint of the key to which the access token is bound.
    pub(crate) jkt: Option<String>,
    lifetime: Duration,
}

impl SignIn {
    /// Okta: an hour.
    pub const LIFETIME: Duration = Duration::from_secs(3600);

    /// At the org server, through this client, with the scope `openid` alone.
    pub fn new(client_id: impl Into<String>, user_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            user_id: user_id.into(),
            server: None,
            scopes: vec!["openid".to_owned()],
            nonce: None,
            at_hash: None,
            jkt: None,
            lifetime: Self::LIFETIME,
        }
    }

    /// At the custom server with this id instead of the org server.
    pub fn server(mut self, id: impl Into<String>) -> Self {
        self.server = Some(id.into());
        self
    }

    /// With this scope too: `profile` adds the names to the ID token, `email` the address, and with
    /// `offline_access` there is a refresh token.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// With the nonce that the client sent. Default: none was sent, and there is no claim.
    pub fn nonce(mut self, nonce: impl Into<String>) -> Self {
        self.nonce = Some(nonce.into());
        self
    }

    /// Together with this access token, whose hash becomes `at_hash`. Default: without one.
    pub fn access_token(mut self, token: impl AsToken) -> Self {
        self.at_hash = Some(jose::left_half_of_sha256(token.as_token()));
        self
    }

    /// With an access token that is bound to the DPoP key with this
    /// [RFC 7638](https://www.rfc-editor.org/rfc/rfc7638) thumbprint; so is the refresh token of a public
    /// client. Default: bearer tokens.
    pub fn bound_to(mut self, thumbprint: impl Into<String>) -> Self {
        self.jkt = Some(thumbprint.into());
        self
    }

    /// With an ID token that lives for so long, in whole seconds; zero is one that is expired at
    /// once. Default: [`LIFETIME`](Self::LIFETIME).
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    pub(crate) fn lifetime_secs(&self) -> i64 {
        // Half of the range leaves room for the time of issue.
        i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX / 2)
    }
}
