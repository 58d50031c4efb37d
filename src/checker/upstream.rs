//! The upstream: the authorization server that is asked about tokens, or what stands for it.

use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::clock::send_time::{SendTime, Sent};
use crate::error::{Error, ErrorKind};
use crate::issuer::Issuer;
use crate::oauth::introspect::{Introspection, TokenTypeHint};
use crate::secret::Token;
use crate::support::boxed_future::BoxFuture;
use crate::wire::rate_limit::Remaining;

/// Answers questions about the tokens of one issuer. [`Client`] is the one for servers; a cache
/// shared by several processes, or a test's script, can be another.
///
/// # Example: a service of one's own in front of the server
///
/// ```
/// use okta_introspect::checker::{Answered, SendTime, Upstream};
/// use okta_introspect::{BoxFuture, Clock, Error, Introspection, Issuer, SystemClock, Token};
///
/// /// Asks by a function, such as one that calls the service.
/// #[derive(Debug)]
/// struct Relay {
///     issuer: Issuer,
///     ask: for<'a> fn(&'a Token) -> BoxFuture<'a, Result<Introspection, Error>>,
/// }
///
/// impl Upstream for Relay {
///     fn issuer(&self) -> &Issuer {
///         &self.issuer
///     }
///
///     fn introspect<'a>(
///         &'a self,
///         token: &'a Token,
///         send_time: &'a SendTime,
///     ) -> BoxFuture<'a, Result<Answered, Error>> {
///         Box::pin(async move {
///             let sent = send_time.record(SystemClock.monotonic());
///             Ok(Answered { introspection: (self.ask)(token).await?, sent })
///         })
///     }
/// }
/// ```
pub trait Upstream: fmt::Debug + Send + Sync {
    /// The issuer of the tokens that it knows.
    fn issuer(&self) -> &Issuer;

    /// Asks about one token, now, and [records](SendTime::record) the request's send time before
    /// the first byte leaves. An answer is as old as its request; one that is older than the bound
    /// of a check is no answer for it, so a store of the upstream's own must hand out its entries
    /// with the [`Sent`] that they came with, and ask anew where checks demand younger ones. A `Sent`
    /// is good for the checker that it came from; what comes from elsewhere is recorded with the time
    /// at which it was asked for there.
    ///
    /// A call must end by itself, and soon: checks of the same token wait for it, each as long as
    /// its timeout says. What comes after more than an hour does not count.
    ///
    /// # Errors
    ///
    /// Whenever the state of the token is not known.
    fn introspect<'a>(
        &'a self,
        token: &'a Token,
        send_time: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>>;

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

    /// The id of the client that revokes, whose tokens a refresh token may take along. Default: `None`,
    /// it may be any client of the issuer.
    fn client_id(&self) -> Option<&str> {
        None
    }

    /// What tells apart those whose answers about a token may differ: for a client the endpoint and
    /// its own id. Instances that [share a store](super::CheckerBuilder::shared) share the answers of
    /// upstreams that say the same here, of the same issuer. Default: `None`, its answers are not
    /// shared.
    fn shared_as(&self) -> Option<String> {
        None
    }

    /// What is left of the rate limit, if there is one that is known. Default: none.
    fn remaining(&self, _now: Instant) -> Option<Remaining> {
        None
    }

    /// How many calls a second can be made on this side, where each takes a signature and the
    /// [signer](crate::SignerLimits) says how many it can make. Read once, when the checker is built.
    /// Default: nothing stands in the way.
    fn max_per_second(&self) -> Option<NonZeroU32> {
        None
    }
}

/// An [`Upstream`]'s answer, and when it was asked for: the one cannot be given without the other.
/// [`Sent`] has an example.
///
/// # Example: an upstream's last step
///
/// ```
/// use std::time::Instant;
///
/// use okta_introspect::Introspection;
/// use okta_introspect::checker::{Answered, SendTime};
///
/// fn answered(send_time: &SendTime, at: Instant, introspection: Introspection) -> Answered {
///     Answered { introspection, sent: send_time.record(at) }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Answered {
    /// What is known of the token.
    pub introspection: Introspection,
    /// When the request for it was sent.
    pub sent: Sent,
}

impl Error {
    /// Why an [`Upstream`] outside this crate has no answer. `kind` decides what the checker does:
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
        send_time: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        Box::pin(async move {
            // Without a hint: a request does not say which kind of token it presents, and servers
            // look among access tokens first.
            let introspection = self.introspect_noting(token, None, send_time).await?;
            let sent = send_time.latest().ok_or_else(unrecorded)?;
            Ok(Answered { introspection, sent })
        })
    }

    fn revoke<'a>(
        &'a self,
        token: &'a Token,
        hint: Option<TokenTypeHint>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.revoke(token, hint))
    }

    fn client_id(&self) -> Option<&str> {
        Some(self.client_id())
    }

    fn shared_as(&self) -> Option<String> {
        Some(format!("{} {}", self.endpoints().introspection, self.client_id()))
    }

    fn remaining(&self, now: Instant) -> Option<Remaining> {
        self.introspection_remaining(now)
    }

    fn max_per_second(&self) -> Option<NonZeroU32> {
        self.max_per_second()
    }
}

/// Never reached: every attempt of a call is recorded before its request is sent.
fn unrecorded() -> Error {
    Error::malformed("an answer came to a request that was not sent")
}
