//! The token that this client has at Vault, and how it stays good.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use okta_introspect::{Clock, Error, Secret};
use serde_json::Value;

use super::auth::{Login, VaultAuth};
use super::fault;
use super::http::{Failure, Http};

/// Has a token whenever one is needed.
pub(super) struct Session {
    http: Http,
    auth: VaultAuth,
    clock: Arc<dyn Clock>,
    current: Mutex<Option<Arc<Lease>>>,
    /// Held by the one that logs in or renews.
    turn: tokio::sync::Mutex<Option<(Instant, Error)>>,
}

/// A token and how long it is good.
struct Lease {
    token: Secret,
    is_renewable: bool,
    /// When it is renewed, and when it ends; `None` if that is not known, or never.
    times: Option<(Instant, Instant)>,
}

/// Nobody has to keep a token for longer without asking.
const MAX_LEASE: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long the others are told what a login failed with, so that not each tries by itself.
const REST: Duration = Duration::from_secs(1);

impl Session {
    pub(super) fn new(http: Http, auth: VaultAuth, clock: Arc<dyn Clock>) -> Self {
        Self { http, auth, clock, current: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// With the token that was got over other connections.
    pub(super) fn over(self, http: Http) -> Self {
        Self { http, ..self }
    }

    /// Calls with a token; once more with a new one if the first is refused. `what` is asked for, for
    /// messages.
    pub(super) async fn call(
        &self,
        path: &str,
        body: Option<&str>,
        what: &str,
    ) -> Result<Value, Error> {
        let lease = self.lease().await?;
        match self.http.call(path, Some(&lease.token), body).await {
            Err(Failure::Refused(refused)) if refused.is_about_the_token() => {
                let Some(lease) = self.another(&lease).await? else {
                    return Err(refused.into_error(what));
                };
                self.http.call(path, Some(&lease.token), body).await
            }
            other => other,
        }
        .map_err(|failure| failure.into_error(what))
    }

    /// A token that is good as far as is known. While it is, nobody waits for the one that renews it.
    async fn lease(&self) -> Result<Arc<Lease>, Error> {
        let now = self.clock.monotonic();
        if let Some(lease) = self.current() {
            let Some((renew_at, ends)) = lease.times else { return Ok(lease) };
            if now < renew_at {
                return Ok(lease);
            }
            if now < ends {
                if let Ok(_turn) = self.turn.try_lock() {
                    return Ok(self.renewed(lease).await);
                }
                return Ok(lease);
            }
        }
        let mut turn = self.turn.lock().await;
        // Another may have logged in while this one waited.
        let now = self.clock.monotonic();
        if let Some(lease) = self.current().filter(|l| l.times.is_none_or(|(_, ends)| now < ends)) {
            return Ok(lease);
        }
        if let Some((until, error)) = &*turn
            && now < *until
        {
            return Err(error.clone());
        }
        let lease = self.login().await;
        let until = now.checked_add(REST).unwrap_or(now);
        *turn = lease.as_ref().err().map(|error| (until, error.clone()));
        lease
    }

    /// A token that is not this one, after it was refused; `None` if there is no other.
    async fn another(&self, refused: &Arc<Lease>) -> Result<Option<Arc<Lease>>, Error> {
        let _turn = self.turn.lock().await;
        if let Some(current) = self.current().filter(|current| !Arc::ptr_eq(current, refused)) {
            return Ok(Some(current));
        }
        let lease = self.login().await?;
        Ok(Some(lease).filter(|lease| lease.token.expose() != refused.token.expose()))
    }

    /// The lease renewed, or another login, or as it was: it is good for a while yet.
    async fn renewed(&self, lease: Arc<Lease>) -> Arc<Lease> {
        if lease.is_renewable {
            let answer = self.http.call("auth/token/renew-self", Some(&lease.token), Some("{}"));
            if let Ok(answer) = answer.await
                && let Some(renewed) = self.lease_of(&answer["auth"], Some(&lease.token))
                // One that is at its longest is renewed by less and less.
                && renewed.times.is_none_or(|(at, _)| at > self.clock.monotonic())
            {
                return self.keep(renewed);
            }
        }
        self.login().await.unwrap_or(lease)
    }

    async fn login(&self) -> Result<Arc<Lease>, Error> {
        let lease = match self.auth.login()? {
            Login::Have(token) => self.looked_up(token).await,
            Login::Post(path, body) => {
                let answer = self.http.call(&path, None, Some(&body)).await;
                let answer = answer.map_err(|failure| failure.into_error("to log in"))?;
                let lease = self.lease_of(&answer["auth"], None);
                lease.ok_or_else(|| fault::malformed("to a login has no token"))?
            }
        };
        Ok(self.keep(lease))
    }

    /// How long a given token is good. Its policy may not let it ask; then it is good until it is
    /// refused.
    async fn looked_up(&self, token: Secret) -> Lease {
        let answer = self.http.call("auth/token/lookup-self", Some(&token), None).await;
        let data = answer.map(|answer| answer["data"].clone()).unwrap_or_default();
        let times = self.times(data["ttl"].as_u64().unwrap_or_default());
        Lease { token, is_renewable: data["renewable"] == true, times }
    }

    /// What `auth` of an answer says.
    fn lease_of(&self, auth: &Value, known: Option<&Secret>) -> Option<Lease> {
        let token = match (auth["client_token"].as_str(), known) {
            (Some(token), _) if !token.is_empty() => Secret::new(token),
            (_, Some(known)) => known.clone(),
            _ => return None,
        };
        let times = self.times(auth["lease_duration"].as_u64().unwrap_or_default());
        Some(Lease { token, is_renewable: auth["renewable"] == true, times })
    }

    /// Renewed at two thirds; 0 is without end.
    fn times(&self, seconds: u64) -> Option<(Instant, Instant)> {
        let lasts = Duration::from_secs(seconds).min(MAX_LEASE);
        let now = self.clock.monotonic();
        let ends = now.checked_add(lasts).filter(|_| seconds > 0)?;
        Some((now.checked_add(lasts * 2 / 3)?, ends))
    }

    fn keep(&self, lease: Lease) -> Arc<Lease> {
        let lease = Arc::new(lease);
        *self.lock() = Some(Arc::clone(&lease));
        lease
    }

    fn current(&self) -> Option<Arc<Lease>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Lease>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("auth", &self.auth).finish_non_exhaustive()
    }
}
