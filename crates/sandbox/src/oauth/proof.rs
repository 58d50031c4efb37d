//! Reads DPoP proofs and verifies their signatures
//! ([RFC 9449 §4.3](https://www.rfc-editor.org/rfc/rfc9449#section-4.3)).

use serde_json::{Map, Value};

use crate::jose::{Jws, PublicKey};

/// What a proof says, once its signature has been verified with the key that it carries. Whether
/// it fits the request is checked elsewhere.
#[derive(Debug)]
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

impl Proof {
    /// What `jti` may have at most, in bytes: replay memories must not be filled by long ones.
    const MAX_JTI: usize = 256;

    /// Reads a proof and verifies it with its own key; otherwise says what is wrong with it, in
    /// Okta's words.
    pub(crate) fn verify(text: &str) -> Result<Self, &'static str> {
        let jws = Jws::parse(text).ok_or(UNREADABLE)?;
        if jws.header("typ").and_then(Value::as_str) != Some("dpop+jwt") {
            return Err("'typ' must be 'dpop+jwt' in the DPoP proof JWT.");
        }
        let algorithm = jws.algorithm().ok_or(INVALID_ALGORITHM)?;
        let jwk = jws.header("jwk").and_then(Value::as_object).ok_or(UNREADABLE)?;
        let key = PublicKey::from_jwk(jwk).map_err(|_| UNREADABLE)?;
        if !key.can(algorithm) {
            return Err(INVALID_ALGORITHM);
        }
        if !key.verify(algorithm, &jws) {
            return Err("The DPoP proof JWT signature is invalid.");
        }
        Self::from_claims(key.thumbprint(), &jws.claims().ok_or(UNREADABLE)?)
    }

    fn from_claims(jkt: String, claims: &Map<String, Value>) -> Result<Self, &'static str> {
        let text = |name| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name| claims.get(name).and_then(Value::as_i64);
        let exp = match claims.get("exp") {
            Some(exp) => Some(exp.as_i64().ok_or(UNREADABLE)?),
            None => None,
        };
        let is_bounded = |jti: &String| !jti.is_empty() && jti.len() <= Self::MAX_JTI;
        Ok(Self {
            jkt,
            htm: text("htm").ok_or(INVALID_HTM)?,
            htu: text("htu").ok_or(INVALID_HTU)?,
            iat: number("iat").ok_or("'iat' claim in the DPoP proof JWT is invalid.")?,
            jti: text("jti")
                .filter(is_bounded)
                .ok_or("'jti' claim in the DPoP proof JWT is invalid.")?,
            exp,
            ath: text("ath"),
            nonce: text("nonce"),
        })
    }
}

pub(crate) const UNREADABLE: &str = "The DPoP proof JWT cannot be parsed.";
pub(crate) const INVALID_HTM: &str = "'htm' claim in the DPoP proof JWT is invalid.";
pub(crate) const INVALID_HTU: &str = "'htu' claim in the DPoP proof JWT is invalid.";
const INVALID_ALGORITHM: &str = "The DPoP proof JWT signature algorithm is invalid.";

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
        let forged = PROOF.replace("3Lg", "3Lw");
        assert_eq!(Proof::verify(&forged).unwrap_err(), "The DPoP proof JWT signature is invalid.");
    }
}
