//! Service tokens that outlive the process.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{AccessToken, TokenType};
use crate::clock::Clock;
use crate::scope::Scopes;
use crate::secret::Token;
use crate::support::boxed_future::BoxFuture;
use crate::wire::server_numbers::MAX_LIFETIME;

/// A stored token with less life left than this is not used: the program that finds it has work
/// before it.
const MIN_REMAINING: Duration = Duration::from_secs(60);

/// Keeps the service tokens of one client beyond the process, or for several processes.
///
/// A [token source](crate::Client::token_source) that has no token yet looks here before it
/// requests one, and leaves here what it was given. Only tokens that say how long they live are
/// kept, and no bound ones: a token that is bound to a key (DPoP) is no use without it. What is
/// found and refused by a resource server is replaced once. A store that takes longer than five
/// seconds to answer is passed by.
///
/// What can read the store can use the tokens: encrypt them, for instance with a
/// [secret derived from the private key](crate::SigningKey::derive_secret). Tokens of other
/// clients, keys and servers must not be found in it.
///
/// # Example: a store that two clients of one process share
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex};
///
/// use okta_introspect::{BoxFuture, Scopes, StoredToken, TokenStore};
///
/// #[derive(Clone, Debug, Default)]
/// struct Shared(Arc<Mutex<HashMap<Scopes, StoredToken>>>);
///
/// impl TokenStore for Shared {
///     fn load<'a>(&'a self, scopes: &'a Scopes) -> BoxFuture<'a, Option<StoredToken>> {
///         Box::pin(async move { self.0.lock().ok()?.get(scopes).cloned() })
///     }
///
///     fn save<'a>(&'a self, scopes: &'a Scopes, token: StoredToken) -> BoxFuture<'a, ()> {
///         Box::pin(async move {
///             if let Ok(mut kept) = self.0.lock() {
///                 kept.insert(scopes.clone(), token);
///             }
///         })
///     }
/// }
/// ```
pub trait TokenStore: fmt::Debug + Send + Sync {
    /// The token that was saved last for exactly these scopes. `None` if there is none or it
    /// cannot be had, for whatever reason: a new one is requested.
    fn load<'a>(&'a self, scopes: &'a Scopes) -> BoxFuture<'a, Option<StoredToken>>;

    /// Keeps a token that was requested with these scopes, in place of the one before. That it
    /// cannot is no failure of the token.
    fn save<'a>(&'a self, scopes: &'a Scopes, token: StoredToken) -> BoxFuture<'a, ()>;
}

/// A bearer token in a [`TokenStore`]. `Debug` leaves the token out.
///
/// # Example: read back what was written
///
/// ```
/// use chrono::DateTime;
/// use okta_introspect::{StoredToken, Token};
///
/// fn read(token: &str, expires_at: i64) -> Option<StoredToken> {
///     let expires_at = DateTime::from_timestamp(expires_at, 0)?;
///     Some(StoredToken::new(Token::parse(token).ok()?, None, expires_at))
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredToken {
    /// The token itself.
    pub token: Token,
    /// What it permits, if the server said so.
    pub scopes: Option<Scopes>,
    /// When it ends, by the clock of this computer.
    pub expires_at: DateTime<Utc>,
}

impl StoredToken {
    /// A token that was kept.
    pub fn new(token: Token, scopes: Option<Scopes>, expires_at: DateTime<Utc>) -> Self {
        Self { token, scopes, expires_at }
    }

    /// What is to be kept of a token; `None` if it is bound, or does not say how long it lives.
    pub(super) fn of(token: &AccessToken, clock: &dyn Clock) -> Option<Self> {
        let lifetime = token.lifetime().filter(|_| token.token_type() == TokenType::Bearer)?;
        let age = clock.monotonic().saturating_duration_since(token.requested_at());
        let left = TimeDelta::from_std(lifetime.saturating_sub(age)).ok()?;
        let expires_at = clock.now().checked_add_signed(left)?;
        Some(Self::new(token.token().clone(), token.scopes().cloned(), expires_at))
    }

    /// The token for use; `None` if it ends too soon.
    pub(super) fn revive(self, clock: &dyn Clock) -> Option<AccessToken> {
        let left = (self.expires_at - clock.now()).to_std().ok()?.min(MAX_LIFETIME);
        let now = clock.monotonic();
        (left >= MIN_REMAINING).then(|| AccessToken::bearer(self.token, self.scopes, left, now))
    }
}
