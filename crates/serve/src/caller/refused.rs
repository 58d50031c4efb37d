//! Why a caller is not let in.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::{HeaderValue, StatusCode};

/// Why a caller is not let in. This is about the proxy or the service that calls, not about the token
/// of a client: in modes where the proxy hands our status on to its client, it is the proxy's
/// configuration that is wrong. Quotes nothing of the request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// It brings no credentials, and this listener lets nobody in without.
    NoCredentials,
    /// It brings two credentials, or something that cannot be read as one.
    Malformed,
    /// Nobody has this secret, or it is another caller's.
    WrongSecret,
    /// No name of its certificate is in the list.
    UnknownCertificate,
    /// There were too many attempts with no or wrong credentials; not to be logged.
    TooMany(Duration),
}

impl Refused {
    /// All words of [`as_str`](Self::as_str).
    pub const NAMES: [&'static str; 5] = [
        "no_caller_credentials",
        "malformed_caller_credentials",
        "wrong_caller_secret",
        "unknown_caller_certificate",
        "too_many_caller_attempts",
    ];

    /// A stable word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoCredentials => Self::NAMES[0],
            Self::Malformed => Self::NAMES[1],
            Self::WrongSecret => Self::NAMES[2],
            Self::UnknownCertificate => Self::NAMES[3],
            Self::TooMany(_) => Self::NAMES[4],
        }
    }

    /// 401, which goes with the [challenge](Self::challenge), or 429 for too many attempts.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// `WWW-Authenticate` of a 401: how a caller of `/introspect` identifies itself
    /// ([RFC 9110 §11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1)).
    pub const fn challenge(self) -> HeaderValue {
        HeaderValue::from_static(
            "Bearer realm=\"okta-introspect callers\", Basic realm=\"okta-introspect callers\"",
        )
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCredentials => "the caller brings no secret and no certificate",
            Self::Malformed => "the caller's credentials are doubled or cannot be read",
            Self::WrongSecret => "no caller of the configuration has this secret",
            Self::UnknownCertificate => "no name of the caller's certificate is in client_names",
            Self::TooMany(_) => "too many calls with no or wrong credentials",
        })
    }
}

impl Error for Refused {}
