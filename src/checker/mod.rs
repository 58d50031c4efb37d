//! Checks on every request whether a token is still good, at memory speed and under a written
//! bound.
//!
//! A backend asks [`Checker::check`] for each request, and says how old the answer may be
//! ([`Requirement::max_age`]). Most answers come from memory; the server is asked when they get
//! too old, once for all checks that wait, and within its rate limit.
//!
//! # What it promises
//!
//! - **Age.** No active answer is older than its reader's bound, counted from when the request for
//!   it *was sent*: the server may have looked just before a revocation. Joining a call that is
//!   under way does not stretch the bound. A check that has to wait returns later than it began,
//!   by [`timeout`](CheckerConfig::timeout) at most: add the two for the time until a revocation
//!   is certain to be seen.
//! - **End.** No token gets in past its own end, whatever was cached.
//! - **Facts are cached, verdicts are not.** The requirement is held against the facts each time,
//!   so routes with different ones share a cache.
//! - **An error is not a no.** `Err` means that the checker cannot tell, for instance because the
//!   server is down or *our* credentials were refused; nothing is remembered of it. Answer 503.
//! - **Garbage harms nobody.** Made-up tokens have a pool of their own in the cache, and get what
//!   the tokens in use leave of the rate limit.
//! - **Instances can share.** With a [store](CheckerBuilder::shared) that they have in common, one of
//!   them asks for all. Every promise here holds whatever becomes of the store.
//! - **Invalidation is at once.** What was asked before [`Checker::invalidate`] does not count.
//!
//! # Example: one route
//!
//! ```no_run
//! use okta_introspect::checker::{Checker, Requirement, Verdict};
//! use okta_introspect::{Client, Issuer, KeyOptions, SigningKey};
//!
//! # async fn example(presented: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = Issuer::parse("https://acme.okta.com/oauth2/default")?;
//! let key = SigningKey::from_file("service-app.pem", &KeyOptions::default().key_id("k1"))?;
//! let checker = Checker::builder(Client::builder(issuer, "0oa1b2c3d4", key).build()?).build()?;
//!
//! let read_orders = Requirement::new().scope("orders.read");
//! match checker.check(presented, &read_orders).await {
//!     Ok(Verdict::Authorized(caller)) => println!("go on, {:?}", caller.sub()),
//!     Ok(Verdict::Denied(denied)) => println!("401 or 403: {}", denied.reason()),
//!     Err(unknown) => println!("503: {unknown}"),
//! }
//! # Ok(())
//! # }
//! ```

mod builder;
mod cache;
mod call;
mod config;
mod coverage;
mod demand;
mod edge;
mod ending;
mod fast_path;
mod flights;
mod governor;
#[cfg(all(test, shuttle))]
mod interleavings;
mod invalidation;
mod look;
mod metrics;
mod misses;
mod policy;
#[cfg(feature = "prometheus")]
mod prometheus;
mod second_level;
mod slow_path;
#[cfg(test)]
mod suspend;
mod upstream;
mod watermark;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

pub use builder::CheckerBuilder;
pub use config::{CheckerConfig, SignalMode};
pub use coverage::Coverage;
pub use invalidation::Invalidation;
pub use metrics::{EndpointMetrics, Metrics, ServerMetrics};
pub use policy::denial::{AudienceFault, Reason};
pub use policy::presented::Presented;
pub use policy::requirement::Requirement;
pub use policy::verdict::{AnswerSource, Authorized, Denied, Verdict};
pub use upstream::{Answered, Upstream};

pub use crate::clock::send_time::{SendTime, Sent};
pub use crate::credential::dpop::{ProofConfig, ProofDenial, Replay};
pub use crate::metrics::histogram::Histogram;

pub(crate) use policy::presented::Scheme;

use crate::clock::Clock;
use crate::clock::send_time::Timeline;
use crate::clock::ticks::Ticks;
use crate::credential::dpop::ProofValidator;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::support::random::Random;
use cache::Cache;
use cache::freshness::Bounds;
use cache::intern::Interner;
use cache::key::{Key, Keyer};
use coverage::covered::Covered;
use coverage::ended::Pending;
use edge::Routes;
use edge::local::Local;
use flights::Flights;
use governor::Governor;
use metrics::counters::{Counters, ServerCounters};
use second_level::SecondLevel;
use watermark::{About, Watermarks};

/// Checks tokens for a backend. Cheap to clone; clones share everything. See the
/// [module](self) for what it promises.
///
/// Needs a tokio runtime: calls go on there even if the check that started them is cancelled.
///
/// # Example: one checker for the org server and a custom one
///
/// ```
/// use okta_introspect::checker::Checker;
/// use okta_introspect::{Client, Error};
///
/// fn checker(org: Client, custom: Client) -> Result<Checker, Error> {
///     Checker::builder(org).server(custom).build()
/// }
/// ```
#[derive(Clone)]
pub struct Checker {
    inner: Arc<Inner>,
}

struct Inner {
    config: CheckerConfig,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    timeline: Timeline,
    servers: Vec<Server>,
    routes: Routes,
    cache: Cache,
    flights: Flights,
    /// How many more calls may look into the second level for newcomers.
    lookers: Arc<Semaphore>,
    watermarks: Watermarks,
    covered: Covered,
    ended: Pending,
    proofs: Arc<ProofValidator>,
    interner: Interner,
    counters: Counters,
}

/// One authorization server.
struct Server {
    issuer: Issuer,
    upstream: Arc<dyn Upstream>,
    /// Each server's keys are made under a secret of its own, so that servers never share an
    /// entry, whatever their tokens look like.
    keyer: Keyer,
    governor: Governor,
    local: Option<Local>,
    second_level: Option<SecondLevel>,
    counters: ServerCounters,
}

/// One check: what is asked, by which bounds, and when it began.
#[derive(Clone, Copy)]
struct Question<'a> {
    presented: Presented<'a>,
    requirement: &'a Requirement,
    bounds: Bounds,
    server: usize,
    key: Key,
    begun: Ticks,
    /// The wall time when it began, in seconds since 1970.
    now: i64,
}

impl Checker {
    /// Begins a checker that asks `upstream`, such as a [`Client`](crate::Client). It is also the
    /// one that is asked about tokens which do not say where they are from.
    pub fn builder(upstream: impl Upstream + 'static) -> CheckerBuilder {
        CheckerBuilder::new(Arc::new(upstream))
    }

    /// Checks a token against a requirement.
    ///
    /// # Errors
    ///
    /// Every error means that it is not known whether the token is good; see
    /// [`Error::retry_after`] for when to ask again. [`RateLimited`](crate::ErrorKind::RateLimited) if
    /// the call would take what others need of the rate limit, [`TimedOut`](crate::ErrorKind::TimedOut)
    /// if there was no answer within the [timeout](Requirement::timeout),
    /// [`Configuration`](crate::ErrorKind::Configuration) if the requirement names an issuer for which
    /// this checker has no server, and those of [`Client::introspect`](crate::Client::introspect).
    ///
    /// # Cancellation
    ///
    /// Dropping the future is safe, and takes nothing from other checks.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, if the server has to be asked.
    pub async fn check<'a>(
        &self,
        presented: impl Into<Presented<'a>>,
        requirement: &'a Requirement,
    ) -> Result<Verdict, Error> {
        let presented = presented.into();
        match self.try_check(presented, requirement) {
            Some(result) => result,
            // Boxed, so that the future of a hit is small: moving it about would cost more than
            // the hit itself.
            None => Box::pin(self.inner.check_on_miss(presented, requirement)).await,
        }
    }

    /// As [`check`](Self::check), without waiting: the verdict, if the cache has an answer that is
    /// young enough, and `None` if the server has to be asked. It never asks itself, but may start
    /// a [refresh](CheckerConfig::refresh_ahead) where there is a tokio runtime. Nothing here
    /// allocates if the answer is yes, so it can run where a future would have to be boxed.
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check), if they do not take a call to find out.
    ///
    /// # Example: the slow path elsewhere
    ///
    /// ```no_run
    /// use okta_introspect::checker::{Checker, Requirement, Verdict};
    ///
    /// # fn queue(_: &str) -> bool { false }
    /// fn is_good(checker: &Checker, requirement: &Requirement, token: &str) -> bool {
    ///     match checker.try_check(token, requirement) {
    ///         Some(verdict) => matches!(verdict, Ok(Verdict::Authorized(_))),
    ///         None => queue(token),
    ///     }
    /// }
    /// ```
    #[inline(always)]
    pub fn try_check<'a>(
        &self,
        presented: impl Into<Presented<'a>>,
        requirement: &'a Requirement,
    ) -> Option<Result<Verdict, Error>> {
        self.inner.check_cached(presented.into(), requirement)
    }

    /// The issuer whose server is asked about a token, if there is one.
    #[cfg(feature = "tower")]
    pub(crate) fn issuer_for(&self, token: &str, requirement: &Requirement) -> Option<&Issuer> {
        let server = self.inner.server(Presented::bearer(token), requirement).ok().flatten()?;
        Some(&self.inner.servers[server].issuer)
    }

    /// The clock, for what brings signals to this checker.
    pub(crate) fn shared_clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// How signals count, as its [configuration](CheckerConfig::signals) says.
    pub fn signal_mode(&self) -> SignalMode {
        self.inner.config.signals
    }

    /// The greatest age that an answer may have here; see [`CheckerConfig::max_age_limit`].
    pub(crate) fn max_age_limit(&self) -> Duration {
        self.inner.config.max_age_limit
    }

    /// The clock, for whatever else has to wait.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    /// What has been counted so far.
    pub fn metrics(&self) -> Metrics {
        let (inner, now) = (&self.inner, self.inner.clock.monotonic());
        let snapshot = |server: &Server| {
            let counters = &server.counters;
            let metrics = counters.snapshot(&server.issuer, server.upstream.remaining(now));
            (server.issuer.as_str().to_owned(), metrics)
        };
        let (active_entries, inactive_entries) = inner.cache.len();
        let (active_evictions, inactive_evictions) = inner.cache.evictions();
        Metrics {
            active_entries,
            inactive_entries,
            active_evictions,
            inactive_evictions,
            under_way: inner.flights.len(),
            ..inner.counters.snapshot(inner.servers.iter().map(snapshot).collect())
        }
    }
}

impl<'a> Question<'a> {
    /// What it is asked about.
    #[inline(always)]
    fn about(&self) -> About<'a> {
        About { key: self.key, server: self.server, token: self.presented.token() }
    }
}

impl Inner {
    /// The server that is to be asked.
    #[inline(always)]
    fn server(
        &self,
        presented: Presented<'_>,
        requirement: &Requirement,
    ) -> Result<Option<usize>, Error> {
        let Some(issuer) = &requirement.issuer else {
            return Ok(self.routes.route(presented.token()));
        };
        let server = self.routes.server(issuer.as_str()).ok_or_else(|| {
            Error::configuration(format!("this checker has no server for {issuer}"))
                .advise("add its client with `CheckerBuilder::server`")
        });
        server.map(Some)
    }

    /// A question that is asked at `begun`, which is `now` by the wall clock.
    #[inline(always)]
    fn question<'a>(
        &self,
        server: usize,
        presented: Presented<'a>,
        requirement: &'a Requirement,
        (begun, now): (Instant, i64),
    ) -> Question<'a> {
        // First what does not need the token's text, which may still be on its way from memory.
        let (bounds, begun) = (self.bounds(requirement), self.timeline.ticks(begun));
        let key = self.servers[server].keyer.key(presented.token());
        Question { presented, requirement, bounds, server, key, begun, now }
    }

    #[inline(always)]
    fn bounds(&self, requirement: &Requirement) -> Bounds {
        match requirement.also.is_empty() {
            true => self.own_bounds(requirement),
            false => self.strictest_bounds(requirement),
        }
    }

    #[inline(never)]
    fn strictest_bounds(&self, requirement: &Requirement) -> Bounds {
        let bounds = |requirement: &Requirement| self.own_bounds(requirement);
        Bounds {
            max_age: requirement.least(&|one| bounds(one).max_age),
            stale_if_error: requirement.least(&|one| bounds(one).stale_if_error),
            ..bounds(requirement)
        }
    }

    #[inline(always)]
    fn own_bounds(&self, requirement: &Requirement) -> Bounds {
        let config = &self.config;
        let max_age = requirement.max_age.unwrap_or(config.max_age).min(config.max_age_limit);
        let default = if max_age.is_zero() { max_age } else { config.stale_if_error };
        let stale_if_error = requirement.stale_if_error.unwrap_or(default);
        Bounds {
            max_age: max_age.into(),
            inactive_max_age: config.inactive_max_age.into(),
            stale_if_error: stale_if_error.min(CheckerConfig::MAX_STALE_IF_ERROR).into(),
        }
    }

    /// The edge's no.
    fn refuse(&self, reason: Reason) -> Verdict {
        self.counters.denied_at_edge(&reason);
        Verdict::Denied(Denied::new(reason))
    }
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers = self.inner.servers.iter().map(|server| server.issuer.as_str());
        f.debug_struct("Checker")
            .field("issuers", &issuers.collect::<Vec<_>>())
            .field("config", &self.inner.config)
            .field("cache", &self.inner.cache)
            .finish_non_exhaustive()
    }
}
