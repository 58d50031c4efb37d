//! Service tokens: the `client_credentials` grant
//! ([RFC 6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)), and their reuse; users'
//! tokens: the `refresh_token` grant.

mod refresh;
mod request;
mod source;
mod store;
#[cfg(test)]
mod suspend;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Method, Url};

use crate::clock::server_time::ServerTime;
use crate::clock::{Clock, SystemClock};
use crate::credential::dpop::Prover;
use crate::error::Error;
use crate::scope::Scopes;
use crate::secret::{Secret, Token};
use crate::support::boxed_future::BoxFuture;

pub use refresh::Refreshed;
pub use source::{CachedTokenSource, TokenCacheConfig};
pub use store::{StoredToken, TokenStore};

pub(crate) use refresh::{Refreshes, refresh};
pub(crate) use request::{TokenEndpoints, request};
pub(crate) use source::{Fetch, TokenCache};

/// Gives an access token that is good to use now.
///
/// [`CachedTokenSource`] requests tokens and keeps them; [`StaticTokenSource`] always gives the
/// same one.
///
/// # Example: code that takes any source
///
/// ```
/// use okta_introspect::{Error, TokenSource};
///
/// async fn authorization(source: &dyn TokenSource, url: &str) -> Result<String, Error> {
///     let presentation = source.token().await?.present("GET", url).await?;
///     Ok(presentation.authorization.expose().to_owned())
/// }
/// ```
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// A token that is good to use now.
    ///
    /// # Errors
    ///
    /// Why there is none; see the implementation.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is safe, and takes nothing from other callers.
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, Error>>;
}

/// An access token that this client was given. Cheap to clone; `Debug` leaves the token out.
///
/// # Example: request one and end it
///
/// ```no_run
/// use okta_introspect::{Client, Error, Scopes};
///
/// # async fn example(client: &Client) -> Result<(), Error> {
/// let token = client.request_token(&Scopes::parse("okta.users.read")?).await?;
/// println!("lives for {:?}", token.lifetime());
/// client.revoke(token.token(), None).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AccessToken {
    inner: Arc<Inner>,
}

struct Inner {
    token: Token,
    scopes: Option<Scopes>,
    lifetime: Option<Duration>,
    requested_at: Instant,
    /// What proves possession of the key to which the token is bound, if it is bound to one.
    prover: Option<(Arc<Prover>, Arc<ServerTime>)>,
}

/// The header values with which an access token is presented to a resource server, for one
/// request. `Debug` shows nothing of them.
///
/// # Example: with an HTTP client of your own
///
/// ```
/// use okta_introspect::{AccessToken, Error};
///
/// async fn headers(token: &AccessToken, url: &str) -> Result<Vec<(&'static str, String)>, Error> {
///     let shown = token.present("GET", url).await?;
///     let authorization = ("authorization", shown.authorization.expose().to_owned());
///     let dpop = shown.dpop.map(|proof| ("dpop", proof.expose().to_owned()));
///     Ok([authorization].into_iter().chain(dpop).collect())
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Presentation {
    /// For `Authorization`.
    pub authorization: Secret,
    /// For `DPoP`, if the token is bound
    /// ([RFC 9449 §7.1](https://www.rfc-editor.org/rfc/rfc9449#section-7.1)).
    pub dpop: Option<Secret>,
}

/// How an access token is presented
/// ([RFC 6749 §7.1](https://www.rfc-editor.org/rfc/rfc6749#section-7.1)).
///
/// # Example: is it bound to a key?
///
/// ```
/// use okta_introspect::{AccessToken, TokenType};
///
/// fn is_bound(token: &AccessToken) -> bool {
///     token.token_type() == TokenType::Dpop
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenType {
    /// Good for whatever holds it.
    Bearer,
    /// Bound to a key; each use needs a proof
    /// ([RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)).
    Dpop,
}

impl TokenType {
    /// The authorization scheme.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

impl AccessToken {
    /// A token that was requested earlier and lives for so long from now on.
    fn bearer(token: Token, scopes: Option<Scopes>, left: Duration, now: Instant) -> Self {
        let lifetime = Some(left);
        let inner = Inner { token, scopes, lifetime, requested_at: now, prover: None };
        Self { inner: Arc::new(inner) }
    }

    /// The token itself, for introspection and revocation. To use it at a resource server, take
    /// [`present`](Self::present).
    pub fn token(&self) -> &Token {
        &self.inner.token
    }

    /// How the token is presented.
    pub fn token_type(&self) -> TokenType {
        if self.inner.prover.is_some() { TokenType::Dpop } else { TokenType::Bearer }
    }

    /// The headers for one request to a resource server: `Bearer`, or `DPoP` with a new proof if
    /// the token is bound. So a bound token cannot go out as a plain one by mistake.
    ///
    /// # Errors
    ///
    /// [`Input`](crate::ErrorKind::Input) if `method` or `url` is not one, and
    /// [`Key`](crate::ErrorKind::Key) if the proof cannot be signed.
    pub async fn present(&self, method: &str, url: &str) -> Result<Presentation, Error> {
        let url = Url::parse(url)
            .map_err(|cause| Error::input("the resource's URL is not one").because(cause))?;
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|cause| Error::input("the HTTP method is not one").because(cause))?;
        self.present_to(&method, &url).await
    }

    pub(crate) async fn present_to(
        &self,
        method: &Method,
        url: &Url,
    ) -> Result<Presentation, Error> {
        let dpop = match &self.inner.prover {
            Some((prover, time)) => {
                let place = url.origin().ascii_serialization();
                Some(prover.proof(method, url, &place, Some(self.token()), time.now()).await?)
            }
            None => None,
        };
        let scheme = self.token_type().as_str();
        Ok(Presentation {
            authorization: Secret::new(format!("{scheme} {}", self.token().expose())),
            dpop,
        })
    }

    /// What the token permits, if the server said so; otherwise it is what was requested
    /// ([RFC 6749 §5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).
    pub fn scopes(&self) -> Option<&Scopes> {
        self.inner.scopes.as_ref()
    }

    /// How long the token lives in all, if the server said so.
    pub fn lifetime(&self) -> Option<Duration> {
        self.inner.lifetime
    }

    /// How long the token still lives, if the server said how long it lives in all; zero once it
    /// has ended. Counted from when the request for it was sent.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use okta_introspect::{AccessToken, SystemClock};
    ///
    /// fn lasts_for_the_upload(token: &AccessToken) -> bool {
    ///     token.time_left(&SystemClock).is_none_or(|left| left > Duration::from_secs(300))
    /// }
    /// ```
    pub fn time_left(&self, clock: &dyn Clock) -> Option<Duration> {
        let age = clock.monotonic().saturating_duration_since(self.inner.requested_at);
        Some(self.inner.lifetime?.saturating_sub(age))
    }

    /// When the token ends by this clock, if the server said how long it lives. A token that has
    /// ended ends now.
    pub fn expires_at(&self, clock: &dyn Clock) -> Option<DateTime<Utc>> {
        let left = TimeDelta::from_std(self.time_left(clock)?).ok()?;
        clock.now().checked_add_signed(left)
    }

    /// Whether both are the same token.
    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner) || self.token().expose() == other.token().expose()
    }

    /// When the request for it was sent, on the monotonic clock. Its life is counted from here:
    /// the answer's own travel must not lengthen it.
    pub(crate) fn requested_at(&self) -> Instant {
        self.inner.requested_at
    }
}

impl fmt::Debug for AccessToken {
    /// Leaves out the clocks and keys that come along.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { token, scopes, lifetime, .. } = &*self.inner;
        f.debug_struct("AccessToken")
            .field("token", token)
            .field("token_type", &self.token_type())
            .field("scopes", scopes)
            .field("lifetime", lifetime)
            .finish_non_exhaustive()
    }
}

/// Always gives the same token: for tests, and for tokens that come from elsewhere.
///
/// # Example: a token from the environment
///
/// ```
/// use okta_introspect::{Error, StaticTokenSource, Token};
///
/// fn source() -> Result<StaticTokenSource, Error> {
///     let token = std::env::var("ACCESS_TOKEN").unwrap_or_default();
///     Ok(StaticTokenSource::bearer(Token::parse(&token)?))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct StaticTokenSource {
    token: AccessToken,
}

impl StaticTokenSource {
    /// Gives `token`, as a bearer token, for ever.
    pub fn bearer(token: Token) -> Self {
        let inner = Inner {
            token,
            scopes: None,
            lifetime: None,
            requested_at: SystemClock.monotonic(),
            prover: None,
        };
        Self { token: AccessToken { inner: Arc::new(inner) } }
    }
}

impl TokenSource for StaticTokenSource {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, Error>> {
        let token = self.token.clone();
        Box::pin(async move { Ok(token) })
    }
}
