//! Verifies one token after another.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;

use super::claims::{AccessTokenClaims, IdTokenClaims};
use super::header::Header;
use super::invalid::InvalidToken;
use super::policy::Policy;
use super::verification::{Stop, Verification, Verified, settle};
use crate::clock::Clock;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::jwks::{ChoiceFault, Jwks, Missing};
use crate::jws::Segments;

/// Verifies the tokens of one issuer without asking it: the signature by its published keys, then
/// every claim. Cheap to clone; clones share keys and settings.
///
/// What it cannot see is a revocation: read [local or remote?](crate::verify) before relying on
/// it alone.
///
/// # Example: an access token of a custom authorization server
///
/// ```no_run
/// # async fn example(presented: &str) -> Result<(), okta_introspect::Error> {
/// use okta_introspect::{Issuer, Scopes, Verification, Verifier};
///
/// let issuer = Issuer::parse("https://acme.okta.com/oauth2/default")?;
/// let verifier = Verifier::access_token(issuer, "api://default")
///     .required_scopes(Scopes::parse("orders.read")?)
///     .build()?;
/// match verifier.verify(presented).await? {
///     Verification::Verified(token) => println!("user {:?}", token.claims().uid),
///     Verification::Invalid(reason) => println!("refused: {reason}"),
/// }
/// # Ok(())
/// # }
/// ```
pub struct Verifier<C = AccessTokenClaims> {
    inner: Arc<Inner>,
    claims: PhantomData<fn() -> C>,
}

struct Inner {
    policy: Policy,
    keys: Jwks,
    clock: Arc<dyn Clock>,
}

impl<E: DeserializeOwned + 'static> Verifier<AccessTokenClaims<E>> {
    /// Verifies a text that was presented as an access token. Any text is taken.
    ///
    /// The claims are checked before the signature, so that an expired or foreign token costs
    /// neither a fetch of keys nor a signature check. The facts of an [`InvalidToken`] are
    /// therefore unverified.
    ///
    /// # Errors
    ///
    /// An error means that it cannot be told whether the token is good: its key is not known,
    /// and the issuer cannot be asked for it.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is safe; a fetch of keys goes on for the others.
    pub async fn verify(&self, token: &str) -> Result<Verification<AccessTokenClaims<E>>, Error> {
        let inner = &self.inner;
        let verified = inner.verify(token, |header, payload, now| {
            let claims = AccessTokenClaims::read(payload)?;
            inner.policy.check_access_token(header, &claims, now)?;
            Ok(claims)
        });
        settle(verified.await.and_then(|token| token.try_map(AccessTokenClaims::with_further)))
    }
}

impl<E: DeserializeOwned + 'static> Verifier<IdTokenClaims<E>> {
    /// Verifies the ID token of a sign-in. `nonce` is the one that was sent with the
    /// authorization request, `None` if none was.
    ///
    /// # Errors
    ///
    /// An error means that it cannot be told whether the token is good: its key is not known,
    /// and the issuer cannot be asked for it.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is safe; a fetch of keys goes on for the others.
    pub async fn verify(
        &self,
        token: &str,
        nonce: Option<&str>,
    ) -> Result<Verification<IdTokenClaims<E>>, Error> {
        let inner = &self.inner;
        let verified = inner.verify(token, |header, payload, now| {
            let claims = IdTokenClaims::read(payload)?;
            inner.policy.check_id_token(header, &claims, nonce, now)?;
            Ok(claims)
        });
        settle(verified.await.and_then(|token| token.try_map(IdTokenClaims::with_further)))
    }
}

impl<C> Verifier<C> {
    pub(super) fn new(policy: Policy, keys: Jwks, clock: Arc<dyn Clock>) -> Self {
        Self { inner: Arc::new(Inner { policy, keys, clock }), claims: PhantomData }
    }

    /// The issuer whose tokens are verified.
    pub fn issuer(&self) -> &Issuer {
        &self.inner.policy.issuer
    }

    /// The issuer's keys: to see how they are, to fetch them early, to share them.
    pub fn keys(&self) -> &Jwks {
        &self.inner.keys
    }
}

impl Inner {
    /// `check` reads and checks the claims.
    async fn verify<C>(
        &self,
        token: &str,
        check: impl FnOnce(&Header<'_>, &[u8], DateTime<Utc>) -> Result<C, InvalidToken>,
    ) -> Result<Verified<C>, Stop> {
        let token = Segments::decode(token).map_err(InvalidToken::from)?;
        let header = Header::read(token.header())?;
        self.policy.check_header(&header)?;
        let claims = check(&header, token.payload(), self.clock.now())?;
        let key = self
            .keys
            .key(header.key_id.as_deref(), header.algorithm)
            .await
            .map_err(|missing| no_key(missing, &header))?;
        if !key.verifies(header.algorithm, &token) {
            return Err(bad_signature(&header).into());
        }
        let key_id = header.key_id.map(|id| id.into_owned());
        Ok(Verified { claims, algorithm: header.algorithm, key_id })
    }
}

pub(super) fn no_key(missing: Missing, header: &Header<'_>) -> Stop {
    match missing {
        Missing::CannotTell(error) => Stop::CannotTell(error),
        Missing::Fault { fault, retry_after } => {
            Stop::Invalid(choice_fault(fault, retry_after, header))
        }
    }
}

pub(super) fn choice_fault(
    fault: ChoiceFault,
    retry_after: Option<Duration>,
    header: &Header<'_>,
) -> InvalidToken {
    let kid = header.quoted_key_id();
    match fault {
        ChoiceFault::Unknown => InvalidToken::UnknownKey { kid, retry_after },
        ChoiceFault::Ambiguous => InvalidToken::AmbiguousKey { kid },
        ChoiceFault::Unusable(fault) => InvalidToken::UnusableKey { kid, fault },
        ChoiceFault::Algorithm => InvalidToken::AlgorithmNotForKey { kid, found: header.algorithm },
    }
}

pub(super) fn bad_signature(header: &Header<'_>) -> InvalidToken {
    InvalidToken::BadSignature { kid: header.quoted_key_id(), algorithm: header.algorithm }
}

impl<C> Clone for Verifier<C> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), claims: PhantomData }
    }
}

impl<C> fmt::Debug for Verifier<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("policy", &self.inner.policy)
            .field("keys", &self.inner.keys)
            .finish()
    }
}
