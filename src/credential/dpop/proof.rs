//! Reads DPoP proofs and verifies their signatures
//! ([RFC 9449 §4.3](https://www.rfc-editor.org/rfc/rfc9449#section-4.3)).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::sha::sha256;
use serde_json::{Map, Value};

use crate::jws::{Compact, VerificationKey};
use crate::key::Algorithm;

/// What a proof says, once its signature has been verified with the key that it carries. Whether
/// it fits the request is for the caller to judge.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Proof {
    /// The RFC 7638 thumbprint of the proof's key.
    pub(crate) jkt: String,
    pub(crate) htm: String,
    pub(crate) htu: String,
    pub(crate) iat: i64,
    pub(crate) jti: String,
    pub(crate) exp: Option<i64>,
    pub(crate) ath: Option<String>,
    pub(crate) nonce: Option<String>,
}

/// Why a text is not a proof.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ProofFault {
    /// Not a JWT, or without a public JWK of a usable kind; a private member makes it unusable.
    Unreadable,
    /// `typ` is not `dpop+jwt`.
    Type,
    /// `alg` is not one of Okta's, or does not fit the key.
    Algorithm,
    /// The signature does not verify.
    Signature,
    /// This claim is missing or of the wrong type.
    Claim(&'static str),
}

impl Proof {
    /// What `jti` may have at most, in bytes: replay memories must not be filled by long ones.
    const MAX_JTI: usize = 256;

    /// Reads a proof and verifies it with its own key.
    pub(crate) fn verify(text: &str) -> Result<Self, ProofFault> {
        let jws = Compact::parse(text).map_err(|_| ProofFault::Unreadable)?;
        if jws.header("typ").and_then(Value::as_str) != Some("dpop+jwt") {
            return Err(ProofFault::Type);
        }
        let algorithm =
            jws.algorithm().filter(|algorithm| !algorithm.is_pss()).ok_or(ProofFault::Algorithm)?;
        let jwk = jws.header("jwk").and_then(Value::as_object).ok_or(ProofFault::Unreadable)?;
        let key = VerificationKey::from_jwk(jwk).map_err(|_| ProofFault::Unreadable)?;
        if !fits(jwk, algorithm) {
            return Err(ProofFault::Algorithm);
        }
        if !key.verify(algorithm, &jws) {
            return Err(ProofFault::Signature);
        }
        let claims = jws.claims().map_err(|_| ProofFault::Unreadable)?;
        let text = |name| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            jkt: thumbprint(jwk).ok_or(ProofFault::Unreadable)?,
            htm: text("htm").ok_or(ProofFault::Claim("htm"))?,
            htu: text("htu").ok_or(ProofFault::Claim("htu"))?,
            iat: claims.get("iat").and_then(Value::as_i64).ok_or(ProofFault::Claim("iat"))?,
            jti: text("jti")
                .filter(|jti| !jti.is_empty() && jti.len() <= Self::MAX_JTI)
                .ok_or(ProofFault::Claim("jti"))?,
            exp: claims
                .get("exp")
                .filter(|exp| !exp.is_null())
                .map(|exp| exp.as_i64().ok_or(ProofFault::Claim("exp")))
                .transpose()?,
            ath: text("ath"),
            nonce: text("nonce"),
        })
    }
}

fn fits(jwk: &Map<String, Value>, algorithm: Algorithm) -> bool {
    let text = |name| jwk.get(name).and_then(Value::as_str);
    match algorithm.curve() {
        Some(curve) => text("crv") == Some(curve.name()),
        None => text("kty") == Some("RSA"),
    }
}

/// RFC 7638 for a JWK as it came: its required members in alphabetical order.
fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    let members: &[&str] = match jwk.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let required: Option<Map<String, Value>> =
        members.iter().map(|name| Some(((*name).to_owned(), jwk.get(*name)?.clone()))).collect();
    let json = Value::Object(required?).to_string();
    Some(URL_SAFE_NO_PAD.encode(sha256(json.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The proof of RFC 9449 §4.1, and the thumbprint that §6.1 gives for its key.
    #[test]
    fn the_example_of_the_rfc_is_read_and_verified() {
        const PROOF: &str = concat!(
            "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik",
            "VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR",
            "nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE",
            "QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIj",
            "oiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwia",
            "WF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg",
            "4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
        );
        let proof = Proof::verify(PROOF).unwrap();
        assert_eq!(proof.jkt, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        assert_eq!(
            (proof.htm.as_str(), proof.htu.as_str()),
            ("POST", "https://server.example.com/token")
        );
        assert_eq!((proof.iat, proof.jti.as_str()), (1_562_262_616, "-BwC3ESc6acc2lTc"));
    }
}
