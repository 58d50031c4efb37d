//! Validates the proofs that come with requests to *us*
//! ([RFC 9449 §7](https://www.rfc-editor.org/rfc/rfc9449#section-7)).

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Proof;
use super::digest::{Digest, digest};
use super::htu;
use super::prover::ath;
use super::replay::{NotRecorded, Now, Replay, ReplayMemory};
use crate::error::{Error, bounds};
use crate::secret::Token;

/// How proofs that come with requests are validated. Bounds are checked where a checker is built.
///
/// # Example: proofs of half a minute
///
/// ```
/// use std::time::Duration;
/// use okta_introspect::checker::{CheckerConfig, ProofConfig};
///
/// let mut proofs = ProofConfig::default();
/// proofs.max_age = Duration::from_secs(30);
/// let mut config = CheckerConfig::default();
/// config.proofs = proofs;
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ProofConfig {
    /// How old a proof may be. Default: 60 s; Okta's own APIs take 5 min. Bounds: 1 s to 1 h.
    pub max_age: Duration,
    /// How far in the future a proof may be dated, by a client whose clock is fast. Default: 5 s.
    /// Bounds: at most 1 h.
    pub leeway: Duration,
    /// How many proofs are remembered, for twice as long as they can be used, some 100 bytes each.
    /// While the memory is full no bound token is let in, since its proof could be one that was
    /// used before. Only the proofs of requests that are good in all else take room. Default:
    /// 100 000, enough for some 750 requests a second. Bounds: 1 to 100 million.
    pub capacity: usize,
    /// How many of them one key may have. Default: 10 000, enough for some 75 requests a second
    /// with one key, so that one client cannot fill the memory for all others. Bounds: 1 to 100
    /// million; more than [`capacity`](Self::capacity) counts as that.
    pub max_per_key: usize,
    /// For how long after its first use a proof may come again with the same request
    /// [by way of the same proxy](crate::checker::Presented::through): proxies ask again when they
    /// retry, or redirect inside. A request is the same if token, method and URL are, its query
    /// included. Default: zero, each proof once. Bounds: at most 10 s.
    pub repeat_within: Duration,
}

impl ProofConfig {
    const MAX_CAPACITY: usize = 100_000_000;
    const MAX_REPEAT_WITHIN: Duration = Duration::from_secs(10);

    /// Refuses settings that are out of bounds.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
        bounds::within("proofs.max_age", self.max_age, second..=hour)?;
        bounds::within("proofs.leeway", self.leeway, Duration::ZERO..=hour)?;
        let repeats = Duration::ZERO..=Self::MAX_REPEAT_WITHIN;
        bounds::within("proofs.repeat_within", self.repeat_within, repeats)?;
        bounds::within("proofs.capacity", self.capacity, 1..=Self::MAX_CAPACITY)?;
        bounds::within("proofs.max_per_key", self.max_per_key, 1..=Self::MAX_CAPACITY)
    }
}

impl Default for ProofConfig {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(60),
            leeway: Duration::from_secs(5),
            capacity: 100_000,
            max_per_key: 10_000,
            repeat_within: Duration::ZERO,
        }
    }
}

/// The proof of one request, and what it must be for.
#[derive(Clone, Copy)]
pub(crate) struct PresentedProof<'a> {
    pub(crate) proof: &'a str,
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    /// Whether its use counts.
    pub(crate) replay: Replay,
    /// The proxy that asks about the request, and may do so again.
    pub(crate) proxy: Option<&'a str>,
}

impl<'a> PresentedProof<'a> {
    /// A proof that is used up by this request.
    pub(crate) fn new(proof: &'a str, method: &'a str, url: &'a str) -> Self {
        Self { proof, method, url, replay: Replay::Consume, proxy: None }
    }

    /// What tells the request from others of the same proxy.
    fn digest(&self, proxy: &str, proof: &Proof) -> Digest {
        let ath = proof.ath.as_deref().unwrap_or_default();
        digest(&[proxy, &proof.jkt, &proof.jti, ath, self.method, self.url])
    }
}

/// What is wrong with the proof of possession of a bound token
/// ([RFC 9449 §4.3](https://www.rfc-editor.org/rfc/rfc9449#section-4.3)).
///
/// # Example: is it the client's clock?
///
/// ```
/// use okta_introspect::checker::{Denied, ProofDenial, Reason};
///
/// fn is_clock(denied: &Denied) -> bool {
///     *denied.reason() == Reason::Proof(ProofDenial::Time)
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ProofDenial {
    /// There is none: a bound token was presented as a plain one.
    Missing,
    /// It cannot be read, or it is not signed by the key that it carries.
    Invalid,
    /// It is for another method or URL, or for another token.
    Mismatch,
    /// It was made too long ago, or in the future.
    Time,
    /// It was used before.
    Replayed,
    /// It was made with another key than the one to which the token is bound.
    Key,
    /// The token is not bound to any key, and was presented as if it were.
    NotBound,
    /// The token is bound in a way that cannot be checked here, such as to a TLS certificate.
    Unsupported,
}

/// Why the use of a proof is not recorded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ProofRefusal {
    Denied(ProofDenial),
    /// The memory, or the share of the proof's key, is full: to let the request in would be to
    /// forget that.
    Full,
}

impl From<NotRecorded> for ProofRefusal {
    fn from(reason: NotRecorded) -> Self {
        match reason {
            NotRecorded::Replayed => Self::Denied(ProofDenial::Replayed),
            NotRecorded::Forgotten => Self::Denied(ProofDenial::Time),
            NotRecorded::Full => Self::Full,
        }
    }
}

#[cfg(test)]
impl From<ProofDenial> for ProofRefusal {
    fn from(denial: ProofDenial) -> Self {
        Self::Denied(denial)
    }
}

/// Validates proofs, and remembers those that were used.
pub(crate) struct ProofValidator {
    config: ProofConfig,
    memory: Mutex<ReplayMemory>,
}

/// A proof that is good in all but one thing: whether it was used before is not yet known.
#[must_use]
#[derive(Debug)]
pub(crate) struct ValidProof {
    proof: Proof,
    replay: Replay,
    /// The digest of the request, where it may be repeated.
    request: Option<Digest>,
}

impl ProofValidator {
    pub(crate) fn new(config: ProofConfig) -> Self {
        // One second is for rounding: `iat` has no fraction.
        let usable_for = config.max_age.saturating_add(config.leeway);
        let usable_for = usable_for.saturating_add(Duration::from_secs(1));
        let limits = (config.capacity, config.max_per_key);
        let memory = ReplayMemory::new(usable_for, limits, config.repeat_within);
        Self { memory: Mutex::new(memory), config }
    }

    /// Whether the proof is for this request with `token`, which is bound to `jkt`, and in its
    /// time.
    pub(crate) fn validate(
        &self,
        presented: &PresentedProof<'_>,
        token: &str,
        jkt: &str,
        now: DateTime<Utc>,
    ) -> Result<ValidProof, ProofDenial> {
        let proof = Proof::verify(presented.proof).map_err(|_| ProofDenial::Invalid)?;
        if proof.jkt != jkt {
            return Err(ProofDenial::Key);
        }
        let (place, _query) = presented.url.split_once('?').unwrap_or((presented.url, ""));
        if proof.htm != presented.method
            || !htu::names(&proof.htu, place)
            || proof.ath.as_deref() != Some(ath_of(token).as_str())
        {
            return Err(ProofDenial::Mismatch);
        }
        self.check_time(&proof, now)?;
        let proxy = presented.proxy.filter(|_| !self.config.repeat_within.is_zero());
        let request = proxy.map(|proxy| presented.digest(proxy, &proof));
        Ok(ValidProof { proof, replay: presented.replay, request })
    }

    /// Uses a proof now, as far as its use [counts](Replay), for a request that is good in all
    /// else: so nothing but such requests takes room in the memory.
    pub(crate) fn record_use(&self, valid: &ValidProof, now: Now) -> Result<(), ProofRefusal> {
        let ValidProof { proof, replay, request } = valid;
        let memory = || self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        match replay {
            Replay::Consume => memory().record(proof, *request, now)?,
            Replay::CheckOnly => drop(memory().look_up(proof, *request, now)?),
            Replay::Off => {}
        }
        Ok(())
    }

    fn check_time(&self, proof: &Proof, now: DateTime<Utc>) -> Result<(), ProofDenial> {
        let age_secs = now.timestamp().saturating_sub(proof.iat);
        let fits = age_secs <= seconds(self.config.max_age)
            && age_secs >= -seconds(self.config.leeway)
            && proof.exp.is_none_or(|exp| now.timestamp() < exp);
        if fits { Ok(()) } else { Err(ProofDenial::Time) }
    }
}

impl fmt::Debug for ProofValidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofValidator").field("config", &self.config).finish_non_exhaustive()
    }
}

fn ath_of(token: &str) -> String {
    // Only tokens that were let through the edge come here.
    Token::parse(token).map(|token| ath(&token)).unwrap_or_default()
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX / 4)
}

impl fmt::Display for ProofDenial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the token is bound to a key, and there is no proof",
            Self::Invalid => "the proof is not one",
            Self::Mismatch => "the proof is for another request",
            Self::Time => "the proof is too old, or from the future",
            Self::Replayed => "the proof was used before",
            Self::Key => "the proof is by another key than the token's",
            Self::NotBound => "the token is not bound to a key",
            Self::Unsupported => "the token is bound in a way that cannot be checked",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};
    use crate::credential::dpop::{DpopConfig, DpopMode, Prover};
    use crate::key::{Algorithm, SigningKey};
    use crate::support::random::SeededRandom;
    use reqwest::{Method, Url};
    use std::sync::{Arc, LazyLock};
    use std::time::Instant;

    const URL: &str = "https://api.example/orders/1";
    const TOKEN: &str = "t0ken";

    struct Client {
        prover: Prover,
        jkt: String,
    }

    impl Client {
        fn new() -> Self {
            let key = SigningKey::generate(Algorithm::Es256).unwrap();
            let jkt = key.public_jwk().thumbprint();
            let config = DpopConfig::new(DpopMode::Always).key(key);
            Self { prover: Prover::new(config, Arc::new(SeededRandom::new(1))), jkt }
        }

        async fn proof(&self, url: &str, token: &str, iat: i64) -> String {
            let (url, token) = (Url::parse(url).unwrap(), Token::parse(token).unwrap());
            let proof = self.prover.proof(&Method::GET, &url, "place", Some(&token), at(iat)).await;
            proof.unwrap().expose().to_owned()
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    /// Validates a proof and records its use, the two clocks going alike.
    fn use_proof(
        validator: &ProofValidator,
        proof: &str,
        jkt: &str,
        now: i64,
    ) -> Result<(), ProofRefusal> {
        static ORIGIN: LazyLock<Instant> = LazyLock::new(|| SystemClock.monotonic());
        let presented = PresentedProof::new(proof, "GET", URL);
        let valid = validator.validate(&presented, TOKEN, jkt, at(now))?;
        let monotonic = *ORIGIN + Duration::from_secs(now.try_into().unwrap());
        validator.record_use(&valid, Now { wall: now, monotonic })
    }

    fn denied(denial: ProofDenial) -> Result<(), ProofRefusal> {
        Err(ProofRefusal::Denied(denial))
    }

    #[test_support::test]
    async fn a_proof_is_good_once_for_its_request() {
        let (client, validator) = (Client::new(), ProofValidator::new(ProofConfig::default()));
        let proof = client.proof("https://api.example:443/orders/1?page=2", TOKEN, 1000).await;
        assert_eq!(use_proof(&validator, &proof, &client.jkt, 1000), Ok(()));
        assert_eq!(use_proof(&validator, &proof, &client.jkt, 1060), denied(ProofDenial::Replayed));
    }

    #[test_support::test]
    async fn a_proof_for_something_else_is_refused() {
        let (client, validator) = (Client::new(), ProofValidator::new(ProofConfig::default()));
        let jkt = &client.jkt;
        let other_place = client.proof("https://api.example/orders/2", TOKEN, 1000).await;
        let other_host = client.proof("https://evil.example/orders/1", TOKEN, 1000).await;
        let other_token = client.proof(URL, "another", 1000).await;
        for proof in [other_place, other_host, other_token] {
            assert_eq!(use_proof(&validator, &proof, jkt, 1000), denied(ProofDenial::Mismatch));
        }
        let proof = client.proof(URL, TOKEN, 1000).await;
        let post = PresentedProof::new(&proof, "POST", URL);
        let other_method = validator.validate(&post, TOKEN, jkt, at(1000));
        assert_eq!(other_method.unwrap_err(), ProofDenial::Mismatch);
        assert_eq!(use_proof(&validator, &proof, "other", 1000), denied(ProofDenial::Key));
        assert_eq!(use_proof(&validator, "e30.e30.e30", jkt, 1000), denied(ProofDenial::Invalid));
    }

    #[test_support::test]
    async fn the_span_of_time_is_exact() {
        let (client, validator) = (Client::new(), ProofValidator::new(ProofConfig::default()));
        for (now, expected) in [
            (994, denied(ProofDenial::Time)),
            (995, Ok(())),
            (1060, Ok(())),
            (1061, denied(ProofDenial::Time)),
        ] {
            let proof = client.proof(URL, TOKEN, 1000).await;
            assert_eq!(use_proof(&validator, &proof, &client.jkt, now), expected, "{now}");
        }
    }

    #[test_support::test]
    async fn no_number_in_a_time_does_any_harm() {
        let (key, validator) = (
            SigningKey::generate(Algorithm::Es256).unwrap(),
            ProofValidator::new(ProofConfig::default()),
        );
        let jwk = key.public_jwk();
        let public: serde_json::Value = serde_json::from_str(&jwk.to_json()).unwrap();
        let public =
            serde_json::json!({"kty": "EC", "crv": "P-256", "x": public["x"], "y": public["y"]});
        let header = serde_json::json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": public});
        let ath = ath_of(TOKEN);
        let mut used = 0;
        for iat in [
            "1000",
            "0",
            "1",
            "-1",
            "2147483648",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "1e400",
            "8210266876799",
            "-8334601228800",
            "\"soon\"",
            "null",
            "1000000",
            "1000.5",
        ] {
            for (exp, is_good) in [
                ("", true),
                (",\"exp\":null", true),
                (",\"exp\":9223372036854775807", true),
                (",\"exp\":18446744073709551615", false),
                (",\"exp\":-1", false),
                (",\"exp\":999.5", false),
                (",\"exp\":\"soon\"", false),
            ] {
                used += 1;
                let claims = format!(
                    r#"{{"jti":"{used}","htm":"GET","htu":"{URL}","ath":"{ath}","iat":{iat}{exp}}}"#
                );
                let proof = signed(&key, &header.to_string(), &claims);
                let taken = use_proof(&validator, &proof, &jwk.thumbprint(), 1000).is_ok();
                assert_eq!(taken, iat == "1000" && is_good, "{iat} {exp}");
            }
        }
    }

    fn signed(key: &SigningKey, header: &str, claims: &str) -> String {
        use base64::Engine as _;
        let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let input = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        format!("{input}.{}", encode(&key.sign_blocking(input.as_bytes()).unwrap()))
    }

    #[test_support::test]
    async fn a_full_memory_lets_nobody_in_until_it_has_forgotten() {
        let config = ProofConfig { capacity: 2, ..ProofConfig::default() };
        let (client, validator) = (Client::new(), ProofValidator::new(config));
        for (now, expected) in [
            (1000, Ok(())),
            (1001, Ok(())),
            (1002, Err(ProofRefusal::Full)),
            (1131, Err(ProofRefusal::Full)),
            (1132, Ok(())),
        ] {
            let proof = client.proof(URL, TOKEN, now).await;
            assert_eq!(use_proof(&validator, &proof, &client.jkt, now), expected, "{now}");
        }
    }

    #[test_support::test]
    async fn a_clock_that_is_set_back_makes_no_proof_good_again() {
        let (client, validator) = (Client::new(), ProofValidator::new(ProofConfig::default()));
        let proof = client.proof(URL, TOKEN, 1000).await;
        assert_eq!(use_proof(&validator, &proof, &client.jkt, 1000), Ok(()));
        let later = client.proof(URL, TOKEN, 2000).await;
        assert_eq!(use_proof(&validator, &later, &client.jkt, 2000), Ok(()));
        assert_eq!(use_proof(&validator, &proof, &client.jkt, 1000), denied(ProofDenial::Time));
    }
}
