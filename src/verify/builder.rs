//! The settings of a verifier.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::claims::{AccessTokenClaims, IdTokenClaims};
use super::policy::Policy;
use super::verifier::Verifier;
use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::jwks::Jwks;
use crate::key::Algorithm;
use crate::scope::Scopes;

/// The settings of a [`Verifier`]. Setters never fail; [`build`](Self::build) checks.
///
/// # Example: access tokens of two clients, with one scope
///
/// ```
/// use std::time::Duration;
/// use okta_introspect::{Issuer, JwkSet, Jwks, Scopes, Verifier};
///
/// let issuer = Issuer::parse("https://acme.okta.com/oauth2/default")?;
/// let verifier = Verifier::access_token(issuer, "api://default")
///     .clients(["0oa1web", "0oa1mobile"])
///     .required_scopes(Scopes::parse("orders.read")?)
///     .leeway(Duration::from_secs(30))
///     .keys(Jwks::fixed(JwkSet::parse(br#"{"keys": []}"#)?))
///     .build()?;
/// assert_eq!(verifier.issuer().custom_id(), Some("default"));
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[must_use]
pub struct VerifierBuilder<C> {
    policy: Policy,
    /// Whether the issuer's kind of token can be verified at all.
    is_access_token: bool,
    keys: Keys,
    clock: Arc<dyn Clock>,
    claims: PhantomData<fn() -> C>,
}

/// Where the keys come from.
enum Keys {
    Given(Jwks),
    OfIssuer,
}

impl Verifier<AccessTokenClaims> {
    /// Begins a verifier of access tokens of `issuer`, an Okta custom authorization server, that
    /// are meant for `audience`, such as `api://default`.
    pub fn access_token(
        issuer: Issuer,
        audience: impl Into<String>,
    ) -> VerifierBuilder<AccessTokenClaims> {
        VerifierBuilder::new(issuer, audience.into(), true)
    }
}

impl Verifier<IdTokenClaims> {
    /// Begins a verifier of ID tokens of `issuer`, an Okta org or custom authorization server,
    /// that are meant for the client `client_id`.
    pub fn id_token(
        issuer: Issuer,
        client_id: impl Into<String>,
    ) -> VerifierBuilder<IdTokenClaims> {
        VerifierBuilder::new(issuer, client_id.into(), false)
    }
}

impl<C> VerifierBuilder<C> {
    /// Two minutes, as Okta's own guides and verifiers have it.
    pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(2 * 60);

    /// Five minutes. More would make a short-lived token live half as long again.
    pub const MAX_LEEWAY: Duration = Duration::from_secs(5 * 60);

    pub(super) fn new(issuer: Issuer, audience: String, is_access_token: bool) -> Self {
        let policy = Policy {
            issuer,
            audience,
            algorithms: vec![Algorithm::Rs256],
            leeway: Self::DEFAULT_LEEWAY,
            clients: None,
            scopes: Scopes::default(),
        };
        let clock = Arc::new(SystemClock);
        Self { policy, is_access_token, keys: Keys::OfIssuer, clock, claims: PhantomData }
    }

    /// The algorithms that are taken, if the key is for them too. Default: RS256 alone, with
    /// which Okta signs.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.policy.algorithms = algorithms.into_iter().collect();
        self
    }

    /// By how much the issuer's clock and this one may differ: a token counts for so much longer
    /// at its end and earlier at its beginning. Default:
    /// [`DEFAULT_LEEWAY`](Self::DEFAULT_LEEWAY). At most [`MAX_LEEWAY`](Self::MAX_LEEWAY).
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.policy.leeway = leeway;
        self
    }

    /// The keys: to share them among verifiers of one issuer, to set how they are fetched and
    /// kept, or to fix them. Default: those of the issuer, fetched with default settings.
    pub fn keys(mut self, keys: Jwks) -> Self {
        self.keys = Keys::Given(keys);
        self
    }

    /// Where the time comes from. Default: [`SystemClock`]. [`keys`](Self::keys) that are given
    /// have a clock of their own.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes the verifier. No request is sent.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if access tokens of an Okta org server
    /// are to be verified, which cannot be done; if the audience, the client id or the list of
    /// algorithms is empty; if the leeway is too long; or if TLS cannot be set up.
    pub fn build(self) -> Result<Verifier<C>, Error> {
        self.check()?;
        let Self { policy, keys, clock, .. } = self;
        let keys = match keys {
            Keys::Given(keys) => keys,
            Keys::OfIssuer => {
                Jwks::builder(policy.issuer.clone()).shared_clock(Arc::clone(&clock)).build()?
            }
        };
        Ok(Verifier::new(policy, keys, clock))
    }

    fn check(&self) -> Result<(), Error> {
        let policy = &self.policy;
        if self.is_access_token && policy.issuer.is_org() {
            let what = format!("access tokens of the org server {} are opaque", policy.issuer);
            return Err(Error::configuration(what)
                .advise("introspect them, or name a custom authorization server (…/oauth2/{id})"));
        }
        if policy.audience.is_empty() {
            return Err(Error::configuration("the audience is empty")
                .advise("give the audience of the authorization server, or the client id"));
        }
        if policy.algorithms.is_empty() {
            return Err(Error::configuration("no algorithm is allowed")
                .advise("allow RS256, with which Okta signs"));
        }
        if policy.leeway > Self::MAX_LEEWAY {
            let what = format!("a leeway of {:?} is too long", policy.leeway);
            return Err(Error::configuration(what).advise("choose at most five minutes"));
        }
        Ok(())
    }

    fn of_other_claims<D>(self) -> VerifierBuilder<D> {
        let Self { policy, is_access_token, keys, clock, claims: _ } = self;
        VerifierBuilder { policy, is_access_token, keys, clock, claims: PhantomData }
    }
}

impl<E> VerifierBuilder<AccessTokenClaims<E>> {
    /// The clients whose tokens are taken, by `cid`. Default: every client of the issuer.
    pub fn clients<I>(mut self, client_ids: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let client_ids: BTreeSet<String> = client_ids.into_iter().map(Into::into).collect();
        self.policy.clients = Some(client_ids);
        self
    }

    /// The scopes that every token must have, all of them. Default: none.
    pub fn required_scopes(mut self, scopes: Scopes) -> Self {
        self.policy.scopes = scopes;
        self
    }

    /// Reads the claims that [`AccessTokenClaims`] does not list into `F`, once the signature is
    /// known to be good.
    pub fn further_claims<F>(self) -> VerifierBuilder<AccessTokenClaims<F>> {
        self.of_other_claims()
    }
}

impl<E> VerifierBuilder<IdTokenClaims<E>> {
    /// Reads the claims that [`IdTokenClaims`] does not list into `F`, once the signature is
    /// known to be good.
    pub fn further_claims<F>(self) -> VerifierBuilder<IdTokenClaims<F>> {
        self.of_other_claims()
    }
}

impl<C> fmt::Debug for VerifierBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder").field("policy", &self.policy).finish_non_exhaustive()
    }
}
