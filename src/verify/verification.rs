//! What a verification says.

use super::invalid::InvalidToken;
use crate::error::Error;
use crate::key::Algorithm;

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
    pub(super) claims: C,
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
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

    pub(super) fn try_map<D>(
        self,
        map: impl FnOnce(C) -> Result<D, InvalidToken>,
    ) -> Result<Verified<D>, Stop> {
        let claims = map(self.claims)?;
        Ok(Verified { claims, algorithm: self.algorithm, key_id: self.key_id })
    }
}

/// Sorts a stop into a refusal, which is an answer, and an error, which is none.
pub(super) fn settle<C>(result: Result<Verified<C>, Stop>) -> Result<Verification<C>, Error> {
    match result {
        Ok(verified) => Ok(Verification::Verified(verified)),
        Err(Stop::Invalid(reason)) => Ok(Verification::Invalid(reason)),
        Err(Stop::CannotTell(error)) => Err(error),
    }
}

/// Why there are no verified claims.
pub(super) enum Stop {
    Invalid(InvalidToken),
    CannotTell(Error),
}

impl From<InvalidToken> for Stop {
    fn from(reason: InvalidToken) -> Self {
        Self::Invalid(reason)
    }
}
