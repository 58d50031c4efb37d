//! Why the body of a request does not say what it asks for.

use std::fmt;

use http::StatusCode;

/// Why the body of a request does not say what it asks for. Such a request is refused: the service
/// behind might read it in another way.
///
/// # Example: what a client should send in smaller pieces
///
/// ```
/// use okta_introspect::adapter::{BodyFault, Cause, Rejection};
///
/// fn is_too_large(rejection: &Rejection) -> bool {
///     matches!(rejection.cause(), Cause::Body(BodyFault::TooLarge))
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum BodyFault {
    /// It is larger than [`McpRules::max_body`](super::McpRules::max_body) allows.
    TooLarge,
    /// It did not arrive within [`McpRules::read_timeout`](super::McpRules::read_timeout).
    TooSlow,
    /// The connection broke.
    Incomplete,
    /// It is not a message of JSON-RPC, nor a list of them: no JSON in UTF-8, something behind it, an
    /// empty list, a member of the wrong type.
    NoMessage,
    /// It calls a tool and does not name it.
    NoTool,
    /// A member that matters occurs twice, or a name is like one that matters but for the case of its
    /// letters, blanks or characters that are not seen; or a name has a zero in it, where readers in C
    /// end, or is `__proto__`, from which objects of JavaScript may take their members.
    Ambiguous,
    /// Arrays and objects are nested deeper than 64 levels.
    TooDeep,
    /// It is a list of more than 256 messages.
    TooMany,
    /// Its head says that it is packed (`Content-Encoding`), or in other characters than those of
    /// UTF-8 (`charset` in `Content-Type`).
    Encoded,
}

impl BodyFault {
    /// Every name that [`as_str`](Self::as_str) gives, in the order of the faults.
    pub const NAMES: [&str; 9] = [
        "body_too_large",
        "body_too_slow",
        "body_incomplete",
        "body_no_message",
        "body_no_tool",
        "body_ambiguous",
        "body_too_deep",
        "body_too_many",
        "body_encoded",
    ];

    /// A name for logs and metrics; one of [`NAMES`](Self::NAMES).
    pub fn as_str(self) -> &'static str {
        Self::NAMES[self as usize] // one name for each fault
    }

    pub(in crate::adapter) fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// One sentence for programmers of clients.
    pub(in crate::adapter) fn detail(self) -> &'static str {
        match self {
            Self::TooLarge => "the request's body is too large",
            Self::TooSlow => "the request's body took too long",
            Self::Incomplete => "the request's body ended early",
            Self::NoMessage => "the request's body is not a message of JSON-RPC",
            Self::NoTool => "the request calls a tool and does not name it",
            Self::Ambiguous => "the request's body can be read in two ways",
            Self::TooDeep => "the request's body is nested too deep",
            Self::TooMany => "the request's body has too many messages",
            Self::Encoded => "the request's body is packed, or not in UTF-8",
        }
    }
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail())
    }
}
