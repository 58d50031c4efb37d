//! Why the original request cannot be told.

use std::error::Error;
use std::fmt;

use http::StatusCode;

use super::mode::Mode;

/// Why the original request cannot be told: the proxy did not say it, or the client sent what no rule
/// can be for. Quotes nothing of the request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Unread {
    /// The proxy did not say it. Not to be logged each time: every request will be like this one.
    Misconfigured(Misconfigured),
    /// The client's request is one that is never let in.
    Malformed(Malformed),
}

impl Unread {
    /// 500 for a proxy that does not say what it must, and 400 for a client's request that cannot be
    /// read in one way only.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Misconfigured(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// A stable word for logs and metrics, one of [`Misconfigured::NAMES`] or [`Malformed::NAMES`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Misconfigured(fault) => fault.as_str(),
            Self::Malformed(fault) => fault.as_str(),
        }
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misconfigured(fault) => fault.fmt(f),
            Self::Malformed(fault) => fault.fmt(f),
        }
    }
}

impl Error for Unread {}

impl From<Misconfigured> for Unread {
    fn from(fault: Misconfigured) -> Self {
        Self::Misconfigured(fault)
    }
}

impl From<Malformed> for Unread {
    fn from(fault: Malformed) -> Self {
        Self::Malformed(fault)
    }
}

/// What the proxy does not do as it must. The text names the header and the cure.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Misconfigured {
    /// A header that this mode needs is not there.
    Missing(Mode, &'static str),
    /// A header came twice, or as a list: the proxy added to what the client sent.
    Doubled(Mode, &'static str),
    /// A header says something else than it must: no `http` or `https`, or no URL.
    Unusable(Mode, &'static str),
    /// The path does not begin with the listener's `path_prefix`.
    OutsidePrefix,
}

impl Misconfigured {
    /// All words of [`as_str`](Self::as_str).
    pub const NAMES: [&'static str; 4] =
        ["missing_header", "doubled_header", "unusable_header", "outside_prefix"];

    /// A stable word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing(..) => Self::NAMES[0],
            Self::Doubled(..) => Self::NAMES[1],
            Self::Unusable(..) => Self::NAMES[2],
            Self::OutsidePrefix => Self::NAMES[3],
        }
    }
}

impl fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(mode, name) => {
                write!(f, "the header {name} is missing; let the proxy set it on every request")?;
                see(f, *mode)
            }
            Self::Doubled(mode, name) => {
                write!(
                    f,
                    "the header {name} came more than once; let the proxy replace the client's"
                )?;
                see(f, *mode)
            }
            Self::Unusable(mode, name) => {
                let expected = match *name {
                    "x-original-url" => "a URL of http or https",
                    _ => "http or https",
                };
                write!(f, "the header {name} is not {expected}; let the proxy set it")?;
                see(f, *mode)
            }
            Self::OutsidePrefix => f.write_str(
                "the path does not begin with path_prefix; write the same prefix here and in the \
                 http_service of Envoy's ext_authz",
            ),
        }
    }
}

impl Error for Misconfigured {}

fn see(f: &mut fmt::Formatter<'_>, mode: Mode) -> fmt::Result {
    write!(f, " (mode {mode}; `okta-introspect serve snippet {mode}` prints how)")
}

/// What is wrong with the client's request, whichever proxy brings it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Malformed {
    /// The host is not `[a-z0-9.-]+` with at most a port after it: a path, user information, a list
    /// or an IPv6 address.
    Host,
    /// `Host` and the authority of the request line or of HTTP/2 differ.
    TwoHosts,
    /// The method is no token, is too long, has small letters, or is `CONNECT`.
    Method,
    /// The target does not begin with a slash (`*`, an absolute URL, a bare path), has a fragment or
    /// has characters that no URL has.
    Target,
}

impl Malformed {
    /// All words of [`as_str`](Self::as_str).
    pub const NAMES: [&'static str; 4] = ["bad_host", "two_hosts", "bad_method", "bad_target"];

    /// A stable word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => Self::NAMES[0],
            Self::TwoHosts => Self::NAMES[1],
            Self::Method => Self::NAMES[2],
            Self::Target => Self::NAMES[3],
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "the host is not a name or an IPv4 address with at most a port after it",
            Self::TwoHosts => "the request names two different hosts",
            Self::Method => "the method is not a word of capital letters, or is CONNECT",
            Self::Target => "the target is not a path that begins with a slash",
        })
    }
}

impl Error for Malformed {}
