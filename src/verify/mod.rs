//! Verifies tokens locally, without asking the server.
//!
//! # Local or remote?
//!
//! A signature proves which issuer signed a token and that the token is unchanged. It says nothing
//! of what happened since: a token that was **revoked**, or whose user was suspended, verifies
//! until it expires. Only [introspection](crate::Client::introspect) sees that. On the other hand
//! verification costs some ten microseconds and no request, and goes on when the server is down.
//!
//! | the token | locally | by introspection |
//! |---|---|---|
//! | access token of a custom authorization server (`…/oauth2/{id}`) | yes: [`Verifier::access_token`] | yes, for revocation |
//! | access token of the org server (`https://acme.okta.com`) | **no**: Okta calls it opaque and does not publish its key for this; invalid as [`OrgAccessToken`](InvalidToken::OrgAccessToken) | the only way |
//! | encrypted access token (five segments) | **no**: invalid as [`Encrypted`](InvalidToken::Encrypted) | the only way |
//! | ID token, of either server | yes, by the client that it was issued to: [`Verifier::id_token`] | rarely needed |
//! | refresh token, device secret | **no**: they are not JWTs | the only way |
//!
//! And by what is at stake, for access tokens of a custom server:
//!
//! | if a revoked token may be taken | then |
//! |---|---|
//! | until it expires, and it expires soon (Okta: from five minutes on) | verify locally |
//! | for some seconds or minutes | verify locally first, then introspect at that interval |
//! | not at all: payments, administration, deletion | verify locally first, then introspect each time |
//!
//! So local verification is the free first line in every case: it keeps forgeries, expired
//! tokens and those of other issuers away from the rate limit that introspection shares with the
//! whole org.
//!
//! # What is checked
//!
//! In this order, each failure with its own variant of [`InvalidToken`]:
//!
//! 1. **Form**: at most 16 KiB, three segments of unpadded base64url, JSON objects without
//!    duplicate members and not nested deeper than 32 levels.
//! 2. **Header**: an allowed signature algorithm (RS256 unless set otherwise; never `none`, never
//!    an HMAC), no `crit`, no key of the sender's own (`jwk`, `jku`, `x5u`, `x5c`), no `typ` of
//!    another kind of JWT.
//! 3. **Claims**: that it is the wanted kind of token; `iss`, to the letter; `aud`; `exp`, `nbf`
//!    and `iat` with some leeway; for access tokens `cid` and `scp` as set; for ID tokens `azp`
//!    and `nonce`, both ways. `iss`, `sub`, `aud`, `exp` and `iat` must be there.
//! 4. **Key**: one of the issuer's, by `kid`, for signatures, for this algorithm, and not weak.
//! 5. **Signature**.
//!
//! This follows [RFC 7519 §7.2](https://www.rfc-editor.org/rfc/rfc7519#section-7.2),
//! [RFC 9068 §4](https://www.rfc-editor.org/rfc/rfc9068#section-4),
//! [OpenID Connect Core §3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)
//! and the advice of [RFC 8725](https://www.rfc-editor.org/rfc/rfc8725).

mod builder;
mod claims;
mod fact;
mod header;
mod invalid;
mod policy;
mod signature_only;
mod verifier;

pub use builder::VerifierBuilder;
pub use claims::{AccessTokenClaims, IdTokenClaims};
pub use invalid::{InvalidToken, TokenKind};
pub use signature_only::{UncheckedPayload, signature_only};
pub use verifier::Verifier;

pub use crate::jws::Part;
pub use crate::key::{KeyFault, MemberFault};
pub use crate::support::json::JsonFault;

use crate::error::Error;
use crate::key::Algorithm;
use verifier::Stop;

/// The result of a verification. There is no third case: "cannot tell" is an [`Error`].
///
/// # Example: both cases
///
/// ```
/// use okta_introspect::{AccessTokenClaims, Verification};
///
/// fn user(verification: &Verification<AccessTokenClaims>) -> Option<&str> {
///     match verification {
///         Verification::Verified(token) => token.claims().uid.as_deref(),
///         Verification::Invalid(reason) => {
///             println!("refused: {reason}");
///             None
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Verification<C> {
    /// The token is the issuer's, for us, and in its time.
    Verified(Verified<C>),
    /// It is not.
    Invalid(InvalidToken),
}

impl<C> Verification<C> {
    /// Whether the token was verified.
    pub fn is_verified(&self) -> bool {
        matches!(self, Self::Verified(_))
    }

    /// The claims, if the token was verified.
    pub fn claims(&self) -> Option<&C> {
        match self {
            Self::Verified(verified) => Some(&verified.claims),
            Self::Invalid(_) => None,
        }
    }

    /// Why the token is invalid, if it is.
    pub fn reason(&self) -> Option<&InvalidToken> {
        match self {
            Self::Verified(_) => None,
            Self::Invalid(reason) => Some(reason),
        }
    }

    /// As a result, for code in which an invalid token is an error.
    ///
    /// # Errors
    ///
    /// The [`InvalidToken`].
    pub fn into_result(self) -> Result<Verified<C>, InvalidToken> {
        match self {
            Self::Verified(verified) => Ok(verified),
            Self::Invalid(reason) => Err(reason),
        }
    }
}

/// Claims that were verified. Only a verification makes one, so a function that asks for it
/// cannot be called with anything else.
///
/// # Example: a proof as an argument
///
/// ```
/// use okta_introspect::{AccessTokenClaims, Verified};
///
/// fn delete_order(id: u64, caller: &Verified<AccessTokenClaims>) -> String {
///     format!("order {id} deleted by {}", caller.claims().sub)
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Verified<C> {
    claims: C,
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl<C> Verified<C> {
    /// The claims.
    pub fn claims(&self) -> &C {
        &self.claims
    }

    /// The claims, taken out.
    pub fn into_claims(self) -> C {
        self.claims
    }

    /// The algorithm of the signature.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The id of the key that signed, if the token names it.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    fn try_map<D>(
        self,
        map: impl FnOnce(C) -> Result<D, InvalidToken>,
    ) -> Result<Verified<D>, Stop> {
        let claims = map(self.claims)?;
        Ok(Verified { claims, algorithm: self.algorithm, key_id: self.key_id })
    }
}

/// Sorts a stop into a refusal, which is an answer, and an error, which is none.
fn settle<C>(result: Result<Verified<C>, Stop>) -> Result<Verification<C>, Error> {
    match result {
        Ok(verified) => Ok(Verification::Verified(verified)),
        Err(Stop::Invalid(reason)) => Ok(Verification::Invalid(reason)),
        Err(Stop::CannotTell(error)) => Err(error),
    }
}
