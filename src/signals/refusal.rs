//! Why a receiver does not take what it is sent.

use http::StatusCode;

use crate::error::Error;
use crate::verify::InvalidToken;

/// Why a receiver did not take what it was sent. The sender learns the status, and of a security
/// event token the code of [RFC 8935 §2.4](https://www.rfc-editor.org/rfc/rfc8935#section-2.4);
/// nothing that it sent is repeated.
///
/// # Example: the label of a metric
///
/// ```
/// use okta_introspect::signals::SignalRefusal;
///
/// assert_eq!(SignalRefusal::Replayed.as_str(), "replayed");
/// assert_eq!(SignalRefusal::Replayed.status().as_u16(), 401);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SignalRefusal {
    /// No endpoint is there. 404.
    UnknownPath,
    /// Neither `POST` nor, where event hooks are received, `GET`. 405.
    Method,
    /// A content type that nothing which is received here has. 415.
    MediaType,
    /// The body is packed. 415.
    ContentEncoding,
    /// The body is longer than such messages are. 413.
    TooLarge,
    /// The body took too long. 408.
    TooSlow,
    /// The body ended early. 400.
    Incomplete,
    /// The challenge of an event hook is missing, doubled, or nothing that Okta sends. 400.
    Challenge,
    /// Neither a secret nor a signed JWT. 401.
    NoCredentials,
    /// A secret that is not the one that was agreed. 401.
    WrongCredentials,
    /// A header with credentials is doubled, or the request is of two senders at once. 400.
    SeveralCredentials,
    /// The JWT is none, or lacks what it must have. 401.
    MalformedJwt,
    /// It is not signed by the issuer, with the algorithm that the issuer uses. 401.
    Signature,
    /// It is a JWT of another kind. 401.
    JwtType,
    /// Another issuer's. 401.
    Issuer,
    /// Meant for somebody else. 401.
    Audience,
    /// For another client. 401.
    Client,
    /// It has ended, or it is from the future, or good for too long. 401.
    Time,
    /// It was used before. 401.
    Replayed,
    /// The body is not of the form that it must have. 400.
    Malformed,
    /// The user is named in a way that is not understood here. 400.
    SubjectFormat,
    /// Too many senders whose signatures have still to be checked. 503.
    Busy,
    /// So many JWTs were used that one more cannot be remembered. 503.
    MemoryFull,
    /// The issuer's keys cannot be fetched: it is not known who sent it. 503.
    KeysUnknown,
}

impl SignalRefusal {
    const ALL: [Self; 24] = [
        Self::UnknownPath,
        Self::Method,
        Self::MediaType,
        Self::ContentEncoding,
        Self::TooLarge,
        Self::TooSlow,
        Self::Incomplete,
        Self::Challenge,
        Self::NoCredentials,
        Self::WrongCredentials,
        Self::SeveralCredentials,
        Self::MalformedJwt,
        Self::Signature,
        Self::JwtType,
        Self::Issuer,
        Self::Audience,
        Self::Client,
        Self::Time,
        Self::Replayed,
        Self::Malformed,
        Self::SubjectFormat,
        Self::Busy,
        Self::MemoryFull,
        Self::KeysUnknown,
    ];

    /// Every name that [`as_str`](Self::as_str) gives.
    pub const NAMES: [&str; 24] = {
        let mut names = [""; 24];
        let mut at = 0;
        while at < names.len() {
            names[at] = Self::ALL[at].as_str();
            at += 1;
        }
        names
    };

    /// A name for metrics and logs; one of [`NAMES`](Self::NAMES).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownPath => "unknown_path",
            Self::Method => "method",
            Self::MediaType => "media_type",
            Self::ContentEncoding => "content_encoding",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Incomplete => "incomplete",
            Self::Challenge => "challenge",
            Self::NoCredentials => "no_credentials",
            Self::WrongCredentials => "wrong_credentials",
            Self::SeveralCredentials => "several_credentials",
            Self::MalformedJwt => "malformed_jwt",
            Self::Signature => "signature",
            Self::JwtType => "jwt_type",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Client => "client",
            Self::Time => "time",
            Self::Replayed => "replayed",
            Self::Malformed => "malformed",
            Self::SubjectFormat => "subject_format",
            Self::Busy => "busy",
            Self::MemoryFull => "memory_full",
            Self::KeysUnknown => "keys_unknown",
        }
    }

    /// What the sender is answered. For a security event token it is 400 instead of 401, as RFC 8935
    /// has it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::MediaType | Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Incomplete
            | Self::Challenge
            | Self::SeveralCredentials
            | Self::Malformed
            | Self::SubjectFormat => StatusCode::BAD_REQUEST,
            Self::NoCredentials
            | Self::WrongCredentials
            | Self::MalformedJwt
            | Self::Signature
            | Self::JwtType
            | Self::Issuer
            | Self::Audience
            | Self::Client
            | Self::Time
            | Self::Replayed => StatusCode::UNAUTHORIZED,
            Self::Busy | Self::MemoryFull | Self::KeysUnknown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The index among all of them.
    #[cfg(feature = "tower")]
    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// A refusal, and what is known of its cause beyond the reason: for the operator.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) reason: SignalRefusal,
    pub(crate) cause: Option<Cause>,
}

/// What was found wrong.
#[derive(Debug)]
pub(crate) enum Cause {
    Jwt(Box<InvalidToken>),
    Keys(Box<Error>),
}

impl From<SignalRefusal> for Refused {
    fn from(reason: SignalRefusal) -> Self {
        Self { reason, cause: None }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let cause = Some(Cause::Keys(Box::new(error)));
        Self { reason: SignalRefusal::KeysUnknown, cause }
    }
}

impl From<InvalidToken> for Refused {
    fn from(invalid: InvalidToken) -> Self {
        let reason = reason(&invalid);
        Self { reason, cause: Some(Cause::Jwt(Box::new(invalid))) }
    }
}

fn reason(invalid: &InvalidToken) -> SignalRefusal {
    match invalid {
        InvalidToken::Unsigned
        | InvalidToken::SymmetricAlgorithm { .. }
        | InvalidToken::UnsupportedAlgorithm { .. }
        | InvalidToken::AlgorithmNotAllowed { .. }
        | InvalidToken::KeyFromSender { .. }
        | InvalidToken::UnknownKey { .. }
        | InvalidToken::AmbiguousKey { .. }
        | InvalidToken::UnusableKey { .. }
        | InvalidToken::AlgorithmNotForKey { .. }
        | InvalidToken::BadSignature { .. } => SignalRefusal::Signature,
        InvalidToken::WrongType { .. } => SignalRefusal::JwtType,
        InvalidToken::WrongIssuer { .. } => SignalRefusal::Issuer,
        InvalidToken::WrongAudience { .. } => SignalRefusal::Audience,
        InvalidToken::ClientNotAllowed { .. } => SignalRefusal::Client,
        InvalidToken::Expired { .. }
        | InvalidToken::NotYetValid { .. }
        | InvalidToken::IssuedInFuture { .. } => SignalRefusal::Time,
        _ => SignalRefusal::MalformedJwt,
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Jwt(invalid) => invalid.fmt(f),
            Self::Keys(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_reason_has_its_name_at_its_place() {
        let names: BTreeSet<_> = SignalRefusal::NAMES.into_iter().collect();
        assert_eq!(names.len(), SignalRefusal::ALL.len());
        for (at, reason) in SignalRefusal::ALL.into_iter().enumerate() {
            assert_eq!((reason as usize, reason.as_str()), (at, SignalRefusal::NAMES[at]));
            assert!(reason.status().is_client_error() || reason.status().is_server_error());
        }
    }
}
