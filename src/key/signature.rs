//! JWS signatures with reused OpenSSL contexts.
//!
//! Each context of an RSA key has a copy of the key: OpenSSL blinds the signatures of one key
//! under one lock, and renews the blinding every 32 signatures while all other threads that sign
//! with it wait. The first context takes the key as it is, so that a single signature copies
//! nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use openssl::bn::BigNumRef;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, PKeyRef, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::{RsaPrivateKeyBuilder, RsaRef};

use super::algorithm::{Algorithm, Curve};
use super::context_pool::{ContextPool, set_algorithm};
use super::digest::Digest;

/// Signs with one key and one algorithm.
pub(super) struct SignatureMaker {
    algorithm: Algorithm,
    contexts: ContextPool<Private>,
    /// Whether a context has the key itself, not a copy.
    is_key_taken: AtomicBool,
}

impl SignatureMaker {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        let (contexts, is_key_taken) = (ContextPool::new(), AtomicBool::new(false));
        Self { algorithm, contexts, is_key_taken }
    }

    /// The signature of `input`, as JWS wants it.
    pub(super) fn sign(&self, key: &PKeyRef<Private>, input: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let digest = Digest::of(self.algorithm, input);
        let mut signature = vec![0; key.size()];
        let length = self.contexts.with(
            self.algorithm,
            || self.context(key),
            |context| context.sign(&digest, Some(&mut signature)),
        )?;
        signature.truncate(length);
        match self.algorithm.curve() {
            Some(curve) => fixed_width(&signature, curve),
            None => Ok(signature),
        }
    }

    fn context(&self, key: &PKeyRef<Private>) -> Result<PkeyCtx<Private>, ErrorStack> {
        let is_rsa = self.algorithm.curve().is_none();
        let mut context = if is_rsa && self.is_key_taken.swap(true, Ordering::Relaxed) {
            PkeyCtx::new(&*copied(&*key.rsa()?)?)?
        } else {
            PkeyCtx::new(key)?
        };
        context.sign_init()?;
        set_algorithm(&mut context, self.algorithm)?;
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
        SignatureMaker::new(Algorithm::Rs256).sign(key, b"input").unwrap()
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
    fn only_a_signature_beside_another_copies_the_key() {
        let (key, maker) = (sample(), SignatureMaker::new(Algorithm::Rs256));
        let first = maker.sign(&key, b"input").unwrap();
        assert!(maker.is_key_taken.load(Ordering::Relaxed));
        let mut beside = Vec::new();
        let busy = || maker.context(&key);
        maker
            .contexts
            .with(Algorithm::Rs256, busy, |_| {
                // The first context is out: this signature needs a second one.
                beside = maker.sign(&key, b"input")?;
                Ok(())
            })
            .unwrap();
        assert_eq!(beside, first);
    }
}
