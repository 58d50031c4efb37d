//! Keeps service tokens: one request for all callers that wait, and a new token before the old one ends.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{AccessToken, StoredToken, TokenSource, TokenStore};
use crate::clock::{Clock, Deadline};
use crate::error::bounds::within;
use crate::error::{Error, ErrorKind};
use crate::scope::Scopes;
use crate::support::boxed_future::BoxFuture;
use crate::support::random::Random;
use crate::support::single_flight::{Flight, SingleFlight};

/// How service tokens are kept. Bounds are checked by
/// [`ClientBuilder::build`](crate::ClientBuilder::build).
///
/// # Example: tokens that are used for long calls
///
/// ```
/// use std::time::Duration;
/// use okta_introspect::TokenCacheConfig;
///
/// let mut config = TokenCacheConfig::default();
/// config.min_left = Duration::from_secs(60);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TokenCacheConfig {
    /// How long before its end a token is replaced in the background, at the earliest. Up to a
    /// quarter of it is taken away again at random, so that many processes do not ask at once.
    /// Default: five minutes, and never more than a fifth of the token's life. Bounds: at most
    /// 24 h.
    pub refresh_ahead: Duration,
    /// A token with less life left than this is not given out any more, since it could end on
    /// its way. Default: ten seconds. Bounds: at most 24 h.
    pub min_left: Duration,
    /// How long to leave the server alone after a background request failed, while the old
    /// token is still good. Default: five seconds. Bounds: at most 24 h.
    pub pause_after_failure: Duration,
}

impl TokenCacheConfig {
    /// The most that any of them can be.
    const MAX: Duration = Duration::from_secs(24 * 60 * 60);

    /// Refuses settings that are out of bounds.
    pub(crate) fn check(&self) -> Result<(), Error> {
        within("refresh_ahead", self.refresh_ahead, Duration::ZERO..=Self::MAX)?;
        within("min_left", self.min_left, Duration::ZERO..=Self::MAX)?;
        within("pause_after_failure", self.pause_after_failure, Duration::ZERO..=Self::MAX)
    }
}

impl Default for TokenCacheConfig {
    fn default() -> Self {
        Self {
            refresh_ahead: Duration::from_secs(5 * 60),
            min_left: Duration::from_secs(10),
            pause_after_failure: Duration::from_secs(5),
        }
    }
}

/// Requests one token; what the cache calls when it has none.
pub(crate) type Fetch =
    Arc<dyn Fn(Scopes) -> BoxFuture<'static, Result<AccessToken, Error>> + Send + Sync>;

/// The service tokens of one client, by scopes.
pub(crate) struct TokenCache {
    shared: Arc<Shared>,
    cells: Mutex<HashMap<Scopes, Arc<Cell>>>,
}

struct Shared {
    config: TokenCacheConfig,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    store: Option<Arc<dyn TokenStore>>,
    fetch: Fetch,
}

impl TokenCache {
    pub(crate) fn new(
        config: TokenCacheConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        store: Option<Arc<dyn TokenStore>>,
        fetch: Fetch,
    ) -> Self {
        let shared = Shared { config, clock, random, store, fetch };
        Self { shared: Arc::new(shared), cells: Mutex::default() }
    }

    /// The source for `scopes`; all sources for the same scopes share one token.
    pub(crate) fn source(&self, scopes: Scopes) -> CachedTokenSource {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = Arc::clone(cells.entry(scopes.clone()).or_default());
        CachedTokenSource { shared: Arc::clone(&self.shared), scopes, cell }
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

/// Gives service tokens, requesting a new one only when needed. Cheap to clone; clones, and all
/// sources of one client for the same scopes, share one token.
///
/// While there is a usable token no caller waits: its replacement is requested in the background.
/// Otherwise all callers that wait share one request, and its failure if it fails; a failure is
/// never kept, so the next caller tries anew. A token without `expires_in` is handed to the
/// callers that waited for it and not kept.
#[derive(Clone)]
pub struct CachedTokenSource {
    shared: Arc<Shared>,
    scopes: Scopes,
    cell: Arc<Cell>,
}

/// The token of one set of scopes.
#[derive(Default)]
struct Cell {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    requests: SingleFlight<Fetched>,
    /// After a failure in the background: not before this.
    resume_at: Option<Instant>,
    /// A token was refused. The store may have the same one.
    refused: bool,
}

type Fetched = Result<AccessToken, Error>;

/// Where a token may come from.
#[derive(Clone, Copy)]
enum Origin {
    /// From the store, or else the server.
    Anywhere,
    /// From the server alone: what the store has ends soon, or was refused.
    Server,
}

struct Kept {
    token: AccessToken,
    refresh_at: Instant,
    usable_until: Instant,
}

impl CachedTokenSource {
    /// The scopes that are requested.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// As [`token`](TokenSource::token), but waits no longer than `timeout`; more than 24 h counts
    /// as that. The request goes on for the others.
    ///
    /// # Errors
    ///
    /// As [`token`](TokenSource::token), and [`TimedOut`](ErrorKind::TimedOut).
    pub async fn token_within(&self, timeout: Duration) -> Result<AccessToken, Error> {
        let clock = &*self.shared.clock;
        Deadline::new(clock, clock.monotonic() + timeout.min(TokenCacheConfig::MAX))
            .before(self.token())
            .await
            .unwrap_or_else(|| {
                Err(Error::new(ErrorKind::TimedOut, "no token came in time")
                    .advise("try again, or allow more time"))
            })
    }

    /// Forgets the kept token, for instance because a resource server refused it.
    pub fn invalidate(&self) {
        let mut state = self.cell.state();
        state.kept = None;
        state.refused = true;
    }

    /// The kept token, or the request that will bring one.
    fn kept(&self) -> Result<AccessToken, Flight<Fetched>> {
        let now = self.shared.clock.monotonic();
        let mut state = self.cell.state();
        if let Some(kept) = state.kept.as_ref().filter(|kept| now < kept.usable_until) {
            let token = kept.token.clone();
            let may_ask = state.requests.len() == 0 && state.resume_at.is_none_or(|at| now >= at);
            if now >= kept.refresh_at && may_ask {
                self.start(&mut state, Origin::Server);
            }
            return Ok(token);
        }
        let origin = if state.refused { Origin::Server } else { Origin::Anywhere };
        Err(state.requests.join(|()| true).unwrap_or_else(|| self.start(&mut state, origin)))
    }

    fn start(&self, state: &mut State, origin: Origin) -> Flight<Fetched> {
        let (work, end) = (self.clone(), self.clone());
        state.requests.start((), async move { work.obtain(origin).await }, move |id, result| {
            let mut state = end.cell.state();
            state.requests.finish(id);
            if let Some(result) = result {
                end.keep(&mut state, result);
            }
        })
    }

    async fn obtain(&self, origin: Origin) -> Result<AccessToken, Error> {
        let Shared { clock, store, fetch, .. } = &*self.shared;
        if let (Origin::Anywhere, Some(store)) = (origin, store)
            && let Some(stored) = store.load(&self.scopes).await
            && let Some(token) = stored.revive(&**clock)
        {
            return Ok(token);
        }
        let token = fetch(self.scopes.clone()).await?;
        if let Some(store) = store
            && let Some(stored) = StoredToken::of(&token, &**clock)
        {
            store.save(&self.scopes, stored).await;
        }
        Ok(token)
    }

    fn keep(&self, state: &mut State, result: &Fetched) {
        let config = &self.shared.config;
        match result {
            Ok(token) => {
                state.resume_at = None;
                state.refused = false;
                state.kept = token.lifetime().map(|lifetime| {
                    let ahead = config.refresh_ahead.min(lifetime / 5);
                    let ahead = ahead.mul_f64(1.0 - self.shared.random.fraction() / 4.0);
                    let lived =
                        |left: Duration| token.requested_at() + lifetime.saturating_sub(left);
                    Kept {
                        token: token.clone(),
                        refresh_at: lived(ahead),
                        usable_until: lived(config.min_left),
                    }
                });
            }
            Err(_) => {
                state.resume_at = Some(self.shared.clock.monotonic() + config.pause_after_failure)
            }
        }
    }
}

impl TokenSource for CachedTokenSource {
    /// # Errors
    ///
    /// Those of [`Client::request_token`](crate::Client::request_token), shared by all callers
    /// that waited for the same request.
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, Error>> {
        Box::pin(async move {
            match self.kept() {
                Ok(token) => Ok(token),
                Err(request) => request.result().await.unwrap_or_else(|| Err(abandoned())),
            }
        })
    }
}

impl fmt::Debug for CachedTokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedTokenSource").field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

impl Cell {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn abandoned() -> Error {
    Error::new(ErrorKind::Unreachable, "the request for a token was abandoned").advise("try again")
}
