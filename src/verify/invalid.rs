//! Why a token is invalid: each reason with its facts.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::fact::{self, key_name, maybe_seconds, seconds};
use crate::jws::{Fault, Part};
use crate::key::{Algorithm, KeyFault};
use crate::scope::Scopes;
use crate::support::json::JsonFault;

/// Why a token is invalid.
///
/// Facts that are called `found` are what the token says; nothing vouches for them, and they are
/// cut after [`MAX_QUOTED`](Self::MAX_QUOTED) bytes. The token itself, its nonce and its
/// signature are in none of them. `Display` says what is wrong, for logs; it is not meant for the
/// sender of the token.
///
/// Serialised, it is an object whose `reason` is the name in snake case, beside the facts.
///
/// # Example: facts, not texts
///
/// ```
/// use okta_introspect::InvalidToken;
/// use chrono::TimeDelta;
///
/// fn ended_just_now(reason: &InvalidToken) -> bool {
///     matches!(reason, InvalidToken::Expired { exp, now, .. } if *now - exp < TimeDelta::minutes(1))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum InvalidToken {
    /// Longer than [`Token::MAX_LEN`](crate::secret::Token::MAX_LEN).
    #[error("the token has {bytes} bytes; at most {} are taken", crate::secret::Token::MAX_LEN)]
    TooLong {
        /// How many it has.
        bytes: usize,
    },
    /// In one of the JSON serialisations
    /// ([RFC 7515 §7.2](https://www.rfc-editor.org/rfc/rfc7515#section-7.2)), which tokens never
    /// are.
    #[error("the token is in JSON, not in the compact form")]
    JsonSerialization,
    /// Encrypted: it has the five segments of a JWE
    /// ([RFC 7516 §7.1](https://www.rfc-editor.org/rfc/rfc7516#section-7.1)). Only the holder of
    /// the decryption key, or the server by introspection, can look into it.
    #[error("the token is encrypted; introspect it")]
    Encrypted,
    /// Not three segments: an opaque token, or no token at all.
    #[error("the token is not a JWT, which has 3 segments and not {segments}; introspect it")]
    NotCompact {
        /// How many there are.
        segments: usize,
    },
    /// A segment is not unpadded base64url
    /// ([RFC 7515 §2](https://www.rfc-editor.org/rfc/rfc7515#section-2)): padding, white space,
    /// another alphabet, a length that nothing encodes to, or bits that nothing stands for.
    #[error("the token's {part} is not unpadded base64url")]
    Encoding {
        /// Which segment.
        part: Part,
    },
    /// Header or payload is not a proper JSON object.
    #[error("the token's {part} {fault}")]
    Json {
        /// Which segment.
        part: Part,
        /// What is wrong with it.
        fault: JsonFault,
    },
    /// A header parameter is missing or has the wrong type.
    #[error("the token's header lacks a proper `{name}`")]
    MalformedHeader {
        /// Its name.
        name: &'static str,
    },
    /// `alg` is `none`: it has no signature.
    #[error("the token is not signed")]
    Unsigned,
    /// An HMAC, whose key would be the issuer's *public* key, known to everyone
    /// ([RFC 8725 §2.1](https://www.rfc-editor.org/rfc/rfc8725#section-2.1)).
    #[error("the token's algorithm {found} is symmetric")]
    SymmetricAlgorithm {
        /// What `alg` says.
        found: String,
    },
    /// `alg` names no signature algorithm that this crate knows.
    #[error("the token's algorithm is not supported: {found}")]
    UnsupportedAlgorithm {
        /// What `alg` says.
        found: String,
    },
    /// The algorithm is not one of those that the verifier allows.
    #[error("the token's algorithm {found} is not allowed")]
    AlgorithmNotAllowed {
        /// What `alg` says.
        found: Algorithm,
        /// What the verifier allows.
        allowed: Vec<Algorithm>,
    },
    /// The header demands that extensions be understood, and none is
    /// ([RFC 7515 §4.1.11](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11)).
    #[error("the token's header demands extensions")]
    CriticalExtension,
    /// The header brings a key of the sender's own, or says where to fetch one
    /// ([RFC 8725 §3.10](https://www.rfc-editor.org/rfc/rfc8725#section-3.10)).
    #[error("the token's header names a key of its own in `{name}`")]
    KeyFromSender {
        /// The header parameter: `jwk`, `jku`, `x5u` or `x5c`.
        name: &'static str,
    },
    /// The issuer has no such key, as far as is known. After a rotation it may have it later.
    #[error("the issuer has no key {}", key_name(kid.as_deref()))]
    UnknownKey {
        /// The token's key id, if it names one.
        kid: Option<String>,
        /// When the issuer may be asked again, if it can be at all: see
        /// [`JwksConfig::cool_down`](crate::JwksConfig::cool_down).
        #[serde(rename = "retry_after_secs", serialize_with = "maybe_seconds")]
        retry_after: Option<Duration>,
    },
    /// Several of the issuer's keys would do: they share a key id, or the token names none.
    #[error("the issuer has several keys {}", key_name(kid.as_deref()))]
    AmbiguousKey {
        /// The token's key id, if it names one.
        kid: Option<String>,
    },
    /// The issuer's key cannot be used.
    #[error("the issuer's key {} {fault}", key_name(kid.as_deref()))]
    UnusableKey {
        /// The token's key id, if it names one.
        kid: Option<String>,
        /// What is wrong with the key.
        fault: KeyFault,
    },
    /// The issuer's key is for another algorithm than the token's, by its type, its curve or its
    /// `alg`.
    #[error("the issuer's key {} is not for {found}", key_name(kid.as_deref()))]
    AlgorithmNotForKey {
        /// The token's key id, if it names one.
        kid: Option<String>,
        /// What the token's `alg` says.
        found: Algorithm,
    },
    /// The issuer's key did not make the signature, or not over this text.
    #[error("the signature is not one of the issuer's key {}", key_name(kid.as_deref()))]
    BadSignature {
        /// The token's key id, if it names one.
        kid: Option<String>,
        /// The token's algorithm.
        algorithm: Algorithm,
    },
    /// An access token of an Okta org server. Its format is Okta's own affair and its signing key
    /// is not published for this use, so only the org server can judge it: introspect it there.
    #[error(
        "the token is an access token of an Okta org server, which only introspection there can judge"
    )]
    OrgAccessToken {
        /// The token's issuer, if it names one.
        issuer: Option<String>,
    },
    /// `typ` is that of another kind of JWT
    /// ([RFC 8725 §3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11)).
    #[error("the token's type is that of another kind of JWT: {found}")]
    WrongType {
        /// What `typ` says.
        found: String,
    },
    /// An ID token where an access token is wanted, or the other way round.
    #[error("the token is not an {expected} but an {found}")]
    WrongKind {
        /// What is wanted.
        expected: TokenKind,
        /// What it is.
        found: TokenKind,
    },
    /// It has nothing of an access token: no client and no scope.
    #[error("the token names neither a client nor a scope, so it is not an access token")]
    NotAnAccessToken,
    /// A claim that every such token has is missing.
    #[error("the token lacks the claim `{name}`")]
    MissingClaim {
        /// Its name.
        name: &'static str,
    },
    /// A claim does not have its type, or is out of range.
    #[error("the token's claim `{name}` is malformed")]
    MalformedClaim {
        /// Its name.
        name: &'static str,
    },
    /// Issued by another server.
    #[error("the token's issuer is {found} instead of {expected}")]
    WrongIssuer {
        /// The verifier's issuer.
        expected: String,
        /// What `iss` says.
        found: String,
    },
    /// Meant for another audience.
    #[error("the token is not for {expected} but for {}", found.join(", "))]
    WrongAudience {
        /// The verifier's audience or client id.
        expected: String,
        /// What `aud` says.
        found: Vec<String>,
    },
    /// An ID token that was issued to another client: `azp` is not ours, or it is missing where
    /// there are several audiences
    /// ([OpenID Connect Core §3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)).
    #[error("the token was not issued to {expected}")]
    WrongAuthorizedParty {
        /// The verifier's client id.
        expected: String,
        /// What `azp` says.
        found: Option<String>,
    },
    /// Over.
    #[error("the token has expired at {exp}")]
    Expired {
        /// When it ended.
        exp: DateTime<Utc>,
        /// The time of the check.
        now: DateTime<Utc>,
        /// How much later it would still have been taken.
        #[serde(rename = "leeway_secs", serialize_with = "seconds")]
        leeway: Duration,
    },
    /// Not begun.
    #[error("the token is not valid before {nbf}")]
    NotYetValid {
        /// When it begins.
        nbf: DateTime<Utc>,
        /// The time of the check.
        now: DateTime<Utc>,
        /// How much earlier it would have been taken.
        #[serde(rename = "leeway_secs", serialize_with = "seconds")]
        leeway: Duration,
    },
    /// Issued in the future: one of the two clocks is wrong.
    #[error("the token was issued at {iat}, which is in the future")]
    IssuedInFuture {
        /// When it says it was issued.
        iat: DateTime<Utc>,
        /// The time of the check.
        now: DateTime<Utc>,
        /// How much earlier it would have been taken.
        #[serde(rename = "leeway_secs", serialize_with = "seconds")]
        leeway: Duration,
    },
    /// Issued to a client that is not on the list.
    #[error("the token's client is not allowed")]
    ClientNotAllowed {
        /// What `cid` says.
        found: Option<String>,
    },
    /// Does not permit what is required.
    #[error("the token lacks the scopes {missing}")]
    MissingScopes {
        /// The required scopes that it does not have.
        missing: Scopes,
    },
    /// A nonce was sent, and the ID token has none.
    #[error("the token has no nonce, although one was sent")]
    MissingNonce,
    /// No nonce was sent, and the ID token has one: it belongs to another sign-in.
    #[error("the token has a nonce, although none was sent")]
    UnexpectedNonce,
    /// The ID token's nonce is not the one that was sent.
    #[error("the token has another nonce than the one that was sent")]
    WrongNonce,
    /// The signature is good, but the remaining claims do not have the shape that the program
    /// asks for.
    #[error("the token's further claims are not as wanted: {fault}")]
    FurtherClaims {
        /// The claim that does not fit, what kind of value it is, and what belongs there. The value
        /// itself is not repeated.
        fault: String,
    },
}

/// A kind of JWT that an authorization server issues.
///
/// # Example
///
/// ```
/// use okta_introspect::verify::TokenKind;
///
/// assert_eq!(TokenKind::IdToken.to_string(), "ID token");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// For a resource server.
    #[error("access token")]
    AccessToken,
    /// For the client itself.
    #[error("ID token")]
    IdToken,
}

impl InvalidToken {
    /// The most that is quoted of one text of a token, in bytes.
    pub const MAX_QUOTED: usize = fact::MAX_QUOTED;

    /// Whether the same token may be accepted later: when its time has come, or when the issuer
    /// has published the key.
    pub fn may_change_later(&self) -> bool {
        matches!(
            self,
            Self::UnknownKey { .. } | Self::NotYetValid { .. } | Self::IssuedInFuture { .. }
        )
    }
}

impl From<Fault> for InvalidToken {
    fn from(fault: Fault) -> Self {
        /// A JWE in compact form has five segments.
        const ENCRYPTED: usize = 5;
        match fault {
            Fault::TooLong(bytes) => Self::TooLong { bytes },
            Fault::JsonSerialization => Self::JsonSerialization,
            Fault::Segments(ENCRYPTED) => Self::Encrypted,
            Fault::Segments(segments) => Self::NotCompact { segments },
            Fault::Encoding(part) => Self::Encoding { part },
            Fault::Json(part, fault) => Self::Json { part, fault },
            Fault::Critical => Self::CriticalExtension,
        }
    }
}
