//! What is known of a token, as the headers have it.

use http::HeaderValue;
use okta_introspect::checker::Authorized;
use schemars::JsonSchema;
use serde::Deserialize;

use super::value::{self, ABSENT};

/// A fact that a header of its own tells the backend.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::IdentityFact;
///
/// let fact: IdentityFact = serde_json::from_str("\"client_id\"")?;
/// assert_eq!(fact, IdentityFact::ClientId);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum IdentityFact {
    /// The subject.
    Sub,
    /// The client to which the token was issued.
    ClientId,
    /// The user's id at Okta.
    Uid,
    /// The user's login.
    Username,
    /// What the token permits, with single blanks between.
    Scope,
    /// Its end, in seconds since 1970.
    Exp,
    /// The authorization server.
    Issuer,
    /// How long ago the authorization server was asked, in milliseconds.
    AgeMs,
    /// Where the answer came from.
    Source,
}

impl IdentityFact {
    /// All of them, in the order in which they are written.
    pub const ALL: [Self; 9] = [
        Self::Sub,
        Self::ClientId,
        Self::Uid,
        Self::Username,
        Self::Scope,
        Self::Exp,
        Self::Issuer,
        Self::AgeMs,
        Self::Source,
    ];

    /// What stands behind the prefix.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Sub => "Sub",
            Self::ClientId => "Client-Id",
            Self::Uid => "Uid",
            Self::Username => "Username",
            Self::Scope => "Scope",
            Self::Exp => "Exp",
            Self::Issuer => "Issuer",
            Self::AgeMs => "Age-Ms",
            Self::Source => "Source",
        }
    }

    pub(super) fn value(self, authorized: &Authorized) -> HeaderValue {
        match self {
            Self::Sub => value::text(authorized.sub()),
            Self::ClientId => value::text(authorized.client_id()),
            Self::Uid => value::text(authorized.uid()),
            Self::Username => value::text(authorized.username()),
            Self::Scope => value::scopes(authorized.scope()),
            Self::Exp => authorized.expires_at().map_or(ABSENT, |end| end.timestamp().into()),
            Self::Issuer => value::text(authorized.iss()),
            Self::AgeMs => u64::try_from(authorized.age().as_millis()).unwrap_or(u64::MAX).into(),
            Self::Source => HeaderValue::from_static(authorized.source().as_str()),
        }
    }
}
