//! Service tokens: the `client_credentials` grant
//! ([RFC 6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)), and their reuse.

mod cache;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::error::Error;
use crate::exchange::{Exchange, Target};
use crate::future::BoxFuture;
use crate::scope::Scopes;
use crate::secret::Token;

pub use cache::{CachedTokenSource, TokenCacheConfig};

pub(crate) use cache::TokenCache;

/// Gives an access token that is good to use now.
///
/// [`CachedTokenSource`] requests tokens and keeps them; [`StaticTokenSource`] always gives the
/// same one.
pub trait TokenSource: std::fmt::Debug + Send + Sync {
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
#[derive(Clone, Debug)]
pub struct AccessToken {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    token: Token,
    token_type: TokenType,
    scopes: Option<Scopes>,
    lifetime: Option<Duration>,
    requested_at: Instant,
}

/// How an access token is presented
/// ([RFC 6749 §7.1](https://www.rfc-editor.org/rfc/rfc6749#section-7.1)).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenType {
    /// Whoever has it may use it.
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
    /// The token itself.
    pub fn token(&self) -> &Token {
        &self.inner.token
    }

    /// How the token is presented.
    pub fn token_type(&self) -> TokenType {
        self.inner.token_type
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

    /// When the request for it was sent, on the monotonic clock. Its life is counted from here:
    /// the answer's own travel must not lengthen it.
    pub(crate) fn requested_at(&self) -> Instant {
        self.inner.requested_at
    }
}

/// Always gives the same token: for tests, and for tokens that come from elsewhere.
#[derive(Clone, Debug)]
pub struct StaticTokenSource {
    token: AccessToken,
}

impl StaticTokenSource {
    /// Gives `token`, as a bearer token, for ever.
    pub fn bearer(token: Token) -> Self {
        let inner = Inner {
            token,
            token_type: TokenType::Bearer,
            scopes: None,
            lifetime: None,
            requested_at: crate::clock::Clock::monotonic(&crate::clock::SystemClock),
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

/// A successful answer (RFC 6749 §5.1). Members that are not listed are of no use here.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Token,
    token_type: String,
    expires_in: Option<u64>,
    scope: Option<Scopes>,
}

/// Requests one token.
pub(crate) async fn request(
    exchange: &Exchange,
    target: &Target,
    scopes: &Scopes,
) -> Result<AccessToken, Error> {
    let scope = scopes.to_string();
    let form = [("grant_type", "client_credentials"), ("scope", &scope)];
    let reply = exchange.post(target, &form, &[]).await?;
    let answer: TokenAnswer = reply.answer.json(&[])?;
    let token_type = if answer.token_type.eq_ignore_ascii_case("Bearer") {
        TokenType::Bearer
    } else if answer.token_type.eq_ignore_ascii_case("DPoP") {
        TokenType::Dpop
    } else {
        return Err(reply.answer.malformed(
            "has a token type that is neither Bearer nor DPoP",
            &[answer.access_token.expose()],
        ));
    };
    let inner = Inner {
        token: answer.access_token,
        token_type,
        scopes: answer.scope,
        lifetime: answer.expires_in.map(Duration::from_secs),
        requested_at: reply.sent_at,
    };
    Ok(AccessToken { inner: Arc::new(inner) })
}
