//! Judges the proofs that come with requests to *us*
//! ([RFC 9449 §7](https://www.rfc-editor.org/rfc/rfc9449#section-7)).

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use openssl::sha::sha256;

use super::Proof;
use super::htu;
use super::prover::ath;
use crate::secret::Token;

/// How proofs that come with requests are judged.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ProofConfig {
    /// How old a proof may be. Default: 60 s; Okta's own APIs take 5 min.
    pub max_age: Duration,
    /// How far in the future a proof may be dated, by a client whose clock is fast. Default: 5 s.
    pub leeway: Duration,
    /// How many proofs are remembered, for twice as long as they can be used, some 60 bytes each.
    /// While the memory is full nobody gets in with a bound token, since a proof could be one that
    /// was used before. Only proofs that are good in all else take room. Default: 100 000, enough
    /// for some 750 requests a second.
    pub capacity: usize,
}

impl Default for ProofConfig {
    fn default() -> Self {
        Self { max_age: Duration::from_secs(60), leeway: Duration::from_secs(5), capacity: 100_000 }
    }
}

/// The proof of one request, and what it must be for.
#[derive(Clone, Copy)]
pub(crate) struct Presented<'a> {
    pub(crate) proof: &'a str,
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
}

/// What is wrong with the proof of possession of a bound token
/// ([RFC 9449 §4.3](https://www.rfc-editor.org/rfc/rfc9449#section-4.3)).
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

/// Why a proof does not do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    Denied(ProofDenial),
    /// The memory is full: it cannot be told whether the proof was used before.
    Full,
}

impl From<ProofDenial> for Refusal {
    fn from(denial: ProofDenial) -> Self {
        Self::Denied(denial)
    }
}

/// Judges proofs, and remembers the good ones so that each is good once.
pub(crate) struct ProofValidator {
    config: ProofConfig,
    memory: Mutex<Memory>,
}

impl ProofValidator {
    pub(crate) fn new(config: ProofConfig) -> Self {
        Self { config, memory: Mutex::default() }
    }

    /// Whether the proof is good for this request with `token`, which is bound to `jkt`.
    pub(crate) fn judge(
        &self,
        presented: &Presented<'_>,
        token: &str,
        jkt: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let proof = Proof::verify(presented.proof).map_err(|_| ProofDenial::Invalid)?;
        if proof.jkt != jkt {
            return Err(ProofDenial::Key.into());
        }
        if proof.htm != presented.method
            || !htu::names(&proof.htu, presented.url)
            || proof.ath.as_deref() != Some(ath_of(token).as_str())
        {
            return Err(ProofDenial::Mismatch.into());
        }
        self.check_time(&proof, now)?;
        self.burn(&proof, now.timestamp())
    }

    fn check_time(&self, proof: &Proof, now: DateTime<Utc>) -> Result<(), ProofDenial> {
        let age_secs = now.timestamp().saturating_sub(proof.iat);
        let fits = age_secs <= seconds(self.config.max_age)
            && age_secs >= -seconds(self.config.leeway)
            && proof.exp.is_none_or(|exp| now.timestamp() < exp);
        if fits { Ok(()) } else { Err(ProofDenial::Time) }
    }

    fn burn(&self, proof: &Proof, now: i64) -> Result<(), Refusal> {
        // A proof that was taken is too old for good after this long; one second is for rounding.
        let span = seconds(self.config.max_age) + seconds(self.config.leeway) + 1;
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.turn(now, span);
        memory.burn(proof, self.config.capacity)
    }
}

impl fmt::Debug for ProofValidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofValidator").field("config", &self.config).finish_non_exhaustive()
    }
}

/// The proofs that were used, in two generations: the older one is forgotten as a whole when all
/// in it are too old to be used again.
#[derive(Default)]
struct Memory {
    young: Generation,
    old: Generation,
    /// When the young generation began.
    began: i64,
    /// Proofs of this time and before may have been forgotten. Should the clock be set back, they
    /// would look young again.
    forgotten_until: Option<i64>,
}

#[derive(Default)]
struct Generation {
    proofs: HashSet<[u8; 16]>,
    latest_iat: Option<i64>,
}

impl Memory {
    fn turn(&mut self, now: i64, span: i64) {
        while !self.is_empty() && now >= self.began.saturating_add(span) {
            let forgotten = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            self.forgotten_until = self.forgotten_until.max(forgotten.latest_iat);
            self.began = self.began.saturating_add(span);
        }
        if self.is_empty() {
            self.began = now;
        }
    }

    fn burn(&mut self, proof: &Proof, capacity: usize) -> Result<(), Refusal> {
        let id = id(proof);
        if self.forgotten_until.is_some_and(|until| proof.iat <= until) {
            return Err(ProofDenial::Time.into());
        }
        if self.young.proofs.contains(&id) || self.old.proofs.contains(&id) {
            return Err(ProofDenial::Replayed.into());
        }
        if self.young.proofs.len() + self.old.proofs.len() >= capacity {
            return Err(Refusal::Full);
        }
        self.young.proofs.insert(id);
        self.young.latest_iat = self.young.latest_iat.max(Some(proof.iat));
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.young.proofs.is_empty() && self.old.proofs.is_empty()
    }
}

/// A `jti` is unique for its key only. 128 bits of SHA-256: whoever made two proofs collide would
/// shut out nobody but themselves.
fn id(proof: &Proof) -> [u8; 16] {
    let hash = sha256(format!("{} {}", proof.jkt, proof.jti).as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    id
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
    use crate::credential::dpop::{DpopConfig, DpopMode, Prover};
    use crate::key::{Algorithm, SigningKey};
    use crate::support::random::SeededRandom;
    use reqwest::{Method, Url};
    use std::sync::Arc;

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

    fn judge(judge: &ProofValidator, proof: &str, jkt: &str, now: i64) -> Result<(), Refusal> {
        judge.judge(&Presented { proof, method: "GET", url: URL }, TOKEN, jkt, at(now))
    }

    fn denied(denial: ProofDenial) -> Result<(), Refusal> {
        Err(Refusal::Denied(denial))
    }

    #[tokio::test]
    async fn a_proof_is_good_once_for_its_request() {
        let (client, judges) = (Client::new(), ProofValidator::new(ProofConfig::default()));
        let proof = client.proof("https://api.example:443/orders/1?page=2", TOKEN, 1000).await;
        assert_eq!(judge(&judges, &proof, &client.jkt, 1000), Ok(()));
        assert_eq!(judge(&judges, &proof, &client.jkt, 1060), denied(ProofDenial::Replayed));
    }

    #[tokio::test]
    async fn a_proof_for_something_else_is_refused() {
        let (client, judges) = (Client::new(), ProofValidator::new(ProofConfig::default()));
        let jkt = &client.jkt;
        let other_place = client.proof("https://api.example/orders/2", TOKEN, 1000).await;
        let other_host = client.proof("https://evil.example/orders/1", TOKEN, 1000).await;
        let other_token = client.proof(URL, "another", 1000).await;
        for proof in [other_place, other_host, other_token] {
            assert_eq!(judge(&judges, &proof, jkt, 1000), denied(ProofDenial::Mismatch));
        }
        let proof = client.proof(URL, TOKEN, 1000).await;
        let post = Presented { proof: &proof, method: "POST", url: URL };
        assert_eq!(judges.judge(&post, TOKEN, jkt, at(1000)), denied(ProofDenial::Mismatch));
        assert_eq!(judge(&judges, &proof, "other", 1000), denied(ProofDenial::Key));
        assert_eq!(judge(&judges, "e30.e30.e30", jkt, 1000), denied(ProofDenial::Invalid));
    }

    #[tokio::test]
    async fn the_span_of_time_is_exact() {
        let (client, judges) = (Client::new(), ProofValidator::new(ProofConfig::default()));
        for (now, expected) in [
            (994, denied(ProofDenial::Time)),
            (995, Ok(())),
            (1060, Ok(())),
            (1061, denied(ProofDenial::Time)),
        ] {
            let proof = client.proof(URL, TOKEN, 1000).await;
            assert_eq!(judge(&judges, &proof, &client.jkt, now), expected, "{now}");
        }
    }

    #[tokio::test]
    async fn a_full_memory_lets_nobody_in_until_it_has_forgotten() {
        let config = ProofConfig { capacity: 2, ..ProofConfig::default() };
        let (client, judges) = (Client::new(), ProofValidator::new(config));
        for (now, expected) in [
            (1000, Ok(())),
            (1001, Ok(())),
            (1002, Err(Refusal::Full)),
            (1131, Err(Refusal::Full)),
            (1132, Ok(())),
        ] {
            let proof = client.proof(URL, TOKEN, now).await;
            assert_eq!(judge(&judges, &proof, &client.jkt, now), expected, "{now}");
        }
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_makes_no_proof_good_again() {
        let (client, judges) = (Client::new(), ProofValidator::new(ProofConfig::default()));
        let proof = client.proof(URL, TOKEN, 1000).await;
        assert_eq!(judge(&judges, &proof, &client.jkt, 1000), Ok(()));
        let later = client.proof(URL, TOKEN, 2000).await;
        assert_eq!(judge(&judges, &later, &client.jkt, 2000), Ok(()));
        assert_eq!(judge(&judges, &proof, &client.jkt, 1000), denied(ProofDenial::Time));
    }
}
