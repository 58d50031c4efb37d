//! Universal Logout: Okta tells an app to sign a user out
//! ([draft-parecki-oauth-global-token-revocation-06](https://www.ietf.org/archive/id/draft-parecki-oauth-global-token-revocation-06.html)).

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::LEEWAY;
use super::refusal::{Refused, SignalRefusal};
use super::signal::{Signal, SourceKind};
use super::subject;
use super::used::{NotUsable, Used};
use crate::clock::shifted;
use crate::error::Error;
use crate::issuer::{EndpointUrl, Issuer};
use crate::jwks::Jwks;
use crate::support::json::Object;
use crate::verify::{Claims, Expected, InvalidToken, statement, wrong_audience};

/// What is received of Okta's Universal Logout: requests that an org signs for one app and one
/// endpoint, each good once.
///
/// In the Admin Console it is the app's "Logout" settings: the endpoint's URL, and "Signed JWT" as
/// the authentication.
///
/// # Example
///
/// ```
/// use okta_introspect::signals::UniversalLogout;
/// use okta_introspect::{Error, Issuer};
///
/// fn logout() -> Result<UniversalLogout, Error> {
///     let org = Issuer::parse("https://acme.okta.com")?;
///     UniversalLogout::new(org, "0oa1b2c3d4", "https://api.acme.example/signals")
/// }
/// ```
#[derive(Clone, Debug)]
pub struct UniversalLogout {
    issuer: String,
    client_id: String,
    endpoint: String,
    keys: Jwks,
    pub(super) used: Used,
}

/// A JWT that is good in all but one thing: whether it was used before is not yet known.
#[derive(Debug)]
pub(super) struct Order {
    /// Its `jti`, or else all of it.
    name: String,
    exp: DateTime<Utc>,
}

impl UniversalLogout {
    /// How long Okta's requests are good, and so the longest that one may be.
    pub const MAX_LIFETIME: Duration = Duration::from_secs(5 * 60);

    pub(super) const TYPE: &str = "global-token-revocation+jwt";

    /// The requests of `org` for the app `client_id` at `endpoint`, which is the URL as Okta calls it:
    /// it is compared to the letter.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the issuer is a custom authorization
    /// server, the client id is empty, or the URL is none; or if TLS cannot be set up.
    pub fn new(
        org: Issuer,
        client_id: impl Into<String>,
        endpoint: impl Into<String>,
    ) -> Result<Self, Error> {
        if org.custom_id().is_some() {
            let what = format!("Universal Logout comes from the org, and {org} is a custom server");
            return Err(Error::configuration(what).advise("name the org, without /oauth2/…"));
        }
        let keys = super::keys_of(&org)?;
        let (client_id, endpoint) = (client_id.into(), endpoint.into());
        if client_id.is_empty() {
            return Err(Error::configuration("the client id for Universal Logout is empty")
                .advise("give the id of the app whose logout settings name this endpoint"));
        }
        EndpointUrl::parse(&endpoint)?;
        let issuer = org.as_str().to_owned();
        Ok(Self { issuer, client_id, endpoint, keys, used: Used::new(Used::CAPACITY) })
    }

    /// The org's keys: to share them with other receivers and verifiers, or to fix them. Default:
    /// fetched from where Okta has them, with default settings.
    #[must_use]
    pub fn keys(mut self, keys: Jwks) -> Self {
        self.keys = keys;
        self
    }

    /// Which requests were used is what the other one knows: for a receiver in the place of another.
    #[must_use]
    pub fn used_of(mut self, earlier: &Self) -> Self {
        self.used = earlier.used.clone();
        self
    }

    /// Verifies the JWT of a request.
    pub(super) async fn verify(&self, jwt: &str, now: DateTime<Utc>) -> Result<Order, Refused> {
        let check = |claims: Claims| {
            self.check(&claims, now)?;
            let exp = claims.exp().ok_or(InvalidToken::MissingClaim { name: "exp" })?;
            let name = claims.jti().filter(|jti| !jti.is_empty()).unwrap_or(jwt).to_owned();
            Ok(Order { name, exp })
        };
        Ok(statement(jwt, Self::TYPE, &self.keys, check).await??)
    }

    fn check(&self, claims: &Claims, now: DateTime<Utc>) -> Result<(), InvalidToken> {
        let (issuer, audience) = (&*self.issuer, &*self.endpoint);
        let max_age = Self::MAX_LIFETIME;
        claims.check(&Expected { issuer, audience, now, leeway: LEEWAY, max_age })?;
        if claims.audiences()?.len() != 1 {
            return Err(wrong_audience(audience, claims.audiences()?));
        }
        let subject = claims.subject()?;
        if subject != self.client_id {
            return Err(InvalidToken::ClientNotAllowed { found: None });
        }
        let latest = TimeDelta::from_std(Self::MAX_LIFETIME.saturating_add(LEEWAY));
        match claims.exp() {
            None => Err(InvalidToken::MissingClaim { name: "exp" }),
            Some(exp) if exp > shifted(now, latest.unwrap_or_default()) => {
                Err(InvalidToken::MalformedClaim { name: "exp" })
            }
            Some(_) => Ok(()),
        }
    }

    /// Uses an order for what its request says: `{"sub_id": …}` with a subject of the format
    /// `email` or `iss_sub`.
    pub(super) fn read(
        &self,
        order: &Order,
        body: &[u8],
        now: (DateTime<Utc>, Instant),
    ) -> Result<Signal, SignalRefusal> {
        let body = Object::parse(body).map_err(|_| SignalRefusal::Malformed)?.into_map();
        let identifier = body.get("sub_id").and_then(Value::as_object);
        let identifier = identifier.ok_or(SignalRefusal::Malformed)?;
        let format = identifier.get("format").and_then(Value::as_str);
        if !matches!(format, None | Some("email" | "iss_sub")) {
            return Err(SignalRefusal::SubjectFormat);
        }
        let subjects = subject::simple(identifier)?;
        // Last of all: what cannot be read does not use it up.
        self.used.record(&order.name, order.exp, LEEWAY, now).map_err(|reason| match reason {
            NotUsable::Used => SignalRefusal::Replayed,
            NotUsable::Full => SignalRefusal::MemoryFull,
        })?;
        let signal = Signal::new(SourceKind::UniversalLogout, KIND, subjects);
        Ok(signal.id(order.name.clone()))
    }
}

const KIND: &str = "universal_logout";
