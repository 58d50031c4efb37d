//! Keeps service tokens: one request for all that wait, and a new token before the old one ends.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{AccessToken, StoredToken, TokenSource, TokenStore};
use crate::clock::{Clock, Deadline, later};
use crate::error::{Error, ErrorKind};
use crate::scope::Scopes;
use crate::support::boxed_future::BoxFuture;
use crate::support::random::Random;
use crate::support::single_flight::{Flight, SingleFlight};
use crate::wire::bounds;
use crate::wire::server_numbers::MAX_LIFETIME;

/// How service tokens are kept.
///
/// # Example: tokens for jobs that take a while
///
/// ```
/// use std::time::Duration;
///
/// use okta_introspect::TokenCacheConfig;
///
/// let mut cache = TokenCacheConfig::default();
/// cache.min_remaining = Duration::from_secs(120);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TokenCacheConfig {
    /// How long before its end a token is replaced in the background, at the earliest. Up to a
    /// quarter of it is taken away again at random, so that many processes do not ask at once.
    /// Default: five minutes. Whatever is set, at most a fifth of the token's life. Bounds: at most one
    /// day.
    pub refresh_ahead: Duration,
    /// A token with less life left than this is not given out any more, since it could end on
    /// its way. Default: ten seconds. Bounds: at most one hour.
    pub min_remaining: Duration,
    /// How long to leave the server alone after a background request failed, while the old
    /// token is still good. Default: five seconds. Bounds: at most one hour.
    pub pause_after_failure: Duration,
}

impl Default for TokenCacheConfig {
    fn default() -> Self {
        Self {
            refresh_ahead: Duration::from_secs(5 * 60),
            min_remaining: Duration::from_secs(10),
            pause_after_failure: Duration::from_secs(5),
        }
    }
}

impl TokenCacheConfig {
    fn check(&self) -> Result<(), Error> {
        let ahead = Duration::ZERO..=MAX_LIFETIME;
        bounds::check("the token cache's refresh_ahead", self.refresh_ahead, ahead)?;
        bounds::check("the token cache's min_remaining", self.min_remaining, bounds::PAUSE)?;
        let pause = self.pause_after_failure;
        bounds::check("the token cache's pause_after_failure", pause, bounds::PAUSE)
    }
}

/// How long a store may take to load or to save: it is there to save time.
const STORE_PATIENCE: Duration = Duration::from_secs(5);

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
    /// More sets of scopes than a program uses; beyond, those without a source are forgotten.
    const MAX_CELLS: usize = 64;

    pub(crate) fn new(
        config: TokenCacheConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        store: Option<Arc<dyn TokenStore>>,
        fetch: Fetch,
    ) -> Result<Self, Error> {
        config.check()?;
        let shared = Shared { config, clock, random, store, fetch };
        Ok(Self { shared: Arc::new(shared), cells: Mutex::default() })
    }

    /// The source for `scopes`; all sources for the same scopes share one token.
    pub(crate) fn source(&self, scopes: Scopes) -> CachedTokenSource {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if cells.len() >= Self::MAX_CELLS && !cells.contains_key(&scopes) {
            cells.retain(|_, cell| Arc::strong_count(cell) > 1);
        }
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
/// While the kept token is usable no call waits: its replacement is fetched in the background.
/// Otherwise all calls that wait share one request, and its failure if it fails; a failure is
/// never kept, so the next call tries anew. A token without `expires_in` is handed to the calls
/// that waited for it and not kept.
///
/// # Example: a token for each request to an API
///
/// ```no_run
/// use okta_introspect::{Client, Error, Scopes, TokenSource};
///
/// # async fn example(client: &Client) -> Result<(), Error> {
/// let source = client.token_source(Scopes::parse("okta.users.read")?);
/// let token = source.token().await?;
/// # Ok(())
/// # }
/// ```
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
        let Some(at) = clock.monotonic().checked_add(timeout) else {
            // Longer than the clock can tell.
            return self.token().await;
        };
        Deadline::new(clock, at).before(self.token()).await.unwrap_or_else(|| {
            Err(Error::new(ErrorKind::TimedOut, "no token came in time")
                .advise("try again, or allow more time"))
        })
    }

    /// Forgets `refused`, a token of this source that a resource server refused. A newer one that
    /// has taken its place is kept, however late the refusal comes.
    pub fn invalidate(&self, refused: &AccessToken) {
        let mut state = self.cell.state();
        if state.kept.take_if(|kept| kept.token.is_same(refused)).is_some() {
            state.refused = true;
        }
    }

    /// The token that is kept, or the flight that will bring one.
    fn kept_or_requested(&self) -> Result<AccessToken, Flight<Fetched>> {
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
        state.requests.start((), async move { work.resolve(origin).await }, move |id, result| {
            let mut state = end.cell.state();
            state.requests.finish(id);
            if let Some(result) = result {
                end.keep(&mut state, result);
            }
        })
    }

    async fn resolve(&self, origin: Origin) -> Result<AccessToken, Error> {
        let Shared { clock, store, fetch, .. } = &*self.shared;
        if let (Origin::Anywhere, Some(store)) = (origin, store)
            && let Some(Some(stored)) = self.in_time(store.load(&self.scopes)).await
            && let Some(token) = stored.revive(&**clock)
        {
            return Ok(token);
        }
        let token = fetch(self.scopes.clone()).await?;
        if let Some(store) = store
            && let Some(stored) = StoredToken::of(&token, &**clock)
        {
            // A token that cannot be kept is good all the same.
            let _ = self.in_time(store.save(&self.scopes, stored)).await;
        }
        Ok(token)
    }

    /// Waits for the store, but not for ever.
    async fn in_time<T>(&self, work: BoxFuture<'_, T>) -> Option<T> {
        let clock = &*self.shared.clock;
        Deadline::new(clock, later(clock.monotonic(), STORE_PATIENCE)).before(work).await
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
                        |left: Duration| later(token.requested_at(), lifetime.saturating_sub(left));
                    Kept {
                        token: token.clone(),
                        refresh_at: lived(ahead),
                        usable_until: lived(config.min_remaining),
                    }
                });
            }
            Err(_) => {
                state.resume_at =
                    Some(later(self.shared.clock.monotonic(), config.pause_after_failure))
            }
        }
    }
}

impl TokenSource for CachedTokenSource {
    /// # Errors
    ///
    /// Those of [`Client::request_token`](crate::Client::request_token), shared by all calls
    /// that waited for the same request.
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, Error>> {
        Box::pin(async move {
            match self.kept_or_requested() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::secret::Token;
    use crate::support::random::SeededRandom;
    use chrono::DateTime;

    /// A store that never answers.
    #[derive(Debug)]
    struct Stuck;

    impl TokenStore for Stuck {
        fn load<'a>(&'a self, _: &'a Scopes) -> BoxFuture<'a, Option<StoredToken>> {
            Box::pin(std::future::pending())
        }

        fn save<'a>(&'a self, _: &'a Scopes, _: StoredToken) -> BoxFuture<'a, ()> {
            Box::pin(std::future::pending())
        }
    }

    #[test_support::test]
    async fn a_store_that_never_answers_is_passed_by() {
        let clock = Arc::new(ManualClock::new(DateTime::UNIX_EPOCH));
        let (random, now) = (Arc::new(SeededRandom::new(1)), clock.monotonic());
        let fetch: Fetch = Arc::new(move |_| {
            let token = Token::parse("a-token").unwrap();
            Box::pin(async move { Ok(AccessToken::bearer(token, None, MAX_LIFETIME, now)) })
        });
        let (config, store) = (TokenCacheConfig::default(), Arc::new(Stuck));
        let cache = TokenCache::new(config, clock.clone(), random, Some(store), fetch).unwrap();
        let source = cache.source(Scopes::parse("okta.users.read").unwrap());
        let token = tokio::spawn(async move { source.token().await });
        for _ in 0..100 {
            tokio::task::yield_now().await;
            clock.advance(STORE_PATIENCE / 10);
        }
        assert!(token.is_finished(), "it waits for the store");
        assert_eq!(token.await.unwrap().unwrap().token().expose(), "a-token");
    }

    #[test]
    fn scope_sets_without_a_source_are_forgotten_when_there_are_too_many() {
        let clock = Arc::new(ManualClock::new(DateTime::UNIX_EPOCH));
        let random = Arc::new(SeededRandom::new(1));
        let fetch: Fetch = Arc::new(|_| Box::pin(async { Err(abandoned()) }));
        let config = TokenCacheConfig::default();
        let cache = TokenCache::new(config, clock, random, None, fetch).unwrap();
        let source = |number: usize| cache.source(Scopes::parse(&format!("s{number}")).unwrap());
        let held = source(0);
        for number in 1..1000 {
            source(number);
            assert!(cache.cells.lock().unwrap().len() <= TokenCache::MAX_CELLS);
        }
        assert!(Arc::ptr_eq(&held.cell, &source(0).cell));
    }
}
