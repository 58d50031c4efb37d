//! Public keys that verify signatures, with reused OpenSSL contexts.

use std::sync::Arc;

use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Rsa;
use serde_json::{Map, Value};

use super::compact::{Compact, Segments};
use super::roca;
use crate::key::{Algorithm, ContextPool, Curve, Digest, Jwk, KeyFault, PublicJwk, set_algorithm};

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
    pub(crate) fn from_jwk(jwk: &impl Jwk) -> Result<Self, KeyFault> {
        if jwk.has_any(&Self::PRIVATE_MEMBERS) {
            return Err(KeyFault::Private);
        }
        let (key, curve) = match jwk.text("kty") {
            Some("RSA") => (rsa_key(&jwk.bytes("n")?, &jwk.bytes("e")?)?, None),
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
        self.is_signature(algorithm, jws.signing_input().as_bytes(), jws.signature())
    }

    fn is_signature(&self, algorithm: Algorithm, input: &[u8], signature: &[u8]) -> bool {
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

impl PublicJwk {
    /// Whether `signature`, as JWS has it, was made over `signing_input` by the private half: for a
    /// [`Signer`](crate::Signer) that wants to know whether it reached the right key.
    pub fn verifies(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let jwk: Map<String, Value> = serde_json::from_str(&self.to_json()).unwrap_or_default();
        VerificationKey::from_jwk(&jwk)
            .is_ok_and(|key| key.is_signature(self.algorithm(), signing_input, signature))
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

fn ec_key(jwk: &impl Jwk) -> Result<(PKey<Public>, Curve), KeyFault> {
    let curve = jwk.curve()?;
    let (x, y) = (jwk.wide("x", curve)?, jwk.wide("y", curve)?);
    let build = || {
        let group = EcGroup::from_curve_name(curve.nid())?;
        let (x, y) = (BigNum::from_slice(&x)?, BigNum::from_slice(&y)?);
        // This refuses points that are not on the curve.
        PKey::from_ec_key(EcKey::from_public_key_affine_coordinates(&group, &x, &y)?)
    };
    Ok((build().map_err(|_: ErrorStack| KeyFault::Invalid)?, curve))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

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
            let bytes = key.sign_blocking(b"input").unwrap();
            assert!(key.public_jwk().verifies(b"input", &bytes), "{algorithm}");
            assert!(!key.public_jwk().verifies(b"other", &bytes), "{algorithm}");
        }
    }
}
