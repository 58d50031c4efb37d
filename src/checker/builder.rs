//! The settings of a checker.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::checker::cache::Cache;
use crate::checker::cache::intern::Interner;
use crate::checker::cache::key::Keyer;
use crate::checker::config::CheckerConfig;
use crate::checker::coverage::covered::Covered;
use crate::checker::coverage::ended::Pending;
use crate::checker::edge::Routes;
use crate::checker::edge::local::Local;
use crate::checker::flights::Flights;
use crate::checker::governor::{Division, Governor};
use crate::checker::metrics::counters::{Counters, ServerCounters};
use crate::checker::second_level::SecondLevel;
use crate::checker::upstream::Upstream;
use crate::checker::watermark::Watermarks;
use crate::checker::{Checker, Inner, Server};
use crate::clock::send_time::Timeline;
use crate::clock::{Clock, SystemClock};
use crate::credential::dpop::ProofValidator;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::shared::Shared;
use crate::support::random::{Random, SystemRandom};
use crate::verify::Verifier;

/// The settings of a [`Checker`]. Setters never fail; [`build`](Self::build) checks.
///
/// # Example: the org's server and a custom one, each for its own tokens
///
/// ```no_run
/// use okta_introspect::checker::{Checker, CheckerConfig};
/// use okta_introspect::{Client, Error};
///
/// fn checker(org: Client, custom: Client) -> Result<Checker, Error> {
///     Checker::builder(org).server(custom).config(CheckerConfig::default()).build()
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct CheckerBuilder {
    upstreams: Vec<Arc<dyn Upstream>>,
    aliases: Vec<(Issuer, Issuer)>,
    locals: Vec<Local>,
    config: CheckerConfig,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    proofs: Option<Arc<ProofValidator>>,
    shared: Option<Shared>,
}

impl CheckerBuilder {
    pub(super) fn new(upstream: Arc<dyn Upstream>) -> Self {
        Self {
            upstreams: vec![upstream],
            aliases: Vec::new(),
            locals: Vec::new(),
            config: CheckerConfig::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            proofs: None,
            shared: None,
        }
    }

    /// Remembers used proofs together with that checker, whose place this one may be about to take: a
    /// proof that was used there is not good here. The other checker's [`ProofConfig`] counts then.
    /// Default: a memory of its own.
    ///
    /// # Example: other bounds without a restart
    ///
    /// ```
    /// use okta_introspect::checker::{Checker, CheckerConfig};
    /// use okta_introspect::{Client, Error};
    ///
    /// fn replace(checker: &Checker, client: Client, bounds: CheckerConfig) -> Result<Checker, Error> {
    ///     Checker::builder(client).config(bounds).proofs_of(checker).build()
    /// }
    /// ```
    ///
    /// [`ProofConfig`]: crate::checker::ProofConfig
    pub fn proofs_of(mut self, checker: &Checker) -> Self {
        self.proofs = Some(Arc::clone(&checker.inner.proofs));
        self
    }

    /// Asks this one too: about JWTs that say they are of its issuer, and about tokens of
    /// requirements that [name it](super::Requirement::issuer). What a token says about its
    /// issuer is not verified, and decides only which server is asked.
    pub fn server(mut self, upstream: impl Upstream + 'static) -> Self {
        self.upstreams.push(Arc::new(upstream));
        self
    }

    /// Takes tokens that name `alias` for tokens of `issuer`: an org with a custom domain may
    /// issue tokens under either address.
    pub fn alias(mut self, alias: Issuer, issuer: Issuer) -> Self {
        self.aliases.push((alias, issuer));
        self
    }

    /// Verifies JWTs of this verifier's issuer locally before the server is asked about them, so
    /// that forgeries cost no call. What is verified is asked about all the same: a signature
    /// says nothing of revocation. Tokens that cannot be verified for lack of a key are asked
    /// about as if there were no verifier.
    pub fn verifier(mut self, verifier: Verifier) -> Self {
        self.locals.push(Local { verifier, enforced: true });
        self
    }

    /// As [`verifier`](Self::verifier), but decides nothing: where verifier and server disagree it
    /// is [counted](super::Metrics::rejected_but_active) and logged. To find out what enforcing
    /// would do.
    pub fn shadow_verifier(mut self, verifier: Verifier) -> Self {
        self.locals.push(Local { verifier, enforced: false });
        self
    }

    /// Shares answers with the other instances of the service: what one has asked about, the others
    /// find in this store, and of several that are about to ask about one token, one does. For
    /// upstreams that say [as whom](super::Upstream::shared_as) they ask, such as
    /// [`Client`](crate::Client). Default: nothing is shared.
    ///
    /// No bound depends on it. Answers from there are as old as they are since *some* instance asked,
    /// and those of checks with a bound of zero are put there, and not taken from there.
    ///
    /// # Example: two instances in one process, as in a test
    ///
    /// ```
    /// use okta_introspect::checker::Checker;
    /// use okta_introspect::shared::Shared;
    /// use okta_introspect::{Client, Error};
    ///
    /// fn instances(client: &Client, shared: &Shared) -> Result<[Checker; 2], Error> {
    ///     let instance = || Checker::builder(client.clone()).shared(shared).build();
    ///     Ok([instance()?, instance()?])
    /// }
    /// ```
    pub fn shared(mut self, shared: &Shared) -> Self {
        self.shared = Some(shared.clone());
        self
    }

    /// How the checker behaves where a requirement does not say.
    pub fn config(mut self, config: CheckerConfig) -> Self {
        self.config = config;
        self
    }

    /// Where the time comes from. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where randomness comes from: the secret of the cache's keys, and jitter. Default:
    /// [`SystemRandom`].
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// Makes the checker. No server is asked yet.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) with the first setting that is out of
    /// bounds, if two servers have the same issuer, or if an alias or a verifier is for a server
    /// that is not there.
    pub fn build(self) -> Result<Checker, Error> {
        self.config.check()?;
        let issuers: Vec<Issuer> =
            self.upstreams.iter().map(|upstream| upstream.issuer().clone()).collect();
        let mut routes = Routes::new(&issuers);
        for (alias, issuer) in &self.aliases {
            let server = routes.server(issuer.as_str()).ok_or_else(|| {
                Error::configuration(format!("there is no server for {issuer}, to give an alias"))
                    .advise("add its client with `server` first")
            })?;
            routes.alias(alias, server);
        }
        if let Some(twice) = routes.ambiguous() {
            return Err(Error::configuration(format!("two servers are of one issuer: {twice}"))
                .advise("add each server once"));
        }
        let division = Division {
            share_percent: u64::from(self.config.rate_share_percent),
            max_newcomers: self.config.max_newcomers as u64, // at most 64 bits wide
        };
        let server = |(upstream, issuer): (Arc<dyn Upstream>, Issuer)| Server {
            second_level: SecondLevel::of(self.shared.as_ref(), &*upstream),
            governor: Governor::new(division, upstream.max_per_second()),
            issuer,
            upstream,
            keyer: Keyer::new(&*self.random),
            local: None,
            counters: ServerCounters::default(),
        };
        let mut servers: Vec<Server> =
            self.upstreams.into_iter().zip(issuers).map(server).collect();
        for local in self.locals {
            let issuer = local.verifier.issuer();
            let server = routes.server(issuer.as_str()).ok_or_else(|| {
                Error::configuration(format!(
                    "there is no server for {issuer}, to verify tokens of"
                ))
                .advise("add its client with `server` first")
            })?;
            servers[server].local = Some(local);
        }
        let (config, timeline) = (self.config, Timeline::new(self.clock.monotonic()));
        let watermarks = Watermarks::new(
            timeline.clone(),
            &*self.random,
            Watermarks::CAPACITY,
            config.retention(),
        );
        let inner = Inner {
            cache: Cache::new(config.capacity, config.inactive_capacity),
            flights: Flights::new(),
            lookers: Arc::new(Semaphore::new(config.max_newcomers)),
            proofs: self
                .proofs
                .unwrap_or_else(|| Arc::new(ProofValidator::new(config.proofs.clone()))),
            interner: Interner::default(),
            counters: Counters::default(),
            clock: self.clock,
            random: self.random,
            config,
            timeline,
            servers,
            routes,
            watermarks,
            covered: Covered::default(),
            ended: Pending::default(),
        };
        Ok(Checker { inner: Arc::new(inner) })
    }
}
