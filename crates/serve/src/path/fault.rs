//! Why a path is refused.

use std::fmt;

/// What makes a path ambiguous: which two readers of it might see two paths.
///
/// A request whose path is refused is answered with 400, whatever token it brings.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::{PathFault, PathPolicy};
///
/// let fault = PathPolicy::default().canonical("/user/../admin").unwrap_err();
/// assert_eq!(fault, PathFault::DotSegment);
/// assert_eq!(fault.as_str(), "dot_segment");
/// assert!(PathFault::NAMES.contains(&fault.as_str()));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum PathFault {
    /// It does not begin with a slash, as a gRPC `:path` or the target of `OPTIONS *` may not.
    NotAbsolute,
    /// It is longer than [`PathPolicy::MAX_LENGTH`](super::PathPolicy::MAX_LENGTH).
    TooLong,
    /// Two slashes follow each other; many servers merge them.
    EmptySegment,
    /// A segment is `.` or `..`, written as it is or encoded.
    DotSegment,
    /// A slash is encoded (`%2F`), which some decode before they split the path, and some after.
    EncodedSlash,
    /// A backslash, as it is or encoded; some servers take it for a slash.
    Backslash,
    /// A semicolon, as it is or encoded; some servers cut it off, with all that follows it in
    /// its segment.
    Parameter,
    /// `?` or `#`, as it is or encoded: where the path ends depends on the reader.
    Query,
    /// A control character such as NUL, at which some readers stop.
    Control,
    /// A character that a path may have only encoded ([RFC 3986
    /// §3.3](https://www.rfc-editor.org/rfc/rfc3986#section-3.3)), such as a blank or `é`.
    Unencoded,
    /// A `%` that two hexadecimal digits do not follow.
    BadEscape,
    /// What was encoded is no UTF-8; overlong forms are none.
    NotUtf8,
    /// An encoded `%`, where something decodes twice.
    EncodedPercent,
    /// An encoded character, where something decodes nothing and would not know it for the one
    /// that a rule names.
    Encoded,
    /// A character beyond ASCII, where case is not told apart: which letters are the same there
    /// differs from server to server.
    NonAscii,
    /// A segment ends with a dot or a blank, where case is not told apart: such servers keep their
    /// files on systems that drop them.
    TrailingDot,
}

impl PathFault {
    /// All names that [`as_str`](Self::as_str) gives.
    pub const NAMES: [&'static str; 16] = [
        Self::NotAbsolute.as_str(),
        Self::TooLong.as_str(),
        Self::EmptySegment.as_str(),
        Self::DotSegment.as_str(),
        Self::EncodedSlash.as_str(),
        Self::Backslash.as_str(),
        Self::Parameter.as_str(),
        Self::Query.as_str(),
        Self::Control.as_str(),
        Self::Unencoded.as_str(),
        Self::BadEscape.as_str(),
        Self::NotUtf8.as_str(),
        Self::EncodedPercent.as_str(),
        Self::Encoded.as_str(),
        Self::NonAscii.as_str(),
        Self::TrailingDot.as_str(),
    ];

    /// A name for logs and metrics; one of [`NAMES`](Self::NAMES).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAbsolute => "not_absolute",
            Self::TooLong => "too_long",
            Self::EmptySegment => "empty_segment",
            Self::DotSegment => "dot_segment",
            Self::EncodedSlash => "encoded_slash",
            Self::Backslash => "backslash",
            Self::Parameter => "parameter",
            Self::Query => "query",
            Self::Control => "control",
            Self::Unencoded => "unencoded",
            Self::BadEscape => "bad_escape",
            Self::NotUtf8 => "not_utf8",
            Self::EncodedPercent => "encoded_percent",
            Self::Encoded => "encoded",
            Self::NonAscii => "non_ascii",
            Self::TrailingDot => "trailing_dot",
        }
    }
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "the path does not begin with a slash",
            Self::TooLong => "the path is too long",
            Self::EmptySegment => "two slashes follow each other, which some servers merge",
            Self::DotSegment => "a segment is . or .., which some servers resolve",
            Self::EncodedSlash => "a slash is encoded, which some servers take for a separator",
            Self::Backslash => "there is a backslash, which some servers take for a slash",
            Self::Parameter => "there is a semicolon, at which some servers cut the segment off",
            Self::Query => "there is a ? or # within the path, at which some servers cut it off",
            Self::Control => "there is a control character",
            Self::Unencoded => "there is a character that a path may only have encoded",
            Self::BadEscape => "two hexadecimal digits do not follow a %",
            Self::NotUtf8 => "the encoded characters are not valid UTF-8",
            Self::EncodedPercent => "a % is encoded, and something decodes twice",
            Self::Encoded => "a character is encoded, and something decodes nothing",
            Self::NonAscii => "there is a character beyond ASCII, and case is not told apart",
            Self::TrailingDot => "a segment ends with a dot or a blank, which some servers drop",
        })
    }
}
