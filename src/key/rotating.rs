//! Two keys of one client, while one takes the other's place.

use std::fmt;
use std::iter;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Algorithm, PublicJwk, Signer, SignerLimits};
use crate::error::BoxError;
use crate::support::boxed_future::BoxFuture;

/// Signs with one of two keys, and changes to the other when the server refuses the one in use.
///
/// For the time of a rotation, in which a service knows the key that it has and the one to come (or
/// the one before), and not which of them the server takes by now. A request that is refused because
/// of the key is signed anew with the other one, once; further requests are signed with that one
/// from the start. When both are refused, the call fails with what the server says.
///
/// What counts is what the server says of the key: a key id that it does not know, a signature that it
/// cannot verify, and refusals that leave the reason open. A wrong audience or a clock that is wrong
/// are no reasons to change.
///
/// # Example: the key in use, and the next one
///
/// ```
/// use okta_introspect::{Algorithm, Client, Error, Issuer, RotatingSigner, SigningKey};
///
/// # fn main() -> Result<(), Error> {
/// let current = SigningKey::generate(Algorithm::Es256)?.with_key_id(Some("2025".to_owned()));
/// let next = SigningKey::generate(Algorithm::Es256)?.with_key_id(Some("2026".to_owned()));
/// let issuer = Issuer::parse("https://acme.okta.com")?;
/// let keys = RotatingSigner::new(current, next);
/// let client = Client::builder(issuer, "0oa1b2c3d4", keys).build()?;
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
pub struct RotatingSigner {
    /// What the fixed answers of a [`Signer`] are about.
    first: Arc<dyn Signer>,
    keys: Keys,
}

impl RotatingSigner {
    /// Signs with `first`, and with `second` when the server refuses that. Each needs a key id of its
    /// own: Okta refuses assertions without one as soon as an app has two keys.
    pub fn new(first: impl Signer + 'static, second: impl Signer + 'static) -> Self {
        let first: Arc<dyn Signer> = Arc::new(first);
        let keys = Keys::new(Arc::clone(&first), Some(Arc::new(second)));
        Self { first, keys }
    }

    /// The id of the key that signs next.
    pub fn key_id_in_use(&self) -> Option<String> {
        self.keys.in_use().key_id().map(str::to_owned)
    }
}

/// What does not change is said of the first key; requests are signed with
/// [`current`](Signer::current).
impl Signer for RotatingSigner {
    fn algorithm(&self) -> Algorithm {
        self.first.algorithm()
    }

    fn key_id(&self) -> Option<&str> {
        self.first.key_id()
    }

    fn public_jwk(&self) -> Option<&PublicJwk> {
        self.first.public_jwk()
    }

    fn sign<'a>(&'a self, signing_input: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        self.first.sign(signing_input)
    }

    /// The lower rate and the longer latency of the two: either may be the one in use.
    fn limits(&self) -> SignerLimits {
        self.keys.limits()
    }

    fn current(&self) -> BoxFuture<'_, Option<Arc<dyn Signer>>> {
        Box::pin(std::future::ready(Some(self.keys.in_use())))
    }

    fn refused<'a>(&'a self, refused: &'a Arc<dyn Signer>) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(self.keys.refused(refused)))
    }
}

impl fmt::Debug for RotatingSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.keys.fmt(f)
    }
}

/// The key in use, and the one that is tried when that is refused.
pub(super) struct Keys(RwLock<Pair>);

#[derive(Clone)]
struct Pair {
    in_use: Arc<dyn Signer>,
    other: Option<Arc<dyn Signer>>,
}

impl Keys {
    pub(super) fn new(in_use: Arc<dyn Signer>, other: Option<Arc<dyn Signer>>) -> Self {
        Self(RwLock::new(Pair { in_use, other }))
    }

    pub(super) fn in_use(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).in_use)
    }

    /// What both can do.
    fn limits(&self) -> SignerLimits {
        let pair = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        let both: Vec<_> =
            iter::once(pair.in_use).chain(pair.other).map(|signer| signer.limits()).collect();
        SignerLimits {
            max_per_second: both.iter().filter_map(|one| one.max_per_second).min(),
            latency: both.iter().filter_map(|one| one.latency).max(),
        }
    }

    /// Uses `key` from now on; the one that was in use is the other.
    pub(super) fn replace(&self, key: Arc<dyn Signer>) {
        let mut pair = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut pair.in_use, key);
        pair.other = Some(before);
    }

    /// Changes to the other key, unless that was done already: of many requests that were under way
    /// with a key, the first refusal changes it. Gives whether there is another key to sign with.
    pub(super) fn refused(&self, refused: &Arc<dyn Signer>) -> bool {
        let mut pair = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !is_same(&pair.in_use, refused) {
            return true;
        }
        let Some(other) = pair.other.take() else { return false };
        let refused = std::mem::replace(&mut pair.in_use, other);
        tracing::warn!(
            key_id = refused.key_id(),
            instead = pair.in_use.key_id(),
            "the server refuses the key; signing with the other one"
        );
        pair.other = Some(refused);
        true
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pair = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Keys").field("in_use", &pair.in_use).field("other", &pair.other).finish()
    }
}

/// Whether both are one key in this process.
pub(super) fn is_same(one: &Arc<dyn Signer>, other: &Arc<dyn Signer>) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningKey;

    fn key(id: &str) -> SigningKey {
        SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some(id.to_owned()))
    }

    #[test_support::test]
    async fn the_first_refusal_of_a_key_changes_it_and_later_ones_of_the_same_do_not() {
        let signer = RotatingSigner::new(key("k1"), key("k2"));
        let first = signer.current().await.unwrap();
        assert_eq!(first.key_id(), Some("k1"));
        for _ in 0..3 {
            assert!(signer.refused(&first).await);
            assert_eq!(signer.key_id_in_use().as_deref(), Some("k2"));
        }
        let second = signer.current().await.unwrap();
        assert!(signer.refused(&second).await);
        assert_eq!(signer.key_id_in_use().as_deref(), Some("k1"), "and back");
    }

    /// A key that says how fast it is.
    #[derive(Debug)]
    struct Slow(SigningKey, SignerLimits);

    impl Signer for Slow {
        fn algorithm(&self) -> Algorithm {
            self.0.algorithm()
        }

        fn key_id(&self) -> Option<&str> {
            self.0.key_id()
        }

        fn sign<'a>(&'a self, input: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
            self.0.sign(input)
        }

        fn limits(&self) -> SignerLimits {
            self.1
        }
    }

    #[test]
    fn of_two_keys_the_slower_one_sets_the_limits() {
        let limits = |rate, millis| {
            SignerLimits::default()
                .max_per_second(std::num::NonZeroU32::new(rate))
                .latency(std::time::Duration::from_millis(millis))
        };
        let slow = |id, limits| Slow(key(id), limits);
        let both = RotatingSigner::new(slow("k1", limits(20, 5)), slow("k2", limits(10, 3)));
        assert_eq!(both.limits(), limits(10, 5));
        let one = RotatingSigner::new(slow("k1", limits(20, 5)), key("k2"));
        assert_eq!(one.limits(), limits(20, 5));
        assert_eq!(RotatingSigner::new(key("k1"), key("k2")).limits(), SignerLimits::default());
    }

    #[test_support::test]
    async fn one_key_is_no_choice() {
        let only = key("k1");
        assert!(only.current().await.is_none());
        let only: Arc<dyn Signer> = Arc::new(only);
        assert!(!only.refused(&only).await);
    }
}
