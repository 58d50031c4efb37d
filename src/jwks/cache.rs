//! Keeps an issuer's keys, and decides when they are fetched.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::freshness::JwksConfig;
use super::remote::{Fetched, Remote};
use super::set::{ChoiceFault, JwkSet};
use super::status::JwksStatus;
use crate::clock::{Clock, later};
use crate::error::{Error, ErrorKind};
use crate::jws::VerificationKey;
use crate::key::Algorithm;
use crate::support::random::Random;
use crate::support::single_flight::{Flight, SingleFlight};

/// The public keys of one issuer, fetched when they are needed. Cheap to clone; clones, and the
/// verifiers that are given one, share the keys.
///
/// - Keys are fresh for as long as `Cache-Control` says, within [bounds](JwksConfig), and are
///   fetched anew in the background before that ends: no token waits while they are used at all.
/// - A token that names an unknown key has them fetched at once, since keys may rotate without
///   notice. If that does not bring the key, a [cool-down](JwksConfig::cool_down) begins, so that
///   made-up key ids cost one request each half minute. A fetch that did bring its key starts
///   none: only the issuer can use up what a rotation needs.
/// - While the server cannot be asked, the last good keys are used on, up to
///   [an age](JwksConfig::max_stale_age); [`status`](Self::status) shows it. Whether a token
///   with an unknown key is good cannot be told then.
///
/// # Example: a wrong address shows at start-up
///
/// ```no_run
/// use okta_introspect::{Error, Issuer, Jwks};
///
/// # async fn example() -> Result<(), Error> {
/// let keys = Jwks::builder(Issuer::parse("https://acme.okta.com/oauth2/default")?).build()?;
/// keys.refresh().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Jwks {
    source: KeySource,
}

#[derive(Clone)]
enum KeySource {
    Fixed(JwkSet),
    Remote(Arc<Shared>),
}

struct Shared {
    remote: Remote,
    config: JwksConfig,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    fetches: SingleFlight<Result<(), Error>>,
    /// The latest fetch, if it failed.
    failed: Option<Failed>,
    cool_until: Option<Instant>,
}

struct Kept {
    set: JwkSet,
    /// Which fetch brought it, counted from 1.
    fetch: u64,
    fetched_at: DateTime<Utc>,
    sent_at: Instant,
    landed_at: Instant,
    refresh_at: Instant,
    fresh_until: Instant,
    usable_until: Instant,
}

struct Failed {
    error: Error,
    fetch: u64,
    resume_at: Instant,
}

/// Why there is no key for a token.
#[derive(Debug)]
pub(crate) enum Missing {
    /// The keys are known, and none will do.
    Fault { fault: ChoiceFault, retry_after: Option<Duration> },
    /// The keys could not be fetched.
    CannotTell(Error),
}

impl Jwks {
    /// These keys and no others, for ever: no request is ever sent.
    pub fn fixed(set: JwkSet) -> Self {
        Self { source: KeySource::Fixed(set) }
    }

    pub(super) fn remote(
        remote: Remote,
        config: JwksConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let shared = Shared { remote, config, clock, random, state: Mutex::default() };
        Self { source: KeySource::Remote(Arc::new(shared)) }
    }

    /// Fetches the keys now, or waits for the fetch that is under way: at start-up, so that the
    /// first token need not wait and a wrong address shows.
    ///
    /// # Errors
    ///
    /// Those of discovery and of the fetch. Keys that were fetched before stay.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is safe; the fetch goes on.
    pub async fn refresh(&self) -> Result<(), Error> {
        let KeySource::Remote(shared) = &self.source else { return Ok(()) };
        let flight = shared.join_or_start(&mut shared.state());
        flight.result().await.unwrap_or_else(|| Err(abandoned()))
    }

    /// What is known of the keys at this moment.
    pub fn status(&self) -> JwksStatus {
        match &self.source {
            KeySource::Fixed(set) => {
                JwksStatus { keys: Some(set.clone()), ..JwksStatus::default() }
            }
            KeySource::Remote(shared) => shared.status(),
        }
    }

    /// The key that a token means; fetches the keys if that may help.
    pub(crate) async fn key(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<VerificationKey, Missing> {
        let shared = match &self.source {
            KeySource::Remote(shared) => shared,
            KeySource::Fixed(set) => {
                let fault = |fault| Missing::Fault { fault, retry_after: None };
                return set.choose(key_id, algorithm).cloned().map_err(fault);
            }
        };
        let arrived = shared.state().fetches.started();
        loop {
            let flight = match shared.look(key_id, algorithm, arrived) {
                Look::Done(result) => return result,
                Look::Wait(flight) => flight,
            };
            // However it ends, the state says so, and there it is looked up. Every turn ends a
            // fetch, and one that was begun after the token's arrival settles it.
            if flight.result().await.is_none() {
                return Err(Missing::CannotTell(abandoned()));
            }
        }
    }
}

/// What a look at the state tells one token.
enum Look {
    Done(Result<VerificationKey, Missing>),
    Wait(Flight<Result<(), Error>>),
}

impl Shared {
    /// `arrived` is how many fetches had been begun when the token came.
    fn look(self: &Arc<Self>, key_id: Option<&str>, algorithm: Algorithm, arrived: u64) -> Look {
        let now = self.clock.monotonic();
        let mut state = self.state();
        let choice = state.usable(now).map(|kept| kept.set.choose(key_id, algorithm).cloned());
        let fault = |fault, retry_after| Look::Done(Err(Missing::Fault { fault, retry_after }));
        match choice {
            Some(Ok(key)) => {
                if state.wants_refresh(now) {
                    self.join_or_start(&mut state);
                }
                return Look::Done(Ok(key));
            }
            Some(Err(ChoiceFault::Unknown)) => {
                if let Some(wait) = state.settled(now, arrived, self.config.cool_down) {
                    return fault(ChoiceFault::Unknown, Some(wait));
                }
            }
            Some(Err(other)) => return fault(other, None),
            None => {}
        }
        match state.failure(now, arrived) {
            Some(error) => Look::Done(Err(Missing::CannotTell(error))),
            None => Look::Wait(self.join_or_start(&mut state)),
        }
    }

    fn join_or_start(self: &Arc<Self>, state: &mut State) -> Flight<Result<(), Error>> {
        state.fetches.join(|()| true).unwrap_or_else(|| self.start(state))
    }

    fn start(self: &Arc<Self>, state: &mut State) -> Flight<Result<(), Error>> {
        let (shared, end) = (Arc::clone(self), Arc::clone(self));
        let fetch = state.fetches.started() + 1;
        let work = async move {
            let sent_at = shared.clock.monotonic();
            let result = shared.remote.fetch().await;
            shared.keep(result, fetch, sent_at)
        };
        state.fetches.start((), work, move |id, _| end.state().fetches.finish(id))
    }

    fn keep(
        &self,
        result: Result<Fetched, Error>,
        fetch: u64,
        sent_at: Instant,
    ) -> Result<(), Error> {
        let now = self.clock.monotonic();
        let mut state = self.state();
        match result {
            Ok(fetched) => {
                let lifetime = self.config.lifetime(fetched.stated_lifetime);
                // The last fifth is for refreshing, less a part at random, so that many
                // processes do not ask at once.
                let ahead = (lifetime / 5).mul_f64(1.0 - self.random.fraction() / 4.0);
                state.failed = None;
                state.kept = Some(Kept {
                    set: fetched.set,
                    fetch,
                    fetched_at: self.clock.now(),
                    sent_at,
                    landed_at: now,
                    refresh_at: later(sent_at, lifetime.saturating_sub(ahead)),
                    fresh_until: later(sent_at, lifetime),
                    usable_until: later(sent_at, self.config.max_stale_age),
                });
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "the issuer's keys could not be fetched");
                let demanded = error.retry_after().unwrap_or_default();
                let demanded = demanded.min(self.config.max_age);
                let resume_at = later(now, self.config.pause_after_failure.max(demanded));
                state.failed = Some(Failed { error: error.clone(), fetch, resume_at });
                Err(error)
            }
        }
    }

    fn status(&self) -> JwksStatus {
        let now = self.clock.monotonic();
        let state = self.state();
        let kept = state.kept.as_ref();
        JwksStatus {
            keys: kept.map(|kept| kept.set.clone()),
            fetched_at: kept.map(|kept| kept.fetched_at),
            age: kept.map(|kept| now - kept.sent_at),
            is_stale: kept.is_some_and(|kept| now >= kept.fresh_until),
            fetches: state.fetches.started(),
            failure: state.failed.as_ref().map(|failed| failed.error.clone()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The keys, if they may be used without asking: fresh ones, and stale ones once it has
    /// turned out that the server does not answer.
    fn usable(&self, now: Instant) -> Option<&Kept> {
        let until = |kept: &Kept| match self.failed {
            Some(_) => kept.usable_until,
            None => kept.fresh_until,
        };
        self.kept.as_ref().filter(|kept| now < until(kept))
    }

    fn wants_refresh(&self, now: Instant) -> bool {
        let pauses = self.failed.as_ref().is_some_and(|failed| now < failed.resume_at);
        let due = self.kept.as_ref().is_some_and(|kept| now >= kept.refresh_at);
        due && !pauses && self.fetches.len() == 0
    }

    /// Whether a key that is not among these is unknown for now, and how long that holds; `None`
    /// if they may be fetched for it.
    fn settled(&mut self, now: Instant, arrived: u64, cool_down: Duration) -> Option<Duration> {
        // They were asked for after the token had come, and still the key is not among them.
        let settling = self.kept.as_ref().filter(|kept| kept.fetch > arrived);
        let is_settled = settling.is_some();
        if let Some(kept) = settling {
            self.cool_until = self.cool_until.max(Some(later(kept.landed_at, cool_down)));
        }
        let left = self.cool_until.filter(|until| now < *until).map(|until| until - now);
        left.or_else(|| is_settled.then_some(Duration::ZERO))
    }

    /// The failure that answers a token: that of a fetch begun after it had come, or one so
    /// recent that the server is left alone.
    fn failure(&self, now: Instant, arrived: u64) -> Option<Error> {
        let failed = self.failed.as_ref().filter(|f| f.fetch > arrived || now < f.resume_at)?;
        let wait = failed.resume_at.saturating_duration_since(now);
        Some(failed.error.clone().retry_in(Some(wait)))
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Jwks");
        if let KeySource::Remote(shared) = &self.source {
            out.field("remote", &shared.remote).field("config", &shared.config);
        }
        out.field("status", &self.status()).finish()
    }
}

fn abandoned() -> Error {
    Error::new(ErrorKind::Unreachable, "the request for the issuer's keys was abandoned")
        .advise("try again")
}
