//! The settings of a key source.

use std::sync::Arc;

use super::cache::Jwks;
use super::freshness::JwksConfig;
use super::remote::Remote;
use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::issuer::{EndpointUrl, Issuer};
use crate::support::random::{Random, SystemRandom};
use crate::wire::transport::{Destination, Http, HttpConfig};

/// The settings of a [`Jwks`]. Setters never fail; [`build`](Self::build) checks.
///
/// # Example: keys at an address of their own
///
/// ```no_run
/// use okta_introspect::{EndpointUrl, Error, Issuer, Jwks};
///
/// fn keys() -> Result<Jwks, Error> {
///     let issuer = Issuer::parse("https://acme.okta.com/oauth2/default")?;
///     let address = EndpointUrl::parse("https://keys.acme.example/v1/keys")?;
///     Jwks::builder(issuer).address(address).build()
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct JwksBuilder {
    issuer: Issuer,
    address: Option<EndpointUrl>,
    config: JwksConfig,
    http: HttpConfig,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Jwks {
    /// Begins a source of the keys of `issuer`.
    pub fn builder(issuer: Issuer) -> JwksBuilder {
        JwksBuilder::new(issuer)
    }
}

impl JwksBuilder {
    pub(super) fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            address: None,
            config: JwksConfig::default(),
            http: HttpConfig::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }

    /// Where the keys are. Default: what discovery says (`jwks_uri`).
    pub fn address(mut self, address: EndpointUrl) -> Self {
        self.address = Some(address);
        self
    }

    /// How the keys are kept.
    pub fn config(mut self, config: JwksConfig) -> Self {
        self.config = config;
        self
    }

    /// How the server is reached.
    pub fn http(mut self, config: HttpConfig) -> Self {
        self.http = config;
        self
    }

    /// Where the time comes from. Default: [`SystemClock`].
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        self.shared_clock(Arc::new(clock))
    }

    pub(crate) fn shared_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where the jitter of background refreshes comes from. Default: [`SystemRandom`].
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// Makes the source. No request is sent: the first token, or [`Jwks::refresh`], does that.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if a setting is out of bounds, or TLS
    /// cannot be set up.
    pub fn build(self) -> Result<Jwks, Error> {
        self.config.check()?;
        let destination = self.destination();
        let http = Http::new(&self.http, Arc::clone(&self.clock), destination)?;
        let remote = Remote::new(http, self.issuer, self.address);
        Ok(Jwks::remote(remote, self.config, self.clock, self.random))
    }

    /// Requests go to the issuer for its metadata, and to the address of the keys.
    fn destination(&self) -> Destination {
        let of_issuer = Destination::of_issuer(&self.issuer);
        match &self.address {
            None => of_issuer,
            Some(keys) if keys.is_plain_http() && of_issuer == Destination::PlainLoopback => {
                Destination::PlainLoopback
            }
            Some(keys) if keys.is_loopback() && self.issuer.is_loopback() => Destination::Loopback,
            Some(_) => Destination::Elsewhere,
        }
    }
}
