//! JWS signatures with reused OpenSSL contexts.
//!
//! Setting a context up costs about a seventh of an ES256 signature, so contexts are kept and
//! handed from signature to signature. Each is used by one thread at a time, and for RSA has a key
//! of its own: OpenSSL blinds the signatures of one key under one lock, and renews the blinding
//! every 32 of them while all who sign with it wait. The first takes the key as it is, so that who
//! signs once copies nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use openssl::bn::BigNumRef;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, PKeyRef, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::{Padding, RsaPrivateKeyBuilder, RsaRef};
use openssl::sign::RsaPssSaltlen;

use super::algorithm::{Algorithm, Curve};
use super::digest::Digest;

/// Signs with one key and one algorithm.
pub(super) struct SignaturePool {
    algorithm: Algorithm,
    idle: Mutex<Vec<PkeyCtx<Private>>>,
    /// Whether a context has the key itself.
    taken: AtomicBool,
}

impl SignaturePool {
    /// As many as can sign at once on a large machine; more are made and dropped again.
    const MAX_IDLE: usize = 64;

    pub(super) fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, idle: Mutex::new(Vec::new()), taken: AtomicBool::new(false) }
    }

    /// The signature of `input`, as JWS wants it.
    pub(super) fn sign(&self, key: &PKeyRef<Private>, input: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let digest = Digest::of(self.algorithm, input);
        let reused = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut context = match reused {
            Some(context) => context,
            None => self.context(key)?,
        };
        let mut signature = vec![0; key.size()];
        // A context that failed is dropped here, not put back.
        let length = context.sign(&digest, Some(&mut signature))?;
        signature.truncate(length);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < Self::MAX_IDLE {
            idle.push(context);
        }
        drop(idle);
        match self.algorithm.curve() {
            Some(curve) => fixed_width(&signature, curve),
            None => Ok(signature),
        }
    }

    fn context(&self, key: &PKeyRef<Private>) -> Result<PkeyCtx<Private>, ErrorStack> {
        let digest = Digest::md(self.algorithm);
        let is_rsa = self.algorithm.curve().is_none();
        let mut context = if is_rsa && self.taken.swap(true, Ordering::Relaxed) {
            PkeyCtx::new(&*copied(&*key.rsa()?)?)?
        } else {
            PkeyCtx::new(key)?
        };
        context.sign_init()?;
        if self.algorithm.is_pss() {
            context.set_rsa_padding(Padding::PKCS1_PSS)?;
            context.set_rsa_mgf1_md(digest)?;
            context.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        } else if self.algorithm.curve().is_none() {
            context.set_rsa_padding(Padding::PKCS1)?;
        }
        context.set_signature_md(digest)?;
        Ok(context)
    }
}

/// A key that shares nothing with the one it was copied from.
fn copied(rsa: &RsaRef<Private>) -> Result<PKey<Private>, ErrorStack> {
    let own = BigNumRef::to_owned;
    let mut copy = RsaPrivateKeyBuilder::new(own(rsa.n())?, own(rsa.e())?, own(rsa.d())?)?;
    if let (Some(p), Some(q)) = (rsa.p(), rsa.q()) {
        copy = copy.set_factors(own(p)?, own(q)?)?;
    }
    if let (Some(dmp1), Some(dmq1), Some(iqmp)) = (rsa.dmp1(), rsa.dmq1(), rsa.iqmp()) {
        copy = copy.set_crt_params(own(dmp1)?, own(dmq1)?, own(iqmp)?)?;
    }
    PKey::from_rsa(copy.build())
}

/// OpenSSL writes ECDSA signatures in DER; JWS has `r ‖ s`, each half as wide as the curve.
fn fixed_width(der: &[u8], curve: Curve) -> Result<Vec<u8>, ErrorStack> {
    let signature = EcdsaSig::from_der(der)?;
    let mut bytes = signature.r().to_vec_padded(curve.len())?;
    bytes.extend(signature.s().to_vec_padded(curve.len())?);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(key: &PKeyRef<Private>) -> Vec<u8> {
        SignaturePool::new(Algorithm::Rs256).sign(key, b"input").unwrap()
    }

    fn sample() -> PKey<Private> {
        PKey::private_key_from_pem(include_bytes!("../../keys/sample-rsa-2048.pem")).unwrap()
    }

    #[test]
    fn a_copied_key_signs_as_the_key_it_was_copied_from() {
        let key = sample();
        let digest = openssl::hash::MessageDigest::sha256();
        let mut signer = openssl::sign::Signer::new(digest, &key).unwrap();
        let expected = signer.sign_oneshot_to_vec(b"input").unwrap();
        assert_eq!(signature(&key), expected);
        assert_eq!(signature(&copied(&key.rsa().unwrap()).unwrap()), expected);
    }

    #[test]
    fn a_key_without_its_factors_signs_too() {
        let whole = sample().rsa().unwrap();
        let [n, e, d] = [whole.n(), whole.e(), whole.d()].map(|part| part.to_owned().unwrap());
        let bare = RsaPrivateKeyBuilder::new(n, e, d).unwrap().build();
        let copy = copied(&bare).unwrap();
        assert_eq!(signature(&copy), signature(&sample()));
        assert_eq!(signature(&PKey::from_rsa(bare).unwrap()), signature(&sample()));
    }

    #[test]
    fn only_those_who_sign_beside_another_copy_the_key() {
        let (key, pool) = (sample(), SignaturePool::new(Algorithm::Rs256));
        let first = pool.sign(&key, b"input").unwrap();
        let kept = pool.idle.lock().unwrap().pop();
        // The first context is out: this is the second.
        assert_eq!(pool.sign(&key, b"input").unwrap(), first);
        assert!(kept.is_some());
        assert_eq!(pool.idle.lock().unwrap().len(), 1);
    }
}
