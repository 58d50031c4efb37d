//! Calls that end tokens, and what of the cache ends with them.

use super::invalidation::Invalidation;
use super::{Checker, Server};
use crate::client::Client;
use crate::error::Error;
use crate::oauth::introspect::TokenTypeHint;
use crate::oauth::token::Refreshed;
use crate::scope::Scopes;
use crate::secret::Token;

impl Checker {
    /// Revokes a token at its server, and invalidates it here before and after that, even if the
    /// call fails: it may have been carried out all the same.
    ///
    /// A refresh token takes its access tokens along. Which they are is not told; so with the hint
    /// [`RefreshToken`](TokenTypeHint::RefreshToken) all tokens of the [client that
    /// revokes](crate::checker::Upstream::client_id) are invalidated. Where that is too much, revoke with the
    /// [client](crate::Client::revoke), and [invalidate](Self::invalidate) the user's afterwards.
    ///
    /// # Errors
    ///
    /// Those of [`Client::revoke`](crate::Client::revoke);
    /// [`Input`](crate::ErrorKind::Input) if the token is of an unknown issuer.
    ///
    /// # Cancellation
    ///
    /// Dropping the future invalidates the token too: the server may have the request already.
    pub async fn revoke(&self, token: &Token, hint: Option<TokenTypeHint>) -> Result<(), Error> {
        let server = self.inner.routes.route(token.expose()).ok_or_else(|| {
            Error::input("the token is of an issuer that this checker has no server for")
        })?;
        let (server, begun) = (&self.inner.servers[server], self.inner.clock.monotonic());
        let descendants = (hint == Some(TokenTypeHint::RefreshToken)).then(|| server.own_tokens());
        let _after = InvalidateOnDrop::begin(self, [Some(Invalidation::Token(token)), descendants]);
        let result = server.upstream.revoke(token, hint).await;
        let took = self.inner.clock.monotonic().saturating_duration_since(begun);
        server.counters.revoked(took, result.as_ref().copied().map_err(Error::kind));
        result
    }

    /// [Refreshes](crate::Client::refresh) with a user's refresh token, and invalidates what may have ended by
    /// that: the refresh token itself, and unless there was a new access token also `sign_in`, which names the
    /// tokens that were issued since the user signed in, such as
    /// [`Invalidation::User`]. A server that takes the refresh token for a stolen one
    /// ends them all, and the next check asks it.
    ///
    /// # Errors
    ///
    /// Those of [`Client::refresh`](crate::Client::refresh).
    ///
    /// # Cancellation
    ///
    /// Dropping the future invalidates `sign_in` too: the server may have the request already.
    ///
    /// # Example: a backend that holds its users' refresh tokens
    ///
    /// ```no_run
    /// use okta_introspect::checker::{Checker, Invalidation};
    /// use okta_introspect::{Client, Error, Refreshed, Token};
    ///
    /// async fn renew(
    ///     checker: &Checker,
    ///     client: &Client,
    ///     (user_id, kept): (&str, &Token),
    /// ) -> Result<Refreshed, Error> {
    ///     checker.refresh(client, kept, None, Invalidation::User(user_id)).await
    /// }
    /// ```
    pub async fn refresh(
        &self,
        client: &Client,
        refresh_token: &Token,
        scopes: Option<&Scopes>,
        sign_in: Invalidation<'_>,
    ) -> Result<Refreshed, Error> {
        let own = Invalidation::Token(refresh_token);
        let mut after = InvalidateOnDrop { checker: self, names: [Some(own), Some(sign_in)] };
        let refreshed = client.refresh(refresh_token, scopes).await?;
        after.names = [Some(own), None];
        Ok(refreshed)
    }
}

/// Invalidates tokens when what ends them is over, be it because that was given up.
struct InvalidateOnDrop<'a> {
    checker: &'a Checker,
    names: [Option<Invalidation<'a>>; 2],
}

impl<'a> InvalidateOnDrop<'a> {
    /// Invalidates them now as well.
    fn begin(checker: &'a Checker, names: [Option<Invalidation<'a>>; 2]) -> Self {
        let own = Self { checker, names };
        own.invalidate();
        own
    }

    fn invalidate(&self) {
        self.names.into_iter().flatten().for_each(|named| self.checker.invalidate(named));
    }
}

impl Drop for InvalidateOnDrop<'_> {
    fn drop(&mut self) {
        self.invalidate();
    }
}

impl Server {
    /// The tokens that the client can have been given which calls this server.
    fn own_tokens(&self) -> Invalidation<'_> {
        match self.upstream.client_id() {
            Some(id) => Invalidation::Client(id),
            None => Invalidation::Server(self.issuer.as_str()),
        }
    }
}
