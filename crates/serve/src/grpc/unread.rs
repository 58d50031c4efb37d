//! Why a call has no question that can be read.

use std::fmt;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};

use super::reply::Denial;

/// What is wrong with a call of `Check`, by the request that it asks about or by what the proxy says
/// of it. It is answered with a denial, and told to [`Authorize::unread`](super::Authorize::unread).
///
/// # Example: what the proxy's configuration is to blame for
///
/// ```
/// use okta_introspect_serve::UnreadCheck;
///
/// let blamed = |why: &UnreadCheck| matches!(why, UnreadCheck::TooLarge | UnreadCheck::Rule);
/// assert!(blamed(&UnreadCheck::TooLarge) && !blamed(&UnreadCheck::Method));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Unread {
    /// The message is larger than is read.
    TooLarge,
    /// The message is no `CheckRequest`.
    Message,
    /// The request's method is none.
    Method,
    /// The request's target does not begin with a slash, or is not text.
    Target,
    /// The request's host is not text.
    Host,
    /// A header of the request cannot be one.
    Header,
    /// The request has more headers than are read.
    Headers,
    /// The request has several `Authorization` headers, or one that is a list.
    Tokens,
    /// The name of the route's rule is not text.
    Rule,
}

impl Unread {
    /// Every name that [`as_str`](Self::as_str) gives.
    pub const NAMES: [&str; 9] = [
        "message_too_large",
        "message_unreadable",
        "method_unreadable",
        "target_unreadable",
        "host_unreadable",
        "header_unreadable",
        "too_many_headers",
        "several_tokens",
        "rule_unreadable",
    ];

    /// A name for logs and metrics; one of [`NAMES`](Self::NAMES).
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize] // one name for each kind
    }

    /// What to answer.
    pub(super) fn denial(self) -> Denial {
        let status = match self {
            Self::Headers | Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Rule => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        let mut denial = Denial::new(status);
        if self == Self::Tokens {
            denial.headers.insert(WWW_AUTHENTICATE, INVALID_REQUEST);
        }
        denial
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => {
                "a message of Check is too large; leave out bodies (with_request_body)"
            }
            Self::Message => "a message of Check cannot be read",
            Self::Method => "the request's method is none",
            Self::Target => "the request's path does not begin with a slash, or is not UTF-8",
            Self::Host => "the request's host is not UTF-8",
            Self::Header => "a header of the request has no name or value that HTTP permits",
            Self::Headers => "the request has too many headers",
            Self::Tokens => "the request has several Authorization headers, or a list in one",
            Self::Rule => "the name of the route's rule is not UTF-8",
        })
    }
}

/// What RFC 6750 §3.1 has a request told that brings a token in more than one way.
const INVALID_REQUEST: HeaderValue = HeaderValue::from_static(r#"Bearer error="invalid_request""#);
