//! Public keys: read from JWKs, named by their thumbprints, used to verify.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwk::Jwk;
use josekit::jws::JwsVerifier;
use josekit::jws::alg::ecdsa::EcdsaJwsAlgorithm;
use josekit::jws::alg::rsassa::RsassaJwsAlgorithm;
use openssl::bn::BigNum;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::compact::Jws;
use super::weak_rsa;
use crate::error::Error;

/// A public key of a kind that Okta registers: RSA of 2048 bits and more, P-256, P-384 or P-521.
/// RSA keys with which anybody could sign are refused as well.
#[derive(Clone)]
pub(crate) struct PublicKey {
    /// With the members of the key alone: what a JWK says about its use is checked elsewhere.
    jwk: Jwk,
    /// `None` is an RSA key.
    curve: Option<EcdsaJwsAlgorithm>,
}

impl PublicKey {
    /// The members that only a private or secret key has
    /// ([RFC 7518 §6](https://www.rfc-editor.org/rfc/rfc7518#section-6)).
    const PRIVATE_MEMBERS: [&str; 8] = ["d", "k", "p", "q", "dp", "dq", "qi", "oth"];

    /// Beyond this many bits a verification would cost too much.
    const MAX_RSA_BITS: usize = 8192;

    /// Reads an RSA or EC key from a JWK. Its `use`, `alg` and `kid` are not looked at.
    pub(crate) fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, Error> {
        if Self::PRIVATE_MEMBERS.iter().any(|member| jwk.contains_key(*member)) {
            let advice = "give the public half only";
            return Err(Error::key("the JWK holds a private or secret key", advice));
        }
        let unusable = |what: &str| Error::key(format!("the JWK {what}"), "copy the key anew");
        let curve = match jwk.get("kty").and_then(Value::as_str) {
            Some("RSA") => None,
            Some("EC") => Some(curve(jwk).ok_or_else(|| {
                let advice = "use P-256, P-384 or P-521";
                Error::key("the JWK has a curve that is not supported", advice)
            })?),
            _ => {
                let what = "the JWK is neither an RSA nor an EC key";
                return Err(Error::key(what, "set `kty` to RSA or EC"));
            }
        };
        let members = members(curve).iter().map(|name| {
            let value = jwk.get(*name).filter(|value| value.is_string());
            Ok(((*name).to_owned(), value.cloned().ok_or_else(|| unusable("lacks a member"))?))
        });
        let members: Map<String, Value> = members.collect::<Result<_, Error>>()?;
        let jwk = Jwk::from_map(members).map_err(|_| unusable("is not a key"))?;
        let key = Self { jwk, curve };
        if !key.has_proper_size() || key.verifier(key.any_algorithm()).is_none() {
            return Err(unusable("is not a usable key of its type"));
        }
        match key.is_forgeable() {
            true => Err(Error::key(
                "the JWK is a weak RSA key: anybody could sign with it",
                "make another key",
            )),
            false => Ok(key),
        }
    }

    /// Whether `jws` was signed with `algorithm` by the holder of this key. An algorithm of
    /// another family or curve than the key's never verifies.
    pub(crate) fn verify(&self, algorithm: Algorithm, jws: &Jws<'_>) -> bool {
        self.verifier(algorithm).is_some_and(|verifier| {
            verifier.verify(jws.signing_input.as_bytes(), &jws.signature).is_ok()
        })
    }

    /// Whether a signature by this key can be of `algorithm`.
    pub(crate) fn can(&self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Rsa(_) => self.curve.is_none(),
            Algorithm::Ec(own) => self.curve == Some(own),
        }
    }

    /// The RFC 7638 thumbprint: the hash of the key's members in alphabetical order.
    pub(crate) fn thumbprint(&self) -> String {
        let member = |name: &&str| {
            // They were texts when the key was read.
            let value = self.jwk.parameter(name).and_then(Value::as_str).unwrap_or_default();
            format!(r#""{name}":"{value}""#)
        };
        let members: Vec<String> = members(self.curve).iter().map(member).collect();
        sha256_base64url(&format!("{{{}}}", members.join(",")))
    }

    /// Whether the private half of an RSA key can be had without it.
    fn is_forgeable(&self) -> bool {
        let number = |name| {
            let text = self.jwk.parameter(name).and_then(Value::as_str)?;
            BigNum::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
        };
        self.curve.is_none()
            && number("n").zip(number("e")).is_none_or(|(n, e)| weak_rsa::is_weak(&n, &e))
    }

    fn verifier(&self, algorithm: Algorithm) -> Option<Box<dyn JwsVerifier>> {
        match algorithm {
            Algorithm::Rsa(rsa) => Some(Box::new(rsa.verifier_from_jwk(&self.jwk).ok()?)),
            Algorithm::Ec(ec) => Some(Box::new(ec.verifier_from_jwk(&self.jwk).ok()?)),
        }
    }

    fn any_algorithm(&self) -> Algorithm {
        self.curve.map_or(Algorithm::Rsa(RsassaJwsAlgorithm::Rs256), Algorithm::Ec)
    }

    /// RFC 7518 §6.2.1.2: coordinates have the full width of the curve.
    fn has_proper_size(&self) -> bool {
        let bytes = |name| URL_SAFE_NO_PAD.decode(self.jwk.parameter(name)?.as_str()?).ok();
        let len = |name| bytes(name).map_or(0, |bytes| bytes.len());
        match self.curve {
            None => len("n") * 8 <= Self::MAX_RSA_BITS,
            Some(curve) => len("x") == coordinate_len(curve) && len("y") == coordinate_len(curve),
        }
    }
}

fn curve(jwk: &Map<String, Value>) -> Option<EcdsaJwsAlgorithm> {
    match jwk.get("crv")?.as_str()? {
        "P-256" => Some(EcdsaJwsAlgorithm::Es256),
        "P-384" => Some(EcdsaJwsAlgorithm::Es384),
        "P-521" => Some(EcdsaJwsAlgorithm::Es512),
        _ => None,
    }
}

fn coordinate_len(curve: EcdsaJwsAlgorithm) -> usize {
    match curve {
        EcdsaJwsAlgorithm::Es384 => 48,
        EcdsaJwsAlgorithm::Es512 => 66,
        _ => 32,
    }
}

/// The members that make the key, in alphabetical order.
fn members(curve: Option<EcdsaJwsAlgorithm>) -> &'static [&'static str] {
    match curve {
        Some(_) => &["crv", "kty", "x", "y"],
        None => &["e", "kty", "n"],
    }
}

pub(crate) fn sha256(text: &str) -> [u8; 32] {
    openssl::sha::sha256(text.as_bytes())
}

/// The form in which `ath` and thumbprints are written.
pub(crate) fn sha256_base64url(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(text))
}

/// The form of `at_hash`: OpenID Connect Core §3.1.3.6, for algorithms with SHA-256.
pub(crate) fn left_half_of_sha256(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&sha256(text)[..16])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(jwk: Value) -> Result<PublicKey, Error> {
        PublicKey::from_jwk(jwk.as_object().unwrap())
    }

    /// The key of RFC 9449 §4.1, and its thumbprint from §6.1.
    fn ec() -> Value {
        json!({
            "kty": "EC",
            "crv": "P-256",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        })
    }

    #[test]
    fn the_thumbprints_of_the_rfcs_come_out() {
        let thumbprint = read(ec()).unwrap().thumbprint();
        assert_eq!(thumbprint, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        // RFC 7638 §3.1
        let n = concat!(
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tS",
            "oc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65",
            "YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyr",
            "dkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK",
            "nqDKgw"
        );
        let rsa = read(json!({"kty": "RSA", "e": "AQAB", "n": n, "kid": "2011-04-29"})).unwrap();
        assert_eq!(rsa.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn what_okta_would_not_register_is_refused() {
        let changed = |name: &str, value: Value| {
            let mut jwk = ec();
            jwk[name] = value;
            read(jwk).err().map(|error| error.to_string()).unwrap_or_default()
        };
        for (name, value, expected) in [
            ("d", json!("s3cret"), "private"),
            ("kty", json!("OKP"), "neither"),
            ("crv", json!("P-192"), "curve"),
            ("x", json!(1), "lacks"),
            ("x", json!("AAAA"), "usable"),
            ("y", ec()["x"].clone(), "usable"),
        ] {
            let error = changed(name, value);
            assert!(error.contains(expected) && !error.contains("s3cret"), "{name}: {error}");
        }
    }
}
