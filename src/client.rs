//! The front door: settings, and the handle that owns the parts.

use std::sync::Arc;
use std::time::Instant;

use reqwest::Url;
use reqwest::header::DATE;

use crate::clock::send_time::SendTime;
use crate::clock::server_time::ClockOffset;
use crate::clock::{Clock, SystemClock};
use crate::credential::assertion::{AssertionConfig, AssertionSigner, Audience, ClientAssertion};
use crate::credential::dpop::{DpopConfig, Prover};
use crate::error::Error;
use crate::issuer::{EndpointUrl, Endpoints, Issuer};
use crate::key::{Signer, is_sample};
use crate::management::Resource;
use crate::oauth::introspect::{self, Introspection, TokenTypeHint};
use crate::oauth::metadata::{self, Metadata};
use crate::oauth::revoke;
use crate::oauth::token::{
    self, AccessToken, CachedTokenSource, TokenCache, TokenCacheConfig, TokenStore,
};
use crate::scope::Scopes;
use crate::secret::Token;
use crate::support::random::{Random, SystemRandom};
use crate::wire::admission::circuit::CircuitConfig;
use crate::wire::admission::rate_windows::RateWindows;
use crate::wire::admission::{Admission, AdmissionConfig};
use crate::wire::call::CallContext;
use crate::wire::form_post::{FormClient, Target};
use crate::wire::rate_limit::{RateLimit, Remaining};
use crate::wire::retry::RetryConfig;
use crate::wire::transport::{Answer, Destination, Http, HttpConfig};

/// A service app at one authorization server. Cheap to clone; clones share connections, key and
/// tokens.
///
/// # Example: is this token still good?
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use okta_introspect::{Client, Issuer, KeyOptions, SigningKey, Token};
///
/// let issuer = Issuer::parse("https://acme.okta.com/oauth2/default")?;
/// let key = SigningKey::from_file("service-app.pem", &KeyOptions::default().key_id("k1"))?;
/// let client = Client::builder(issuer, "0oa1b2c3d4", key).build()?;
///
/// let token = Token::parse("what a caller presented")?;
/// if client.introspect(&token, None).await?.active {
///     // good right now
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    issuer: Issuer,
    endpoints: Endpoints,
    origin: Url,
    calls: Arc<Calls>,
    tokens: TokenCache,
}

/// What a call needs; shared with the requests that go on in the background.
#[derive(Debug)]
struct Calls {
    forms: Arc<FormClient>,
    token: Target,
    introspection: Target,
    revocation: Target,
}

/// An endpoint that a client calls.
///
/// # Example: was a limit stated?
///
/// ```
/// use okta_introspect::{Client, Endpoint};
///
/// fn is_limited(client: &Client) -> bool {
///     client.rate_limit(Endpoint::Introspection).is_some()
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Endpoint {
    /// Where tokens are requested.
    Token,
    /// Where tokens are introspected.
    Introspection,
    /// Where tokens are revoked.
    Revocation,
}

impl Client {
    /// Thirty-two: Okta serves 75 [requests of an org at once][concurrency], of one app, unless its
    /// administrator says otherwise, half as many; more are refused with 429.
    ///
    /// [concurrency]: https://developer.okta.com/docs/reference/rl2-concurrency/
    pub const DEFAULT_MAX_IN_FLIGHT: usize = AdmissionConfig::DEFAULT_MAX_IN_FLIGHT;

    /// Begins a client of `issuer` that authenticates as `client_id` with `signer`.
    pub fn builder(
        issuer: Issuer,
        client_id: impl Into<String>,
        signer: impl Signer + 'static,
    ) -> ClientBuilder {
        ClientBuilder {
            issuer,
            client_id: client_id.into(),
            signer: Arc::new(signer),
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

    /// The authorization server.
    pub fn issuer(&self) -> &Issuer {
        &self.inner.issuer
    }

    /// The URLs that are called.
    pub fn endpoints(&self) -> &Endpoints {
        &self.inner.endpoints
    }

    /// The client id of the service app.
    pub fn client_id(&self) -> &str {
        self.inner.calls.forms.client_id()
    }

    /// Asks whether a token is good now. Nothing is cached.
    ///
    /// # Errors
    ///
    /// Every error means that the state of the token is not known:
    /// [`ClientRefused`](crate::ErrorKind::ClientRefused) is about our own credentials,
    /// [`Malformed`](crate::ErrorKind::Malformed) covers answers in which `active` is not a
    /// boolean. An inactive token is an answer, not an error.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the call.
    pub async fn introspect(
        &self,
        token: &Token,
        hint: Option<TokenTypeHint>,
    ) -> Result<Introspection, Error> {
        let calls = &self.inner.calls;
        introspect::introspect(&calls.forms, &calls.introspection, token, hint, None).await
    }

    /// As [`introspect`](Self::introspect), and tells when the request is sent.
    pub(crate) async fn introspect_noting(
        &self,
        token: &Token,
        hint: Option<TokenTypeHint>,
        send_time: &SendTime,
    ) -> Result<Introspection, Error> {
        let calls = &self.inner.calls;
        let (forms, target) = (&calls.forms, &calls.introspection);
        introspect::introspect(forms, target, token, hint, Some(send_time)).await
    }

    /// What is left of the rate limit for introspection, as far as the server has stated one.
    pub(crate) fn introspection_remaining(&self, now: Instant) -> Option<Remaining> {
        self.inner.calls.introspection.remaining(now)
    }

    /// Revokes one of this client's own tokens.
    ///
    /// Success proves nothing: a server says the same for tokens that are unknown, or not ours
    /// ([RFC 7009 §2.2](https://www.rfc-editor.org/rfc/rfc7009#section-2.2)). Introspect
    /// afterwards to be sure.
    ///
    /// # Errors
    ///
    /// Those of any call: the token may or may not have been revoked.
    pub async fn revoke(&self, token: &Token, hint: Option<TokenTypeHint>) -> Result<(), Error> {
        let calls = &self.inner.calls;
        revoke::revoke(&calls.forms, &calls.revocation, token, hint).await
    }

    /// Requests a service token with these scopes. Nothing is cached; see
    /// [`token_source`](Self::token_source).
    ///
    /// # Errors
    ///
    /// [`RequestRefused`](crate::ErrorKind::RequestRefused) if a scope is not granted to the app,
    /// and those of any call.
    pub async fn request_token(&self, scopes: &Scopes) -> Result<AccessToken, Error> {
        let calls = &self.inner.calls;
        token::request(&calls.forms, &calls.token, scopes).await
    }

    /// A source of service tokens with these scopes, which requests a new one only when needed.
    pub fn token_source(&self, scopes: Scopes) -> CachedTokenSource {
        self.inner.tokens.source(scopes)
    }

    /// The org's management APIs, called with service tokens of these scopes.
    pub fn resource(&self, scopes: Scopes) -> Resource {
        let forms = Arc::clone(&self.inner.calls.forms);
        Resource::new(forms, self.token_source(scopes), self.inner.origin.clone())
    }

    /// Fetches the server's metadata document. Needs no credentials, and tells the
    /// [clock offset](Self::clock_offset) as any answer does.
    ///
    /// # Errors
    ///
    /// As [`metadata::discover`].
    pub async fn metadata(&self) -> Result<Metadata, Error> {
        let forms = &self.inner.calls.forms;
        let observe = |answer: &Answer, round_trip| {
            if let Some(date) = answer.header(DATE) {
                forms.server_time().observe(date, round_trip);
            }
        };
        metadata::fetch(forms.http(), &self.inner.issuer, observe).await
    }

    /// What the server said last about its rate limit at an endpoint, if it has said anything.
    ///
    /// Okta counts introspection and revocation together, so what it says at one of them is about
    /// both; see [`RateWindows`].
    pub fn rate_limit(&self, endpoint: Endpoint) -> Option<RateLimit> {
        let calls = &self.inner.calls;
        match endpoint {
            Endpoint::Token => calls.token.rate_limit(),
            Endpoint::Introspection => calls.introspection.rate_limit(),
            Endpoint::Revocation => calls.revocation.rate_limit(),
        }
    }

    /// How far the server's clock is ahead of this computer's, as of its latest answer.
    pub fn clock_offset(&self) -> Option<ClockOffset> {
        self.inner.calls.forms.clock_offset()
    }

    /// Makes an assertion for an endpoint that this library does not call itself.
    ///
    /// # Errors
    ///
    /// [`Key`](crate::ErrorKind::Key) if the signer fails.
    pub async fn assertion(&self, endpoint: &EndpointUrl) -> Result<ClientAssertion, Error> {
        self.inner.calls.forms.assertion(endpoint.as_str()).await
    }
}

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
    /// The URLs to call. Default: where Okta has them; must be given for
    /// [other servers](Issuer::parse_other), for instance from
    /// [`Metadata::endpoints`].
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

    /// How many requests may be under way at once, to all endpoints and APIs together. Others wait
    /// for their turn within their [`timeout`](HttpConfig::timeout), first come, first served, and
    /// are signed when it has come. For a server that takes more at once, and callers who wait for
    /// it, allow more. Default: [`Client::DEFAULT_MAX_IN_FLIGHT`]. Bounds: 1 to 10,000.
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
    /// bounds, if the endpoints of another server are missing, if TLS cannot be set up, or if the
    /// key is one of this project's published samples and the server is not on loopback.
    pub fn build(self) -> Result<Client, Error> {
        let endpoints = self.endpoints.or_else(|| self.issuer.endpoints()).ok_or_else(|| {
            Error::configuration(format!("the endpoints of {} are not known", self.issuer))
                .advise("take them from discovery, or name them with `endpoints`")
        })?;
        let destination = Destination::of(&self.issuer, &endpoints);
        if destination == Destination::Elsewhere && self.signer.public_jwk().is_some_and(is_sample)
        {
            return Err(Error::configuration(
                "the key is one of the published sample keys, which anybody can use",
            )
            .advise("make your own with `okta-introspect keygen` and register its public half"));
        }
        let http = Http::new(&self.http, Arc::clone(&self.clock), destination)?;
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        let admission = Admission::new(
            self.admission,
            self.issuer.clone(),
            self.client_id.clone(),
            Arc::clone(&clock),
        )?;
        let target =
            |endpoint| Target::new(endpoint, &endpoints, &self.issuer, &self.audience, &admission);
        let token = target(&endpoints.token)?;
        let introspection = target(&endpoints.introspection)?;
        let revocation = target(&endpoints.revocation)?;
        let context = CallContext::new(http, clock, random, self.retry, admission)?;
        let prover = Prover::new(self.dpop, Arc::clone(&self.random));
        let assertions = AssertionSigner::new(
            self.client_id,
            self.signer,
            self.assertion,
            Arc::clone(&self.random),
        )?;
        let calls = Arc::new(Calls {
            token,
            introspection,
            revocation,
            forms: Arc::new(FormClient::new(context, assertions, prover)),
        });
        // What was kept is not bound, and so is no use where only bound tokens are.
        let store = self.token_store.filter(|_| !calls.forms.prover().is_required());
        let tokens = TokenCache::new(self.token_cache, self.clock, self.random, store, {
            let calls = Arc::clone(&calls);
            Arc::new(move |scopes| {
                let calls = Arc::clone(&calls);
                Box::pin(async move { token::request(&calls.forms, &calls.token, &scopes).await })
            })
        })?;
        let origin = Url::parse(self.issuer.origin())
            .map_err(|cause| Error::configuration("the issuer is not a URL").because(cause))?;
        Ok(Client {
            inner: Arc::new(Inner { issuer: self.issuer, endpoints, origin, calls, tokens }),
        })
    }
}
