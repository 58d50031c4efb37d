//! The settings of a client, and what is made of them.

use std::sync::Arc;

use reqwest::Url;

use super::{Calls, Client, Inner};
use crate::clock::{Clock, SystemClock};
use crate::credential::assertion::{AssertionConfig, AssertionSigner};
use crate::credential::audience::Audience;
use crate::credential::dpop::{DpopConfig, Prover};
use crate::error::Error;
use crate::issuer::{Endpoints, Issuer};
use crate::key::{Signer, is_sample};
use crate::oauth::token::{Fetch, TokenCache, TokenCacheConfig, TokenStore};
use crate::support::random::{Random, SystemRandom};
use crate::wire::admission::circuit::CircuitConfig;
use crate::wire::admission::rate_windows::RateWindows;
use crate::wire::admission::{Admission, AdmissionConfig};
use crate::wire::call::CallContext;
use crate::wire::form_post::{FormClient, Target};
use crate::wire::retry::RetryConfig;
use crate::wire::transport::{Destination, Http, HttpConfig};

/// The settings of a [`Client`]. Setters never fail; [`build`](Self::build) checks.
///
/// # Example: a backend that must not wait long
///
/// ```
/// use std::time::Duration;
///
/// use okta_introspect::{Client, Error, HttpConfig, Issuer, RetryConfig, Signer};
///
/// fn client(key: impl Signer + 'static) -> Result<Client, Error> {
///     let mut http = HttpConfig::default();
///     http.timeout = Duration::from_secs(3);
///     Client::builder(Issuer::parse("https://acme.okta.com")?, "0oa1b2c3d4", key)
///         .http(http)
///         .retry(RetryConfig::off())
///         .max_in_flight(8)
///         .build()
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct ClientBuilder {
    issuer: Issuer,
    client_id: String,
    signer: Arc<dyn Signer>,
    endpoints: Option<Endpoints>,
    audience: Audience,
    assertion: AssertionConfig,
    http: HttpConfig,
    retry: RetryConfig,
    admission: AdmissionConfig,
    dpop: DpopConfig,
    token_cache: TokenCacheConfig,
    token_store: Option<Arc<dyn TokenStore>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl ClientBuilder {
    pub(super) fn new(issuer: Issuer, client_id: String, signer: Arc<dyn Signer>) -> Self {
        Self {
            issuer,
            client_id,
            signer,
            endpoints: None,
            audience: Audience::default(),
            assertion: AssertionConfig::default(),
            http: HttpConfig::default(),
            retry: RetryConfig::default(),
            admission: AdmissionConfig::default(),
            dpop: DpopConfig::default(),
            token_cache: TokenCacheConfig::default(),
            token_store: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }

    /// The URLs to call. Default: where Okta has them; must be given for
    /// [other servers](Issuer::parse_other), for instance from
    /// [`Metadata::endpoints`](crate::Metadata::endpoints).
    pub fn endpoints(mut self, endpoints: Endpoints) -> Self {
        self.endpoints = Some(endpoints);
        self
    }

    /// Which URL assertions name in `aud`. Default: [`Audience::Endpoint`], as Okta demands.
    pub fn audience(mut self, audience: Audience) -> Self {
        self.audience = audience;
        self
    }

    /// How assertions are made.
    pub fn assertion(mut self, config: AssertionConfig) -> Self {
        self.assertion = config;
        self
    }

    /// How the server is reached.
    pub fn http(mut self, config: HttpConfig) -> Self {
        self.http = config;
        self
    }

    /// How calls that failed for no lasting reason are repeated.
    pub fn retry(mut self, config: RetryConfig) -> Self {
        self.retry = config;
        self
    }

    /// When an endpoint that keeps failing is left alone. Each endpoint, and each management API,
    /// is judged by its own answers.
    pub fn circuit(mut self, config: CircuitConfig) -> Self {
        self.admission.circuit = config;
        self
    }

    /// How many requests may be in flight at once, to all endpoints and APIs together. Others wait
    /// within their [`timeout`](HttpConfig::timeout), first come, first served, and are signed when
    /// they may go. For a server that takes more at once, and calls that wait for it, allow more.
    /// Default: [`Client::DEFAULT_MAX_IN_FLIGHT`]. Bounds: 1 to 10,000.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.admission.max_in_flight = requests;
        self
    }

    /// The rate windows that this client shares with other clients of the same org. Default: its
    /// own.
    pub fn rate_windows(mut self, windows: RateWindows) -> Self {
        self.admission.windows = windows;
        self
    }

    /// Whether and how tokens are bound to a key. Default: when the server demands it.
    pub fn dpop(mut self, config: DpopConfig) -> Self {
        self.dpop = config;
        self
    }

    /// How service tokens are kept.
    pub fn token_cache(mut self, config: TokenCacheConfig) -> Self {
        self.token_cache = config;
        self
    }

    /// Where service tokens are kept beyond this process. Default: nowhere. Bound tokens never
    /// are, so that nothing is kept or found with [`DpopMode::Always`](crate::DpopMode::Always).
    pub fn token_store(mut self, store: impl TokenStore + 'static) -> Self {
        self.token_store = Some(Arc::new(store));
        self
    }

    /// Where the time comes from. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where randomness comes from. Default: [`SystemRandom`].
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// Makes the client. No request is sent.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) with the first setting that is out of
    /// bounds, if the endpoints of another server are missing, if one is plain `http` and the
    /// issuer is not, if assertions for the token endpoint would go to another origin, if TLS
    /// cannot be set up, or if the key is one of this project's published samples and the server is
    /// not on loopback.
    pub fn build(self) -> Result<Client, Error> {
        let endpoints = self.known_endpoints()?;
        self.refuse_downgrade(&endpoints)?;
        self.audience.check(&endpoints)?;
        let destination = Destination::of(&self.issuer, &endpoints);
        self.refuse_sample_key(destination)?;
        let calls = Arc::new(self.calls(&endpoints, destination)?);
        // What was kept is not bound, and so is no use where only bound tokens are.
        let store = self.token_store.filter(|_| !calls.forms.prover().is_required());
        let fetch = fetch(Arc::clone(&calls));
        let tokens = TokenCache::new(self.token_cache, self.clock, self.random, store, fetch)?;
        let origin = Url::parse(self.issuer.origin())
            .map_err(|cause| Error::configuration("the issuer is not a URL").because(cause))?;
        let inner = Inner { issuer: self.issuer, endpoints, origin, calls, tokens };
        Ok(Client { inner: Arc::new(inner) })
    }

    fn known_endpoints(&self) -> Result<Endpoints, Error> {
        self.endpoints.clone().or_else(|| self.issuer.endpoints()).ok_or_else(|| {
            Error::configuration(format!("the endpoints of {} are not known", self.issuer))
                .advise("take them from discovery, or name them with `endpoints`")
        })
    }

    /// Endpoints of an https issuer that are plain http would be called in the clear.
    fn refuse_downgrade(&self, endpoints: &Endpoints) -> Result<(), Error> {
        let Endpoints { token, introspection, revocation, jwks } = endpoints;
        let plain =
            [token, introspection, revocation, jwks].into_iter().find(|u| u.is_plain_http());
        match plain {
            Some(plain) if !self.issuer.is_plain_http() => {
                let what = format!("the issuer is https and an endpoint is plain http: {plain}");
                Err(Error::configuration(what).advise("name an https address"))
            }
            _ => Ok(()),
        }
    }

    fn refuse_sample_key(&self, destination: Destination) -> Result<(), Error> {
        let is_elsewhere = destination == Destination::Elsewhere;
        if !(is_elsewhere && self.signer.public_jwk().is_some_and(is_sample)) {
            return Ok(());
        }
        let what = "the key is one of the published sample keys, which anybody can use";
        Err(Error::configuration(what)
            .advise("make your own with `okta-introspect keygen` and register its public half"))
    }

    /// What calls need.
    fn calls(&self, endpoints: &Endpoints, destination: Destination) -> Result<Calls, Error> {
        let http = Http::new(&self.http, Arc::clone(&self.clock), destination)?;
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        let (issuer, client_id) = (self.issuer.clone(), self.client_id.clone());
        let admission = Admission::new(self.admission.clone(), issuer, client_id, clock)?;
        let target =
            |endpoint| Target::new(endpoint, endpoints, &self.issuer, &self.audience, &admission);
        let (token, introspection) = (target(&endpoints.token)?, target(&endpoints.introspection)?);
        let revocation = target(&endpoints.revocation)?;
        let clock = Arc::clone(&self.clock);
        let context = CallContext::new(http, clock, random, self.retry.clone(), admission)?;
        let assertions = AssertionSigner::new(
            self.client_id.clone(),
            Arc::clone(&self.signer),
            self.assertion.clone(),
            Arc::clone(&self.random),
        )?
        .with_clock(Arc::clone(&self.clock));
        let prover = Prover::new(self.dpop.clone(), Arc::clone(&self.random));
        let forms = Arc::new(FormClient::new(context, assertions, prover));
        Ok(Calls { forms, token, introspection, revocation })
    }
}

/// Requests the tokens that the cache keeps.
fn fetch(calls: Arc<Calls>) -> Fetch {
    Arc::new(move |scopes| {
        let calls = Arc::clone(&calls);
        Box::pin(async move { calls.request_token(&scopes).await })
    })
}
