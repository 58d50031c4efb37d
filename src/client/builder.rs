//! The settings of a client, and what is made of them.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::{Calls, Client, Inner};
use crate::clock::{Clock, SystemClock};
use crate::credential::assertion::AssertionConfig;
use crate::credential::audience::Audience;
use crate::credential::client_auth::ClientAuth;
use crate::credential::dpop::{DpopConfig, Prover};
use crate::error::Error;
use crate::issuer::{Endpoints, Issuer};
use crate::key::is_sample;
use crate::oauth::token::{Fetch, TokenCache, TokenCacheConfig, TokenStore};
use crate::support::random::{Random, SystemRandom};
use crate::wire::admission::circuit::CircuitConfig;
use crate::wire::admission::rate_windows::RateWindows;
use crate::wire::admission::{Admission, AdmissionConfig};
use crate::wire::bounds;
use crate::wire::call::CallContext;
use crate::wire::current_authenticator::CurrentAuthenticator;
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
    auth: ClientAuth,
    endpoints: Option<Endpoints>,
    audience: Audience,
    assertion: AssertionConfig,
    http: HttpConfig,
    retry: RetryConfig,
    admission: AdmissionConfig,
    dpop: DpopConfig,
    token_cache: TokenCacheConfig,
    token_store: Option<Arc<dyn TokenStore>>,
    grace_period: Duration,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl ClientBuilder {
    pub(super) fn new(issuer: Issuer, client_id: String, auth: ClientAuth) -> Self {
        Self {
            issuer,
            client_id,
            auth,
            endpoints: None,
            audience: Audience::default(),
            assertion: AssertionConfig::default(),
            http: HttpConfig::default(),
            retry: RetryConfig::default(),
            admission: AdmissionConfig::default(),
            dpop: DpopConfig::default(),
            token_cache: TokenCacheConfig::default(),
            token_store: None,
            grace_period: Duration::ZERO,
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

    /// How assertions are made, where the client authenticates by them.
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

    /// How long the server takes a refresh token all the same that it has replaced by another one. A
    /// [refresh](Client::refresh) whose answer was lost is repeated within the first half of that; the other
    /// half is for the way. Take what the app is set up with, or less (Okta: *grace period for token
    /// rotation*, 0 to 60 s, by default 30 s); for refresh tokens that are never replaced any time is right.
    /// Default: zero, nothing is repeated that may have reached the server. Bounds: at most one minute.
    pub fn refresh_grace_period(mut self, grace_period: Duration) -> Self {
        self.grace_period = grace_period;
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
    /// issuer is not, if the secret, or assertions for the token endpoint, would go to another origin
    /// than the token endpoint's, if TLS cannot be set up, if the client secret cannot be one (it is
    /// empty, a placeholder, has a line break, or is too short to sign), or if the key is one of this
    /// project's published samples and the server is not on loopback.
    pub fn build(self) -> Result<Client, Error> {
        let endpoints = self.known_endpoints()?;
        self.refuse_downgrade(&endpoints)?;
        self.refuse_strangers(&endpoints)?;
        let destination = Destination::of(&self.issuer, &endpoints);
        self.refuse_sample_key(destination)?;
        let minute = Duration::ZERO..=Duration::from_secs(60);
        bounds::check("refresh_grace_period", self.grace_period, minute)?;
        let calls = Arc::new(self.calls(&endpoints, destination)?);
        // What was kept is not bound, and so is no use where only bound tokens are.
        let store = self.token_store.filter(|_| !calls.forms.prover().is_required());
        let fetch = fetch(Arc::clone(&calls));
        let tokens = TokenCache::new(self.token_cache, self.clock, self.random, store, fetch)?;
        let origin = Url::parse(self.issuer.origin())
            .map_err(|cause| Error::configuration("the issuer is not a URL").because(cause))?;
        let refreshes = Arc::default();
        let inner = Inner { issuer: self.issuer, endpoints, origin, calls, tokens, refreshes };
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

    /// What authenticates at the token endpoint must not be shown to endpoints of another origin: what
    /// is there could request tokens with it.
    fn refuse_strangers(&self, endpoints: &Endpoints) -> Result<(), Error> {
        let Endpoints { token, introspection, revocation, .. } = endpoints;
        let elsewhere =
            [introspection, revocation].into_iter().find(|url| url.origin() != token.origin());
        match (&self.auth, elsewhere) {
            (auth, Some(url)) if auth.sends_secret() => {
                let what =
                    "the client secret would be sent to another origin than the token endpoint's";
                Err(Error::configuration(format!("{what}: {}", url.origin())).advise(
                    "let the client sign, with a key or its secret: each assertion is for one endpoint",
                ))
            }
            (ClientAuth::ClientSecretBasic(_) | ClientAuth::ClientSecretPost(_), None)
            | (ClientAuth::None, _) => Ok(()),
            // By an assertion, or what may make one.
            _ => self.audience.check(endpoints),
        }
    }

    fn refuse_sample_key(&self, destination: Destination) -> Result<(), Error> {
        let is_elsewhere = destination == Destination::Elsewhere;
        let public = self.auth.signer().and_then(|signer| signer.public_jwk());
        if !(is_elsewhere && public.is_some_and(is_sample)) {
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
        let authenticator = CurrentAuthenticator::new(
            self.client_id.clone(),
            &self.auth,
            self.assertion.clone(),
            Arc::clone(&self.random),
            Arc::clone(&self.clock),
        )?;
        let prover = Prover::new(self.dpop.clone(), Arc::clone(&self.random));
        let forms = Arc::new(FormClient::new(context, authenticator, prover));
        let grace_period = self.grace_period;
        Ok(Calls { forms, token, introspection, revocation, grace_period })
    }
}

/// Requests the tokens that the cache keeps.
fn fetch(calls: Arc<Calls>) -> Fetch {
    Arc::new(move |scopes| {
        let calls = Arc::clone(&calls);
        Box::pin(async move { calls.request_token(&scopes).await })
    })
}
