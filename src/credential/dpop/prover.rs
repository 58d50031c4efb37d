//! Makes DPoP proofs, and remembers the nonces that servers ask for.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use reqwest::{Method, Url};
use serde::Serialize;

use super::{DpopConfig, DpopMode, htu};
use crate::error::Error;
use crate::jws;
use crate::key::{Algorithm, SigningKey};
use crate::secret::{Secret, Token};
use crate::support::random::Random;

/// Proves possession of one key.
pub(crate) struct Prover {
    mode: DpopMode,
    demanded: AtomicBool,
    /// Made when the first proof is, since most clients never make one.
    key: OnceLock<ProofKey>,
    /// The latest nonce of each place that asks for them. A token endpoint and the APIs beside it
    /// have nonces of their own (RFC 9449 §8 and §9).
    nonces: Mutex<HashMap<String, String>>,
    random: Arc<dyn Random>,
}

struct ProofKey {
    key: SigningKey,
    header: String,
}

impl Prover {
    /// A nonce longer than this is not remembered.
    const MAX_NONCE: usize = 1024;

    pub(crate) fn new(config: DpopConfig, random: Arc<dyn Random>) -> Self {
        let key = config.key.map_or_else(OnceLock::new, |key| OnceLock::from(ProofKey::new(key)));
        let (demanded, nonces) = (AtomicBool::new(false), Mutex::default());
        Self { mode: config.mode, demanded, key, nonces, random }
    }

    /// Whether token requests carry a proof.
    pub(crate) fn is_on(&self) -> bool {
        match self.mode {
            DpopMode::Always => true,
            DpopMode::Auto => self.demanded.load(Ordering::Relaxed),
            DpopMode::Never => false,
        }
    }

    /// Whether a token request may carry a proof, should the server want one.
    pub(crate) fn may_prove(&self) -> bool {
        self.mode != DpopMode::Never
    }

    /// Whether a token that is not bound is no use.
    pub(crate) fn is_required(&self) -> bool {
        self.mode == DpopMode::Always
    }

    /// Records that the server demands proofs: it refused a request without, and took one with.
    pub(crate) fn demand(&self) {
        self.demanded.store(true, Ordering::Relaxed);
    }

    /// Takes note of the nonce that `place` wants from now on.
    pub(crate) fn remember_nonce(&self, place: &str, nonce: &str) {
        if nonce.len() <= Self::MAX_NONCE {
            let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
            if nonces.get(place).is_none_or(|known| known != nonce) {
                nonces.insert(place.to_owned(), nonce.to_owned());
            }
        }
    }

    /// A proof for one request, dated `now` by the server's clock. `token` is the access token
    /// that goes with it, if one does.
    pub(crate) async fn proof(
        &self,
        method: &Method,
        url: &Url,
        place: &str,
        token: Option<&Token>,
        now: DateTime<Utc>,
    ) -> Result<Secret, Error> {
        let key = self.key()?;
        let nonce = self.nonces.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned();
        let mut jti = [0; 16];
        self.random.fill(&mut jti);
        let claims = Claims {
            jti: uuid::Builder::from_random_bytes(jti).into_uuid(),
            htm: method.as_str(),
            htu: htu(url),
            iat: now.timestamp(),
            ath: token.map(ath),
            nonce,
        };
        jws::sign("the DPoP proof", &key.header, &claims, &key.key).await.map(Secret::new)
    }

    fn key(&self) -> Result<&ProofKey, Error> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let key = ProofKey::new(SigningKey::generate(Algorithm::Es256)?);
        // Should two requests come here at once, both use the key that was first.
        Ok(self.key.get_or_init(|| key))
    }
}

impl ProofKey {
    fn new(key: SigningKey) -> Self {
        let public = key.public_jwk();
        let header = Header { typ: "dpop+jwt", alg: public.algorithm().name(), jwk: public.bare() };
        Self { header: jws::segment(&header), key }
    }
}

impl fmt::Debug for Prover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prover")
            .field("mode", &self.mode)
            .field("on", &self.is_on())
            .finish_non_exhaustive()
    }
}

/// The base64url SHA-256 of an access token (RFC 9449 §4.2).
pub(crate) fn ath(token: &Token) -> String {
    URL_SAFE_NO_PAD.encode(openssl::sha::sha256(token.expose().as_bytes()))
}

#[derive(Serialize)]
struct Header<'a, J: Serialize> {
    typ: &'a str,
    alg: &'a str,
    jwk: &'a J,
}

#[derive(Serialize)]
struct Claims<'a> {
    jti: uuid::Uuid,
    htm: &'a str,
    htu: String,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
}
