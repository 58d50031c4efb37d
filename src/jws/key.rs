//! Public keys that verify signatures, with reused OpenSSL contexts.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Rsa;
use serde::Serialize;
use serde_json::{Map, Value};

use super::compact::{Compact, Segments};
use super::roca;
use crate::error::Error;
use crate::key::{Algorithm, ContextPool, Curve, Digest, PublicJwk, set_algorithm};

/// Why a JWK cannot verify signatures.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyFault {
    /// It is neither an RSA nor an EC key.
    #[error("is neither an RSA nor an EC key")]
    Type,
    /// It has a private or secret member: every reader of it can sign with it.
    #[error("holds a private or secret key")]
    Private,
    /// Its curve is none of P-256, P-384 and P-521.
    #[error("has a curve that is not supported")]
    Curve,
    /// A member is missing, or is not what the key's type asks for
    /// ([RFC 7518 §6](https://www.rfc-editor.org/rfc/rfc7518#section-6)).
    #[error("lacks a proper `{member}`")]
    Member {
        /// Its name.
        member: String,
    },
    /// The RSA modulus has fewer than 2048 bits
    /// ([RFC 7518 §3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3)), or over 8192.
    #[error("is an RSA key of {bits} bits")]
    Size {
        /// How many it has.
        bits: u32,
    },
    /// The RSA modulus or exponent is one with which signatures can be forged: an even number,
    /// the exponent 1, an exponent over 64 bits, or a modulus of the ROCA kind (CVE-2017-15361).
    #[error("is a weak RSA key")]
    Weak,
    /// OpenSSL does not take it, as with a point that is not on the curve.
    #[error("is not a point on its curve, or not a key at all")]
    Invalid,
    /// `use` or `key_ops` is not for signatures
    /// ([RFC 7517 §4.2](https://www.rfc-editor.org/rfc/rfc7517#section-4.2)).
    #[error("is not for verifying signatures")]
    Use,
    /// `alg` names no signature algorithm, or one that the key's type or curve cannot have.
    #[error("names an algorithm that it cannot have")]
    Algorithm,
}

impl From<KeyFault> for Error {
    fn from(fault: KeyFault) -> Self {
        let advice = match fault {
            KeyFault::Type => "set `kty` to RSA or EC",
            KeyFault::Private => "give the public half only",
            KeyFault::Curve => "use P-256, P-384 or P-521",
            KeyFault::Member { .. } | KeyFault::Invalid => "copy the key anew from its owner",
            KeyFault::Size { .. } => "use an RSA key of 2048 bits or more",
            KeyFault::Weak => "make a new key",
            KeyFault::Use => "set `use` to sig",
            KeyFault::Algorithm => "set `alg` to an algorithm of the key's type and curve",
        };
        Self::key(format!("the JWK {fault}")).advise(advice)
    }
}

/// A public key that verifies signatures. Cheap to clone; clones share their contexts.
#[derive(Clone)]
pub(crate) struct VerificationKey {
    inner: Arc<Inner>,
}

struct Inner {
    key: PKey<Public>,
    curve: Option<Curve>,
    contexts: ContextPool<Public>,
}

impl VerificationKey {
    /// RFC 7518 §3.3 asks for 2048 bits at least.
    const MIN_RSA_BITS: u32 = 2048;

    /// Keys may come from unknown senders, and the cost of a verification grows with their size.
    const MAX_RSA_BITS: u32 = 8192;

    /// The members that only a private or secret key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
    const PRIVATE_MEMBERS: [&str; 8] = ["d", "k", "p", "q", "dp", "dq", "qi", "oth"];

    /// Reads an RSA or EC key from a JWK
    /// ([RFC 7518 §6](https://www.rfc-editor.org/rfc/rfc7518#section-6)). Its `use`, `alg` and
    /// `kid` are left to the caller.
    pub(crate) fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, KeyFault> {
        if Self::PRIVATE_MEMBERS.iter().any(|member| jwk.contains_key(*member)) {
            return Err(KeyFault::Private);
        }
        let (key, curve) = match jwk.get("kty").and_then(Value::as_str) {
            Some("RSA") => (rsa_key(&number(jwk, "n")?, &number(jwk, "e")?)?, None),
            Some("EC") => ec_key(jwk).map(|(key, curve)| (key, Some(curve)))?,
            _ => return Err(KeyFault::Type),
        };
        Ok(Self { inner: Arc::new(Inner { key, curve, contexts: ContextPool::new() }) })
    }

    /// Whether a signature by this key can be of `algorithm`, by the key's type and curve.
    pub(crate) fn can(&self, algorithm: Algorithm) -> bool {
        self.inner.curve == algorithm.curve()
    }

    /// The RFC 7638 thumbprint.
    pub(crate) fn thumbprint(&self) -> Option<String> {
        let inner = &self.inner;
        // Any RSA algorithm will do: the thumbprint leaves it out.
        let algorithm = inner.curve.map_or(Algorithm::Rs256, Curve::algorithm);
        Some(PublicJwk::new(&inner.key, algorithm, None).ok()?.thumbprint())
    }

    /// Whether `jws` was signed with `algorithm` by this key.
    pub(crate) fn verify(&self, algorithm: Algorithm, jws: &Compact<'_>) -> bool {
        self.verifies(algorithm, &jws.segments)
    }

    /// Whether `jws` was signed with `algorithm` by this key. An algorithm of another family or curve than the key's never verifies.
    pub(crate) fn verifies(&self, algorithm: Algorithm, jws: &Segments<'_>) -> bool {
        let (input, signature) = (jws.signing_input().as_bytes(), jws.signature());
        let verified = match algorithm.curve() {
            _ if !self.can(algorithm) => return false,
            // RFC 8017 §8.1.2 and §8.2.2, step 1: neither shorter nor longer than the modulus
            None if signature.len() != self.inner.key.size() => return false,
            None => self.check(algorithm, input, signature),
            // RFC 7518 §3.4: both halves in the curve's full width; DER is not accepted
            Some(curve) if signature.len() != 2 * curve.len() as usize => return false,
            Some(_) => der(signature).and_then(|der| self.check(algorithm, input, &der)),
        };
        // OpenSSL reports some malformed signatures as failures of its own; none is valid.
        verified.unwrap_or(false)
    }

    fn check(
        &self,
        algorithm: Algorithm,
        input: &[u8],
        signature: &[u8],
    ) -> Result<bool, ErrorStack> {
        let digest = Digest::of(algorithm, input);
        self.inner.contexts.with(
            algorithm,
            || self.context(algorithm),
            |context| context.verify(&digest, signature),
        )
    }

    fn context(&self, algorithm: Algorithm) -> Result<PkeyCtx<Public>, ErrorStack> {
        let mut context = PkeyCtx::new(&self.inner.key)?;
        context.verify_init()?;
        set_algorithm(&mut context, algorithm)?;
        Ok(context)
    }
}

/// OpenSSL wants ECDSA signatures in DER; JWS has `r ‖ s`, both of the same width.
fn der(signature: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let (r, s) = signature.split_at(signature.len() / 2);
    EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?.to_der()
}

fn rsa_key(n: &[u8], e: &[u8]) -> Result<PKey<Public>, KeyFault> {
    const MAX_EXPONENT_BITS: i32 = 64;
    let build = || Rsa::from_public_components(BigNum::from_slice(n)?, BigNum::from_slice(e)?);
    let rsa = build().map_err(|_| KeyFault::Invalid)?;
    let bits = rsa.n().num_bits().unsigned_abs();
    if !(VerificationKey::MIN_RSA_BITS..=VerificationKey::MAX_RSA_BITS).contains(&bits) {
        return Err(KeyFault::Size { bits });
    }
    let odd = rsa.n().is_odd() && rsa.e().is_odd();
    let fits = (2..=MAX_EXPONENT_BITS).contains(&rsa.e().num_bits());
    if !odd || !fits || roca::is_fingerprinted(rsa.n()).unwrap_or(true) {
        return Err(KeyFault::Weak);
    }
    PKey::from_rsa(rsa).map_err(|_| KeyFault::Invalid)
}

fn ec_key(jwk: &Map<String, Value>) -> Result<(PKey<Public>, Curve), KeyFault> {
    let name = jwk.get("crv").and_then(Value::as_str).unwrap_or_default();
    let mut curves = [Curve::P256, Curve::P384, Curve::P521].into_iter();
    let curve = curves.find(|curve| curve.name() == name).ok_or(KeyFault::Curve)?;
    let coordinate = |member| {
        // RFC 7518 §6.2.1.2: coordinates have the full width of the curve.
        number(jwk, member).and_then(|bytes| match bytes.len() == curve.len() as usize {
            true => Ok(bytes),
            false => Err(improper(member)),
        })
    };
    let (x, y) = (coordinate("x")?, coordinate("y")?);
    let build = || {
        let group = EcGroup::from_curve_name(curve.nid())?;
        let (x, y) = (BigNum::from_slice(&x)?, BigNum::from_slice(&y)?);
        // This refuses points that are not on the curve.
        PKey::from_ec_key(EcKey::from_public_key_affine_coordinates(&group, &x, &y)?)
    };
    Ok((build().map_err(|_: ErrorStack| KeyFault::Invalid)?, curve))
}

fn number(jwk: &Map<String, Value>, member: &str) -> Result<Vec<u8>, KeyFault> {
    jwk.get(member)
        .and_then(Value::as_str)
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .ok_or_else(|| improper(member))
}

fn improper(member: &str) -> KeyFault {
    KeyFault::Member { member: member.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningKey;

    fn jwk(key: &SigningKey) -> Map<String, Value> {
        serde_json::from_str(&key.public_jwk().to_json()).unwrap()
    }

    fn encode(bytes: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn verifies(key: &VerificationKey, algorithm: Algorithm, text: &str) -> bool {
        key.verifies(algorithm, &Segments::decode(text).ok().unwrap())
    }

    #[test]
    fn every_algorithm_verifies_what_its_key_signed_and_nothing_else() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            let public = VerificationKey::from_jwk(&jwk(&key)).unwrap();
            let signature = encode(key.sign_blocking(b"e30.e30").unwrap());
            let text = format!("e30.e30.{signature}");
            // Twice: the second time with a context that was used before.
            for other in Algorithm::ALL.into_iter().chain(Algorithm::ALL) {
                assert_eq!(verifies(&public, other, &text), other == algorithm, "{algorithm}");
            }
            assert!(!verifies(&public, algorithm, &format!("e30.W10.{signature}")));
            assert!(verifies(&public, algorithm, &text), "{algorithm}: after a refusal");
        }
    }
}
