//! OpenSSL contexts that are kept for the next signature or verification with the same key.
//!
//! Setting a context up costs a seventh of an ES256 signature, and as much as everything else
//! around an RS256 verification. A context is used by one thread at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use openssl::error::ErrorStack;
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sign::RsaPssSaltlen;

use super::algorithm::Algorithm;
use super::digest::Digest;

/// The idle contexts of one key, each set up for one algorithm. `T` is the half of the key.
pub(crate) struct ContextPool<T> {
    idle: Mutex<Vec<(Algorithm, PkeyCtx<T>)>>,
}

impl<T> ContextPool<T> {
    /// As many as can be in use at once on a large machine; more are made and dropped again.
    const MAX_IDLE: usize = 64;

    pub(crate) fn new() -> Self {
        Self { idle: Mutex::new(Vec::new()) }
    }

    /// Runs `operation` with an idle context for `algorithm`, or with the one that `set_up` makes.
    ///
    /// # Errors
    ///
    /// Those of `set_up` and `operation`; the context of a failed operation is dropped.
    pub(crate) fn with<R>(
        &self,
        algorithm: Algorithm,
        set_up: impl FnOnce() -> Result<PkeyCtx<T>, ErrorStack>,
        operation: impl FnOnce(&mut PkeyCtx<T>) -> Result<R, ErrorStack>,
    ) -> Result<R, ErrorStack> {
        let mut context = match self.take(algorithm) {
            Some(context) => context,
            None => set_up()?,
        };
        let result = operation(&mut context)?;
        let mut idle = self.idle();
        if idle.len() < Self::MAX_IDLE {
            idle.push((algorithm, context));
        }
        Ok(result)
    }

    fn take(&self, algorithm: Algorithm) -> Option<PkeyCtx<T>> {
        let mut idle = self.idle();
        let at = idle.iter().rposition(|(own, _)| *own == algorithm)?;
        Some(idle.swap_remove(at).1)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Algorithm, PkeyCtx<T>)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sets digest and padding as `algorithm` has them, on a context that is about to sign or verify.
pub(crate) fn set_algorithm<T>(
    context: &mut PkeyCtx<T>,
    algorithm: Algorithm,
) -> Result<(), ErrorStack> {
    let digest = Digest::md(algorithm);
    if algorithm.is_pss() {
        context.set_rsa_padding(Padding::PKCS1_PSS)?;
        context.set_rsa_mgf1_md(digest)?;
        // RFC 7518 §3.5: the salt is as long as the digest, and no other length verifies.
        context.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
    } else if algorithm.curve().is_none() {
        context.set_rsa_padding(Padding::PKCS1)?;
    }
    context.set_signature_md(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::pkey::{PKey, Private};

    fn key() -> PKey<Private> {
        PKey::private_key_from_pem(include_bytes!("../../keys/sample-p256.pem")).unwrap()
    }

    fn context(key: &PKey<Private>) -> Result<PkeyCtx<Private>, ErrorStack> {
        let mut context = PkeyCtx::new(key)?;
        context.sign_init()?;
        set_algorithm(&mut context, Algorithm::Es256)?;
        Ok(context)
    }

    #[test]
    fn a_context_is_used_again_for_its_algorithm_alone() {
        let (key, pool) = (key(), ContextPool::new());
        let mut made = Vec::new();
        for algorithm in [Algorithm::Es256, Algorithm::Es256, Algorithm::Es384, Algorithm::Es256] {
            let set_up = || {
                made.push(algorithm);
                context(&key)
            };
            pool.with(algorithm, set_up, |_| Ok(())).unwrap();
        }
        assert_eq!(made, [Algorithm::Es256, Algorithm::Es384]);
    }

    #[test]
    fn the_context_of_a_failed_operation_is_dropped() {
        let (key, pool) = (key(), ContextPool::new());
        let failed: Result<(), _> =
            pool.with(Algorithm::Es256, || context(&key), |_| Err(ErrorStack::get()));
        assert!(failed.is_err());
        assert_eq!(pool.idle().len(), 0);
    }

    #[test]
    fn no_more_than_the_bound_are_kept() {
        fn nested(pool: &ContextPool<Private>, key: &PKey<Private>, depth: usize) {
            if depth > 0 {
                let inner = |_: &mut _| {
                    nested(pool, key, depth - 1);
                    Ok(())
                };
                pool.with(Algorithm::Es256, || context(key), inner).unwrap();
            }
        }
        let pool = ContextPool::new();
        nested(&pool, &key(), ContextPool::<Private>::MAX_IDLE + 2);
        assert_eq!(pool.idle().len(), ContextPool::<Private>::MAX_IDLE);
    }
}
