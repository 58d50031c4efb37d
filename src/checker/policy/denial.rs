//! Why a request is not let in.

use std::fmt;

use crate::credential::dpop::ProofDenial;
use crate::verify::InvalidToken;

/// How the audiences of a token miss the one that is wanted.
///
/// # Example: the usual slip
///
/// ```
/// use okta_introspect::checker::{AudienceFault, Reason};
///
/// fn is_misconfigured(reason: &Reason) -> bool {
///     matches!(reason, Reason::Audience(AudienceFault::TrailingSlash))
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AudienceFault {
    /// None of them is like it.
    Other,
    /// One differs from it by a slash at the end, and by nothing else. Audiences are compared
    /// exactly, so the authorization server's setting and this service's must be made the same.
    TrailingSlash,
}

impl AudienceFault {
    /// Why none of these is the wanted one.
    #[cold]
    pub(crate) fn of(audiences: &[String], wanted: &str) -> Self {
        let is_near = |own: &String| {
            own.strip_suffix('/') == Some(wanted) || wanted.strip_suffix('/') == Some(own.as_str())
        };
        if audiences.iter().any(is_near) { Self::TrailingSlash } else { Self::Other }
    }
}

/// Why a check denies. Each is a definite no: a check that cannot tell gives an
/// [`Error`](crate::Error) instead.
///
/// # Example: what could be tried again with another token?
///
/// ```
/// use okta_introspect::checker::Reason;
///
/// fn is_over(reason: &Reason) -> bool {
///     matches!(reason, Reason::Expired | Reason::Inactive)
/// }
/// assert_eq!(Reason::Expired.as_str(), "expired");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// This cannot be a token at all.
    Malformed,
    /// A JWT of an issuer that this checker has no server for.
    UnknownIssuer,
    /// A token of another issuer than the required one.
    Issuer,
    /// A JWT that does not verify; see [`CheckerBuilder::verifier`](crate::checker::CheckerBuilder::verifier).
    // In a box: a verdict is moved on every hit, and this would be most of it.
    Verification(Box<InvalidToken>),
    /// The server says that the token is not active: revoked, expired, or never issued there.
    Inactive,
    /// The token is active and no access token: an ID token, a device secret, or of a type of its
    /// own; see [`Introspection::is_access_token`](crate::Introspection::is_access_token).
    NotAccessToken,
    /// The token's time is over.
    Expired,
    /// The token's time has not come.
    NotYetValid,
    /// The token was issued for another audience.
    Audience(AudienceFault),
    /// The token was issued to a client that is not let in.
    Client,
    /// A service token, where a user is required.
    NoUser,
    /// The token does not permit this: it lacks these scopes, or all of them where one of them
    /// would do.
    Scope {
        /// What was missing, in alphabetical order.
        missing: Vec<String>,
    },
    /// The caller's own predicate said no.
    Predicate,
    /// The token is bound to a key, and the request does not prove possession of it.
    Proof(ProofDenial),
}

impl Reason {
    /// Every name that [`as_str`](Self::as_str) gives.
    pub const NAMES: [&str; 14] = [
        "malformed",
        "unknown_issuer",
        "issuer",
        "verification",
        "inactive",
        "not_access_token",
        "expired",
        "not_yet_valid",
        "audience",
        "client",
        "no_user",
        "scope",
        "predicate",
        "proof",
    ];

    /// A name for logs and metrics; one of [`NAMES`](Self::NAMES).
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownIssuer => "unknown_issuer",
            Self::Issuer => "issuer",
            Self::Verification(_) => "verification",
            Self::Inactive => "inactive",
            Self::NotAccessToken => "not_access_token",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Audience(_) => "audience",
            Self::Client => "client",
            Self::NoUser => "no_user",
            Self::Scope { .. } => "scope",
            Self::Predicate => "predicate",
            Self::Proof(_) => "proof",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Malformed => "this cannot be a token",
            Self::UnknownIssuer => "the token's issuer is unknown here",
            Self::Issuer => "the token is of another issuer than the required one",
            Self::Inactive => "the token is not active",
            Self::NotAccessToken => "the token is not an access token",
            Self::Expired => "the token has expired",
            Self::NotYetValid => "the token is not valid yet",
            Self::Audience(AudienceFault::Other) => "the token is for another audience",
            Self::Audience(AudienceFault::TrailingSlash) => {
                "the token's audience differs from the wanted one by a trailing slash"
            }
            Self::Client => "the token was issued to a client that is not let in",
            Self::NoUser => "the token has no user",
            Self::Predicate => "the token does not meet the requirement",
            Self::Proof(fault) => return fault.fmt(f),
            Self::Verification(rejection) => return rejection.fmt(f),
            Self::Scope { missing } => {
                return write!(f, "the token lacks scopes: {}", missing.join(" "));
            }
        };
        f.write_str(text)
    }
}
