//! The client assertion of `private_key_jwt` and `client_secret_jwt`: a JWT by which this client
//! proves who it is.
//!
//! [RFC 7523 §2.2 and §3](https://www.rfc-editor.org/rfc/rfc7523#section-2.2) define it; Okta is
//! stricter: `aud` must be exactly the endpoint called, `exp` less than an hour ahead by Okta's
//! clock, and an assertion with a `jti` works once.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::pace::Pace;
use super::{client_secret, id};
use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::jws::{self, HmacAlgorithm, HmacKey};
use crate::key::Signer;
use crate::secret::Secret;
use crate::support::random::Random;

/// How assertions are made.
///
/// # Example: assertions that live for two minutes
///
/// ```
/// use std::time::Duration;
///
/// use okta_introspect::AssertionConfig;
///
/// let mut config = AssertionConfig::default();
/// config.lifetime = Duration::from_secs(120);
/// assert!(config.lifetime <= AssertionConfig::MAX_LIFETIME);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AssertionConfig {
    /// From now to `exp`. Default: [`DEFAULT_LIFETIME`](Self::DEFAULT_LIFETIME). Bounds: one
    /// second to [`MAX_LIFETIME`](Self::MAX_LIFETIME).
    pub lifetime: Duration,
    /// From `iat` to now, so that a clock that is slightly fast does no harm. Default:
    /// [`DEFAULT_BACKDATE`](Self::DEFAULT_BACKDATE). Bound: at most the lifetime.
    pub backdate: Duration,
    /// How long one assertion may serve many calls to one endpoint; `None`, the default, makes a
    /// new one for every request.
    ///
    /// For callers whose RSA key is the bottleneck. It gives replay protection away: such
    /// assertions have no `jti`, so anyone that sees one can use it until it expires. Bound: at most
    /// half the lifetime.
    /// Where so many calls are made that this counts, see whether
    /// [`max_in_flight`](crate::ClientBuilder::max_in_flight) should be higher, too.
    pub reuse: Option<Duration>,
}

impl AssertionConfig {
    /// Five minutes, as in Okta's Node SDK: long enough for a slow network, far from Okta's hour.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(5 * 60);

    /// 59 minutes. Okta refuses an hour, and by its own clock.
    pub const MAX_LIFETIME: Duration = Duration::from_secs(59 * 60);

    /// Ten seconds: Okta refuses an `iat` that is not in the past.
    pub const DEFAULT_BACKDATE: Duration = Duration::from_secs(10);

    fn check(&self) -> Result<(), Error> {
        let wrong = |what: String, advice| Err(Error::configuration(what).advise(advice));
        if self.lifetime > Self::MAX_LIFETIME || self.lifetime < Duration::from_secs(1) {
            let what = format!("an assertion cannot live for {:?}", self.lifetime);
            return wrong(what, "choose between 1 s and 59 min; 5 min is the default");
        }
        if self.backdate > self.lifetime {
            let what = format!("an assertion cannot be back-dated by {:?}", self.backdate);
            return wrong(what, "choose at most its lifetime; 10 s is the default");
        }
        if self.reuse.is_some_and(|reuse| reuse > self.lifetime / 2) {
            let what =
                format!("an assertion cannot be reused for {:?}", self.reuse.unwrap_or_default());
            return wrong(what, "choose at most half its lifetime");
        }
        Ok(())
    }
}

impl Default for AssertionConfig {
    fn default() -> Self {
        Self { lifetime: Self::DEFAULT_LIFETIME, backdate: Self::DEFAULT_BACKDATE, reuse: None }
    }
}

/// Makes client assertions for one client with one key, or one secret.
///
/// # Example: an assertion without a client
///
/// ```
/// use std::sync::Arc;
///
/// use okta_introspect::{
///     Algorithm, AssertionConfig, AssertionSigner, Clock, Error, SigningKey, SystemClock, SystemRandom,
/// };
///
/// # async fn example() -> Result<(), Error> {
/// let key = Arc::new(SigningKey::generate(Algorithm::Es256)?);
/// let random = Arc::new(SystemRandom);
/// let signer = AssertionSigner::new("0oa1b2c3d4", key, AssertionConfig::default(), random)?;
/// let url = "https://acme.okta.com/oauth2/v1/introspect";
/// let assertion = signer.assertion(url, SystemClock.now()).await?;
/// assert_eq!(assertion.audience(), url);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AssertionSigner {
    client_id: String,
    means: Means,
    config: AssertionConfig,
    random: Arc<dyn Random>,
    /// The first part of every assertion by a signer that is one key.
    header: String,
    /// Where the signer says how many signatures it can make.
    pace: Option<Pace>,
    /// One reusable assertion per audience, while [`AssertionConfig::reuse`] is on.
    reusable: Mutex<Vec<ClientAssertion>>,
}

/// What assertions are signed with.
#[derive(Debug)]
enum Means {
    Key(Arc<dyn Signer>),
    Secret(HmacKey),
}

impl Means {
    fn max_per_second(&self) -> Option<NonZeroU32> {
        match self {
            Self::Key(signer) => signer.limits().max_per_second,
            Self::Secret(_) => None,
        }
    }
}

impl AssertionSigner {
    /// Prepares assertions of `client_id`, signed by `signer`.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the client id is empty or a
    /// placeholder, if it or the key id is rather a key, a token or a value with its quotes or line
    /// break, all of which an assertion would show, or if a setting is out of bounds.
    pub fn new(
        client_id: impl Into<String>,
        signer: Arc<dyn Signer>,
        config: AssertionConfig,
        random: Arc<dyn Random>,
    ) -> Result<Self, Error> {
        signer.key_id().map_or(Ok(()), id::check_key_id)?;
        let header = header(&*signer);
        Self::with_means(client_id.into(), Means::Key(signer), header, config, random)
    }

    /// Prepares assertions of `client_id`, signed with its secret: the `client_secret_jwt` of
    /// OpenID Connect.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) as [`new`](Self::new), and if the secret
    /// cannot be one or is shorter than the algorithm's
    /// [`min_secret_len`](HmacAlgorithm::min_secret_len).
    pub fn with_secret(
        client_id: impl Into<String>,
        secret: &Secret,
        algorithm: HmacAlgorithm,
        config: AssertionConfig,
        random: Arc<dyn Random>,
    ) -> Result<Self, Error> {
        client_secret::check(secret)?;
        client_secret::check_len(secret, algorithm)?;
        let key = HmacKey::new(secret.expose().as_bytes(), algorithm).map_err(|cause| {
            Error::key("the client secret cannot be used to sign").because(cause)
        })?;
        let header = jws::segment(&Header { alg: algorithm.name(), kid: None });
        Self::with_means(client_id.into(), Means::Secret(key), header, config, random)
    }

    fn with_means(
        client_id: String,
        means: Means,
        header: String,
        config: AssertionConfig,
        random: Arc<dyn Random>,
    ) -> Result<Self, Error> {
        id::check_client_id(&client_id)?;
        config.check()?;
        let pace = pace(&means, Arc::new(SystemClock));
        Ok(Self { client_id, means, config, random, header, pace, reusable: Mutex::default() })
    }

    /// Waits by this clock where the signer is slow.
    pub(crate) fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { pace: pace(&self.means, clock), ..self }
    }

    /// How many assertions a second can be made; `None` if nothing is known to stand in the way, as
    /// where each serves many calls.
    pub(crate) fn max_per_second(&self) -> Option<NonZeroU32> {
        match self.config.reuse {
            Some(_) => None,
            None => self.means.max_per_second(),
        }
    }

    /// The client that the assertions speak for.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Makes an assertion for `audience`, dated `now` by the server's clock. Where the signer
    /// [says](Signer::limits) how many signatures it can make, this waits for its turn.
    ///
    /// # Errors
    ///
    /// [`Key`](crate::ErrorKind::Key) if the signer fails.
    pub async fn assertion(
        &self,
        audience: &str,
        now: DateTime<Utc>,
    ) -> Result<ClientAssertion, Error> {
        let Some(reuse) = self.config.reuse else {
            self.turn().await;
            return self.sign(audience, now, Some(self.jti())).await;
        };
        if let Some(assertion) = self.reusable(audience, now, reuse) {
            return Ok(assertion);
        }
        self.turn().await;
        // Another caller may have signed one while this one waited.
        if let Some(assertion) = self.reusable(audience, now, reuse) {
            return Ok(assertion);
        }
        let assertion = self.sign(audience, now, None).await?;
        let mut reusable = self.reusable.lock().unwrap_or_else(PoisonError::into_inner);
        reusable.retain(|kept| kept.audience() != audience);
        reusable.push(assertion.clone());
        Ok(assertion)
    }

    /// Hears that the server refused an assertion for a reason that may lie in its key. Gives whether
    /// the next assertion is signed with another one.
    pub(crate) async fn refused(&self, assertion: &ClientAssertion) -> bool {
        let (Means::Key(signer), Some(refused)) = (&self.means, &assertion.0.signer) else {
            return false;
        };
        let has_another = signer.refused(refused).await;
        if has_another {
            let is_by_it = |kept: &ClientAssertion| {
                kept.0.signer.as_ref().is_some_and(|key| Arc::ptr_eq(key, refused))
            };
            let mut reusable = self.reusable.lock().unwrap_or_else(PoisonError::into_inner);
            reusable.retain(|kept| !is_by_it(kept));
        }
        has_another
    }

    /// What our assertions say about a claim or header, for the explanation of a refusal.
    pub(crate) fn describe(&self, about: &str, assertion: &ClientAssertion) -> Option<String> {
        let signer = assertion.0.signer.as_ref();
        match about {
            "aud" => Some(assertion.audience().to_owned()),
            "iss" | "sub" => Some(self.client_id.clone()),
            "alg" => Some(assertion.0.algorithm.to_owned()),
            "kid" => Some(signer.and_then(|signer| signer.key_id()).unwrap_or("none").to_owned()),
            "key" => signer?
                .public_jwk()
                .map(|jwk| format!("a key with the thumbprint {}", jwk.thumbprint())),
            "exp" => Some(in_seconds(assertion.0.expires_at)),
            "iat" => Some(in_seconds(assertion.0.issued_at)),
            _ => None,
        }
    }

    async fn turn(&self) {
        if let Some(pace) = &self.pace {
            pace.turn().await;
        }
    }

    fn jti(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn reusable(
        &self,
        audience: &str,
        now: DateTime<Utc>,
        reuse: Duration,
    ) -> Option<ClientAssertion> {
        let reusable = self.reusable.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = reusable.iter().find(|kept| kept.audience() == audience)?;
        let age = now.signed_duration_since(kept.0.signed_at).to_std().ok()?;
        (age < reuse).then(|| kept.clone())
    }

    async fn sign(
        &self,
        audience: &str,
        now: DateTime<Utc>,
        jti: Option<Uuid>,
    ) -> Result<ClientAssertion, Error> {
        let times = (
            now.checked_sub_signed(seconds(self.config.backdate)),
            now.checked_add_signed(seconds(self.config.lifetime)),
        );
        let (Some(issued_at), Some(expires_at)) = times else {
            return Err(Error::configuration("the clock shows a time that no assertion can have")
                .advise("set the clock"));
        };
        let claims = Claims {
            iss: &self.client_id,
            sub: &self.client_id,
            aud: audience,
            iat: issued_at.timestamp(),
            exp: expires_at.timestamp(),
            jti,
        };
        let (jwt, algorithm, signer) = match &self.means {
            Means::Key(signer) => {
                let (jwt, signer) = self.sign_with_key(&claims, signer).await?;
                (jwt, signer.algorithm().name(), Some(signer))
            }
            Means::Secret(key) => {
                let jwt = jws::sign_with_secret(WHAT, &self.header, &claims, key)?;
                (jwt, key.algorithm().name(), None)
            }
        };
        Ok(ClientAssertion(Arc::new(Signed {
            jwt: Secret::new(jwt),
            algorithm,
            signer,
            audience: audience.to_owned(),
            signed_at: now,
            issued_at,
            expires_at,
        })))
    }

    /// Signs with the signer, or the key that it has chosen.
    async fn sign_with_key(
        &self,
        claims: &Claims<'_>,
        signer: &Arc<dyn Signer>,
    ) -> Result<(String, Arc<dyn Signer>), Error> {
        let Some(key) = signer.current().await else {
            let jwt = jws::sign(WHAT, &self.header, claims, &**signer).await?;
            return Ok((jwt, Arc::clone(signer)));
        };
        key.key_id().map_or(Ok(()), id::check_key_id)?;
        Ok((jws::sign(WHAT, &header(&*key), claims, &*key).await?, key))
    }
}

/// What is signed, for messages.
const WHAT: &str = "the client assertion";

fn pace(means: &Means, clock: Arc<dyn Clock>) -> Option<Pace> {
    means.max_per_second().map(|per_second| Pace::new(per_second, clock))
}

/// A signed client assertion. A secret until it expires: `Debug` leaves the JWT out. Cheap to
/// clone.
///
/// # Example: the two fields of a form
///
/// ```
/// use okta_introspect::ClientAssertion;
///
/// fn fields(assertion: &ClientAssertion) -> [(&'static str, &str); 2] {
///     [("client_assertion_type", ClientAssertion::TYPE), ("client_assertion", assertion.expose())]
/// }
/// ```
#[derive(Clone)]
pub struct ClientAssertion(Arc<Signed>);

struct Signed {
    jwt: Secret,
    algorithm: &'static str,
    /// The key that has signed it; none if a secret has.
    signer: Option<Arc<dyn Signer>>,
    audience: String,
    signed_at: DateTime<Utc>,
    issued_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl ClientAssertion {
    /// The value of the form field `client_assertion_type`.
    pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    /// The JWT in compact form. Keep it out of URLs, argument lists and logs.
    pub fn expose(&self) -> &str {
        self.0.jwt.expose()
    }

    /// The JWT among other secrets.
    pub(crate) fn secret(&self) -> &Secret {
        &self.0.jwt
    }

    /// The one URL for which it is good.
    pub fn audience(&self) -> &str {
        &self.0.audience
    }

    /// Its `exp`.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }
}

impl fmt::Debug for ClientAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAssertion")
            .field("audience", &self.0.audience)
            .field("expires_at", &self.0.expires_at)
            .finish_non_exhaustive()
    }
}

fn header(signer: &dyn Signer) -> String {
    jws::segment(&Header { alg: signer.algorithm().name(), kid: signer.key_id() })
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

/// Times are integers: Okta refuses anything else in `exp`.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<Uuid>,
}

/// A configured duration as a calendar difference; [`AssertionConfig::check`] keeps it small.
fn seconds(duration: Duration) -> TimeDelta {
    TimeDelta::seconds(duration.as_secs() as i64)
}

/// A time as it is sent: without the fraction of its second.
fn in_seconds(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::clock::ManualClock;
    use crate::error::BoxError;
    use crate::issuer::Issuer;
    use crate::key::{Algorithm, KeyOptions, PARSED, SignerLimits, SigningKey};
    use crate::support::boxed_future::BoxFuture;
    use crate::support::random::SeededRandom;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    const URL: &str = "https://acme.okta.com/oauth2/v1/introspect";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_211_259, 900_000_000).unwrap()
    }

    fn signer(config: AssertionConfig) -> AssertionSigner {
        let key =
            SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some("k1".to_owned()));
        AssertionSigner::new("0oa1", Arc::new(key), config, Arc::new(SeededRandom::new(1))).unwrap()
    }

    fn part(assertion: &ClientAssertion, index: usize) -> Value {
        let part = assertion.expose().split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test_support::test]
    async fn times_are_told_as_they_are_sent() {
        let signer = signer(AssertionConfig::default());
        let assertion = signer.assertion(URL, now()).await.unwrap();
        let told = ["iat", "exp"].map(|name| signer.describe(name, &assertion).unwrap());
        assert_eq!(told, ["2026-11-20T21:47:29Z", "2026-11-20T21:52:39Z"]);
    }

    #[test_support::test]
    async fn claims_are_what_okta_wants_and_times_are_integers() {
        let assertion = signer(AssertionConfig::default()).assertion(URL, now()).await.unwrap();
        assert_eq!(part(&assertion, 0), json!({"alg": "ES256", "kid": "k1"}));
        let claims = part(&assertion, 1);
        let jti = claims["jti"].as_str().unwrap();
        assert_eq!(Uuid::parse_str(jti).unwrap().get_version_num(), 4);
        assert_eq!(
            claims,
            json!({
                "iss": "0oa1", "sub": "0oa1", "aud": URL,
                "iat": 1_795_211_249, "exp": 1_795_211_559, "jti": jti,
            })
        );
    }

    #[test_support::test]
    async fn at_the_ends_of_the_calendar_there_is_an_error_and_no_panic() {
        let signer = signer(AssertionConfig::default());
        for now in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            let error = signer.assertion(URL, now).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{now}");
        }
    }

    #[test_support::test]
    async fn every_assertion_is_a_new_one() {
        let signer = signer(AssertionConfig::default());
        let first = signer.assertion(URL, now()).await.unwrap();
        let second = signer.assertion(URL, now()).await.unwrap();
        assert_ne!(part(&first, 1)["jti"], part(&second, 1)["jti"]);
    }

    #[test_support::test]
    async fn a_reusable_assertion_has_no_jti_and_serves_one_audience_for_its_window() {
        let signer = signer(AssertionConfig {
            reuse: Some(Duration::from_secs(60)),
            ..AssertionConfig::default()
        });
        let first = signer.assertion(URL, now()).await.unwrap();
        assert_eq!(part(&first, 1).get("jti"), None);
        let other = signer.assertion("https://acme.okta.com/oauth2/v1/token", now()).await.unwrap();
        assert_ne!(other.expose(), first.expose());
        let last = signer.assertion(URL, now() + TimeDelta::milliseconds(59_999)).await.unwrap();
        assert_eq!(last.expose(), first.expose());
        let next = signer.assertion(URL, now() + TimeDelta::seconds(60)).await.unwrap();
        assert_ne!(next.expose(), first.expose());
    }

    /// Says that it makes one signature a second.
    #[derive(Debug)]
    struct Slow(SigningKey);

    impl Signer for Slow {
        fn algorithm(&self) -> Algorithm {
            self.0.algorithm()
        }

        fn key_id(&self) -> Option<&str> {
            None
        }

        fn sign<'a>(&'a self, input: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
            self.0.sign(input)
        }

        fn limits(&self) -> SignerLimits {
            SignerLimits::default().max_per_second(NonZeroU32::new(1))
        }
    }

    #[test_support::test]
    async fn a_slow_signer_is_asked_at_its_pace_and_reuse_spares_it() {
        for (reuse, waits, max) in [(None, 3, NonZeroU32::new(1)), (Some(60), 0, None)] {
            let clock = ManualClock::new(now());
            let key = Slow(SigningKey::generate(Algorithm::Es256).unwrap());
            let config = AssertionConfig {
                reuse: reuse.map(Duration::from_secs),
                ..AssertionConfig::default()
            };
            let random = Arc::new(SeededRandom::new(1));
            let signer = AssertionSigner::new("0oa1", Arc::new(key), config, random).unwrap();
            let signer = signer.with_clock(Arc::new(clock.clone()));
            assert_eq!(signer.max_per_second(), max);
            for _ in 0..4 {
                signer.assertion(URL, now()).await.unwrap();
            }
            assert_eq!(clock.slept(), vec![Duration::from_secs(1); waits]);
        }
    }

    #[test_support::test]
    async fn the_key_is_parsed_once_however_many_assertions_it_signs() {
        let before = PARSED.get();
        let pem = include_bytes!("../../keys/sample-p256.pem");
        let key = SigningKey::parse(pem, &KeyOptions::default()).unwrap();
        let issuer = Issuer::parse("http://127.0.0.1:1").unwrap();
        let client = crate::Client::builder(issuer, "0oa1", key).build().unwrap();
        for _ in 0..100 {
            client.assertion(&client.endpoints().introspection).await.unwrap();
        }
        assert_eq!(PARSED.get() - before, 1);
    }

    #[test]
    fn settings_out_of_bounds_are_refused_when_building() {
        let key: Arc<dyn Signer> = Arc::new(SigningKey::generate(Algorithm::Es256).unwrap());
        let minute = Duration::from_secs(60);
        let default = AssertionConfig::default;
        for (name, client_id, config) in [
            ("an hour", "0oa1", AssertionConfig { lifetime: 60 * minute, ..default() }),
            ("no time at all", "0oa1", AssertionConfig { lifetime: Duration::ZERO, ..default() }),
            ("back-dated too far", "0oa1", AssertionConfig { backdate: 6 * minute, ..default() }),
            ("reused too long", "0oa1", AssertionConfig { reuse: Some(3 * minute), ..default() }),
            ("no client id", " ", default()),
            ("placeholder", "{clientId}", default()),
        ] {
            let made = AssertionSigner::new(
                client_id,
                Arc::clone(&key),
                config,
                Arc::new(SeededRandom::new(1)),
            );
            assert_eq!(made.expect_err(name).kind(), ErrorKind::Configuration, "{name}");
        }
        let longest = AssertionConfig { lifetime: 59 * minute, ..default() };
        assert!(AssertionSigner::new("0oa1", key, longest, Arc::new(SeededRandom::new(1))).is_ok());
    }
}
