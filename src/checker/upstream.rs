//! Who is asked: an authorization server, or whatever stands for one.

use std::fmt;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::clock::send_time::Departure;
use crate::error::{Error, ErrorKind};
use crate::issuer::Issuer;
use crate::oauth::introspect::{Introspection, TokenTypeHint};
use crate::secret::Token;
use crate::support::boxed_future::BoxFuture;
use crate::wire::rate_limit::Remaining;

/// Answers questions about the tokens of one issuer. [`Client`] is the one for servers; a cache
/// shared by several processes, or a test's script, can be another.
pub trait Upstream: fmt::Debug + Send + Sync {
    /// Whose tokens it knows.
    fn issuer(&self) -> &Issuer;

    /// Asks about one token, now. An implementation that makes the request wait says so to
    /// `departure`; one that says nothing has sent it at once. Should it answer from a store of
    /// its own, the request has to be taken as sent when the answer in the store was asked for.
    ///
    /// # Errors
    ///
    /// Whenever the state of the token is not known.
    fn introspect<'a>(
        &'a self,
        token: &'a Token,
        departure: &'a Departure,
    ) -> BoxFuture<'a, Result<Introspection, Error>>;

    /// Revokes a token. Default: refuses.
    ///
    /// # Errors
    ///
    /// Whenever it is not known whether the token was revoked.
    fn revoke<'a>(
        &'a self,
        _token: &'a Token,
        _hint: Option<TokenTypeHint>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let what = "this upstream cannot revoke tokens";
        Box::pin(async move { Err(Error::new(ErrorKind::Configuration, what)) })
    }

    /// What is left of the rate limit, if there is one that is known. Default: none.
    fn remaining(&self, _now: Instant) -> Option<Remaining> {
        None
    }
}

impl Error {
    /// Why an [`Upstream`] of somebody else's has no answer. `kind` decides what the checker does:
    /// only [temporary](ErrorKind::is_temporary) ones are taken for an outage. Keep tokens out of
    /// `what`.
    pub fn from_upstream(
        kind: ErrorKind,
        what: impl Into<String>,
        retry_after: Option<Duration>,
    ) -> Self {
        Self::new(kind, what).retry_in(retry_after)
    }
}

impl Upstream for Client {
    fn issuer(&self) -> &Issuer {
        self.issuer()
    }

    fn introspect<'a>(
        &'a self,
        token: &'a Token,
        departure: &'a Departure,
    ) -> BoxFuture<'a, Result<Introspection, Error>> {
        // Without a hint: whoever presents a token does not say which kind it is, and a server
        // looks among access tokens first.
        Box::pin(self.introspect_noting(token, None, departure))
    }

    fn revoke<'a>(
        &'a self,
        token: &'a Token,
        hint: Option<TokenTypeHint>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.revoke(token, hint))
    }

    fn remaining(&self, now: Instant) -> Option<Remaining> {
        self.introspection_remaining(now)
    }
}
