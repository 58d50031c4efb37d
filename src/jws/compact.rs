//! Splits compact JWTs strictly, looks into them, and verifies them with a public JWK.
//!
//! Nothing here trusts the token: the caller says which algorithms are allowed and which key is
//! to be used, and the header's word counts only where the caller asks for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::hash;
use openssl::pkey::{PKey, Public};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Verifier};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::key::{Algorithm, Curve};

/// Why a text is not a JWS that could be verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// It has this many segments instead of three; five would be an encrypted token.
    Segments(usize),
    /// A segment is not unpadded base64url.
    Encoding,
    /// The header is not a JSON object.
    Header,
    /// The payload is not a JSON object.
    Payload,
    /// The header demands extensions, and none is understood here
    /// ([RFC 7515 §4.1.11](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11)).
    Critical,
}

/// A JWS in compact serialization, split and decoded but **not** verified
/// ([RFC 7515 §7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)).
///
/// Has no `Debug`: it holds a token or an assertion.
pub(crate) struct Compact<'a> {
    signing_input: &'a str,
    header: Map<String, Value>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Splits `text` into exactly three segments of strict base64url: no padding, no line
    /// breaks, no stray bits.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Fault> {
        let segments = text.split('.').count();
        let (Some((signing_input, signature)), 3) = (text.rsplit_once('.'), segments) else {
            return Err(Fault::Segments(segments));
        };
        let Some((header, payload)) = signing_input.split_once('.') else {
            return Err(Fault::Segments(segments));
        };
        let decode = |segment: &str| URL_SAFE_NO_PAD.decode(segment).map_err(|_| Fault::Encoding);
        let header: Map<String, Value> =
            serde_json::from_slice(&decode(header)?).map_err(|_| Fault::Header)?;
        if header.contains_key("crit") {
            return Err(Fault::Critical);
        }
        Ok(Self { signing_input, header, payload: decode(payload)?, signature: decode(signature)? })
    }

    /// A member of the header, as the sender claims it.
    pub(crate) fn header(&self, name: &str) -> Option<&Value> {
        self.header.get(name)
    }

    /// The algorithm that the sender claims, if it is one that this crate can verify. `none` and
    /// the HS family are not.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        self.header("alg")?.as_str()?.parse().ok()
    }

    /// The payload as claims.
    pub(crate) fn claims(&self) -> Result<Map<String, Value>, Fault> {
        serde_json::from_slice(&self.payload).map_err(|_| Fault::Payload)
    }
}

/// A public key that verifies signatures. Cheap to clone.
#[derive(Clone)]
pub(crate) struct VerificationKey {
    key: PKey<Public>,
    curve: Option<Curve>,
}

impl VerificationKey {
    /// RFC 7518 §3.3 asks for 2048 bits at least.
    const MIN_RSA_BITS: u32 = 2048;

    /// Keys may come from strangers, and the cost of a verification grows with their size.
    const MAX_RSA_BITS: u32 = 8192;

    /// Reads an RSA or EC key from a JWK
    /// ([RFC 7518 §6](https://www.rfc-editor.org/rfc/rfc7518#section-6)). Its `use`, `alg` and
    /// `kid` are for the caller to judge.
    ///
    /// # Errors
    ///
    /// [`Key`](crate::ErrorKind::Key) for other key types and curves, RSA keys under 2048 or
    /// over 8192 bits, points off the curve, and JWKs with a private member.
    pub(crate) fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, Error> {
        if jwk.contains_key("d") || jwk.contains_key("k") {
            return Err(Error::key("the JWK holds a private or secret key")
                .advise("give the public half only"));
        }
        match jwk.get("kty").and_then(Value::as_str) {
            Some("RSA") => rsa_key(number(jwk, "n")?, number(jwk, "e")?),
            Some("EC") => ec_key(jwk),
            _ => Err(Error::key("the JWK is neither an RSA nor an EC key")
                .advise("set `kty` to RSA or EC")),
        }
    }

    /// Whether `jws` was signed with `algorithm` by the holder of this key. An algorithm of
    /// another family or curve than the key's never verifies.
    pub(crate) fn verify(&self, algorithm: Algorithm, jws: &Compact<'_>) -> bool {
        let (input, signature) = (jws.signing_input.as_bytes(), jws.signature.as_slice());
        let verified = match (self.curve, algorithm.curve()) {
            (None, None) => self.verify_rsa(algorithm, input, signature),
            (Some(own), Some(curve)) if own == curve => {
                self.verify_ec(algorithm, curve, input, signature)
            }
            _ => Ok(false),
        };
        // OpenSSL reports some malformed signatures as failures of its own; none is valid.
        verified.unwrap_or(false)
    }

    fn verify_rsa(
        &self,
        algorithm: Algorithm,
        input: &[u8],
        signature: &[u8],
    ) -> Result<bool, ErrorStack> {
        let mut verifier = Verifier::new(algorithm.digest(), &self.key)?;
        if algorithm.is_pss() {
            verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
            verifier.set_rsa_mgf1_md(algorithm.digest())?;
            verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        }
        verifier.verify_oneshot(signature, input)
    }

    fn verify_ec(
        &self,
        algorithm: Algorithm,
        curve: Curve,
        input: &[u8],
        signature: &[u8],
    ) -> Result<bool, ErrorStack> {
        let half = curve.len() as usize;
        if signature.len() != 2 * half {
            return Ok(false); // r ‖ s in full width, RFC 7518 §3.4; DER is not accepted
        }
        let (r, s) = signature.split_at(half);
        let signature =
            EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
        signature.verify(&hash(algorithm.digest(), input)?, self.key.ec_key()?.as_ref())
    }
}

fn rsa_key(n: Vec<u8>, e: Vec<u8>) -> Result<VerificationKey, Error> {
    let build = || Rsa::from_public_components(BigNum::from_slice(&n)?, BigNum::from_slice(&e)?);
    let rsa = build().map_err(unusable)?;
    let bits = rsa.n().num_bits().unsigned_abs();
    if !(VerificationKey::MIN_RSA_BITS..=VerificationKey::MAX_RSA_BITS).contains(&bits) {
        return Err(Error::key(format!("the RSA key has {bits} bits"))
            .advise("use an RSA key of 2048 bits or more"));
    }
    let key = PKey::from_rsa(rsa).map_err(unusable)?;
    Ok(VerificationKey { key, curve: None })
}

fn ec_key(jwk: &Map<String, Value>) -> Result<VerificationKey, Error> {
    let name = jwk.get("crv").and_then(Value::as_str).unwrap_or_default();
    let mut curves = [Curve::P256, Curve::P384, Curve::P521].into_iter();
    let curve = curves.find(|curve| curve.name() == name).ok_or_else(|| {
        Error::key("the JWK's curve is not a supported one").advise("use P-256, P-384 or P-521")
    })?;
    let (x, y) = (number(jwk, "x")?, number(jwk, "y")?);
    if x.len() != curve.len() as usize || y.len() != curve.len() as usize {
        // RFC 7518 §6.2.1.2: coordinates have the full width of the curve
        return Err(Error::key("a coordinate of the JWK does not have its curve's length"));
    }
    let build = || {
        let group = EcGroup::from_curve_name(curve.nid())?;
        let (x, y) = (BigNum::from_slice(&x)?, BigNum::from_slice(&y)?);
        // This refuses points that are not on the curve.
        PKey::from_ec_key(EcKey::from_public_key_affine_coordinates(&group, &x, &y)?)
    };
    Ok(VerificationKey { key: build().map_err(unusable)?, curve: Some(curve) })
}

fn number(jwk: &Map<String, Value>, member: &str) -> Result<Vec<u8>, Error> {
    jwk.get(member)
        .and_then(Value::as_str)
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .ok_or_else(|| Error::key(format!("the JWK lacks `{member}` as base64url")))
}

fn unusable(cause: ErrorStack) -> Error {
    Error::key("the JWK is not a usable public key").because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningKey;

    fn jwk(key: &SigningKey) -> Map<String, Value> {
        serde_json::from_str(&key.public_jwk().to_json()).unwrap()
    }

    fn signed(key: &SigningKey, algorithm: Algorithm) -> String {
        let input = format!("{}.{}", encode(&format!(r#"{{"alg":"{algorithm}"}}"#)), encode("{}"));
        let signature = URL_SAFE_NO_PAD.encode(key.sign_blocking(input.as_bytes()).unwrap());
        format!("{input}.{signature}")
    }

    fn encode(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    #[test]
    fn every_algorithm_verifies_what_its_key_signed_and_nothing_else() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            let public = VerificationKey::from_jwk(&jwk(&key)).unwrap();
            let text = signed(&key, algorithm);
            let jws = Compact::parse(&text).ok().unwrap();
            for other in Algorithm::ALL {
                assert_eq!(public.verify(other, &jws), other == algorithm, "{algorithm} {other}");
            }
            let other_text = text.replacen(&encode("{}"), &encode("[]"), 1);
            let changed = Compact::parse(&other_text).ok().unwrap();
            assert!(!public.verify(algorithm, &changed), "{algorithm}: changed payload");
        }
    }

    #[test]
    fn an_ec_signature_in_der_or_of_zeros_is_refused() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let public = VerificationKey::from_jwk(&jwk(&key)).unwrap();
        let text = signed(&key, Algorithm::Es256);
        let (input, signature) = text.rsplit_once('.').unwrap();
        let raw = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let (r, s) = raw.split_at(32);
        let der = EcdsaSig::from_private_components(
            BigNum::from_slice(r).unwrap(),
            BigNum::from_slice(s).unwrap(),
        )
        .and_then(|signature| signature.to_der())
        .unwrap();
        for (name, bytes) in [("DER", der), ("zeros", vec![0; 64]), ("empty", Vec::new())] {
            let text = format!("{input}.{}", URL_SAFE_NO_PAD.encode(bytes));
            let jws = Compact::parse(&text).ok().unwrap();
            assert!(!public.verify(Algorithm::Es256, &jws), "{name}");
        }
    }

    #[test]
    fn whatever_is_not_three_strict_segments_is_refused() {
        let header = encode(r#"{"alg":"RS256"}"#);
        let critical = encode(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#);
        let cases = [
            ("empty", String::new(), Fault::Segments(1)),
            ("two segments", format!("{header}.e30"), Fault::Segments(2)),
            ("encrypted", format!("{header}.e30.e30.e30.e30"), Fault::Segments(5)),
            ("padding", format!("{header}.e30=.e30"), Fault::Encoding),
            ("line break", format!("{header}.e30.e30\n"), Fault::Encoding),
            ("standard alphabet", format!("{header}.e30.+/+/"), Fault::Encoding),
            ("stray bits", format!("{header}.e31.e30"), Fault::Encoding),
            ("header is a list", format!("{}.e30.e30", encode("[]")), Fault::Header),
            ("critical extension", format!("{critical}.e30.e30"), Fault::Critical),
        ];
        for (name, text, fault) in cases {
            assert_eq!(Compact::parse(&text).err(), Some(fault), "{name}");
        }
    }

    #[test]
    fn unusable_public_keys_are_refused() {
        let good = jwk(&SigningKey::generate(Algorithm::Es256).unwrap());
        let with = |member: &str, value: &str| {
            let mut jwk = good.clone();
            jwk.insert(member.to_owned(), value.into());
            jwk
        };
        let small = Rsa::generate(1024).unwrap();
        let small = serde_json::json!({
            "kty": "RSA",
            "n": URL_SAFE_NO_PAD.encode(small.n().to_vec()),
            "e": "AQAB",
        });
        let cases = [
            ("private", with("d", "AQAB")),
            ("symmetric", with("kty", "oct")),
            ("curve", with("crv", "secp256k1")),
            ("off the curve", with("x", &encode(&"x".repeat(32)))),
            ("short coordinate", with("x", "AQAB")),
            ("not base64url", with("y", "a=")),
            ("small RSA key", small.as_object().unwrap().clone()),
        ];
        for (name, jwk) in cases {
            assert!(VerificationKey::from_jwk(&jwk).is_err(), "{name}");
        }
        assert!(VerificationKey::from_jwk(&good).is_ok());
    }
}
