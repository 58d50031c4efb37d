//! What an original request may be made of.

use std::borrow::Cow;

use http::Method;
use http::uri::Scheme;

use super::unread::Malformed;
use crate::path::PathPolicy;

/// The longest method, in bytes. The longest registered one has 17 (`UPDATEREDIRECTREF`).
pub const MAX_METHOD: usize = 32;

/// The longest segment of a path that is written to a log, in bytes.
const MAX_SHOWN: usize = 64;

/// The request of a client that a proxy asks about. Every value has been checked, and none says more
/// than the proxy knows: whether the host is one of ours, [`Origins`](super::Origins) tells.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::Original;
///
/// let original = Original::new(b"GET", None, "API.acme.example", "/orders?page=2").unwrap();
/// assert_eq!(original.host, "api.acme.example");
/// assert!(Original::new(b"GET", None, "api.acme.example/orders?", "/").is_err());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Original<'a> {
    /// The client's method.
    pub method: Method,
    /// `http` or `https`, where the proxy says it.
    pub scheme: Option<Scheme>,
    /// Host in small letters, and the port if the client named one.
    pub host: Cow<'a, str>,
    /// Raw path and query; begins with a slash.
    pub target: Cow<'a, str>,
}

impl<'a> Original<'a> {
    /// Checks what stands in a source, such as the attributes of Envoy's gRPC.
    ///
    /// # Errors
    ///
    /// - [`Malformed::Host`] unless it matches `^[a-z0-9.-]+(:\d+)?$` in small letters, so neither a
    ///   path nor a list nor an IPv6 address.
    /// - [`Malformed::Method`] unless it is a token
    ///   ([RFC 9110 §9.1](https://www.rfc-editor.org/rfc/rfc9110#section-9.1)) without small letters
    ///   of at most [`MAX_METHOD`] bytes: `get` would meet the rules of no method while servers take
    ///   it for `GET`. `CONNECT` is refused as well: a tunnel has no path, though Caddy tells of `/`.
    /// - [`Malformed::Target`] unless it begins with a slash and is visible ASCII without `#`. So `*`
    ///   (`OPTIONS *`), absolute URLs and CONNECT's `host:port` are refused: no rule can be for them.
    pub fn new(
        method: &[u8],
        scheme: Option<Scheme>,
        host: &'a str,
        target: &'a str,
    ) -> Result<Self, Malformed> {
        Ok(Self {
            host: checked_host(host)?,
            method: checked_method(method)?,
            target: Cow::Borrowed(checked_target(target)?),
            scheme,
        })
    }

    /// The raw path, without the query.
    pub fn path(&self) -> &str {
        PathPolicy::split(&self.target).0
    }

    /// The path for a log: a segment that may be a token, since it is longer than names of things
    /// are or has the parts of a JWT, is masked.
    pub(crate) fn shown_path(&self) -> Cow<'_, str> {
        let may_be_token = |segment: &str| {
            segment.len() > MAX_SHOWN || segment.starts_with("eyJ") && segment.contains('.')
        };
        let path = self.path();
        if !path.split('/').any(may_be_token) {
            return Cow::Borrowed(path);
        }
        let shown = path.split('/').map(|segment| match may_be_token(segment) {
            true => "[masked]",
            false => segment,
        });
        Cow::Owned(shown.collect::<Vec<_>>().join("/"))
    }
}

/// The host in small letters. Nothing may be joined with it before.
pub(crate) fn checked_host(host: &str) -> Result<Cow<'_, str>, Malformed> {
    let (name, port) = host.split_once(':').unwrap_or((host, "0"));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if name.is_empty() || !name.bytes().all(is_name) || !is_port {
        return Err(Malformed::Host);
    }
    Ok(match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(host.to_ascii_lowercase()),
        false => Cow::Borrowed(host),
    })
}

fn checked_method(method: &[u8]) -> Result<Method, Malformed> {
    if method.len() > MAX_METHOD || method.iter().any(u8::is_ascii_lowercase) {
        return Err(Malformed::Method);
    }
    match Method::from_bytes(method) {
        Ok(Method::CONNECT) | Err(_) => Err(Malformed::Method),
        Ok(method) => Ok(method),
    }
}

fn checked_target(target: &str) -> Result<&str, Malformed> {
    // All of it, without stopping early: so the compiler can look at many bytes at once.
    let plain =
        target.bytes().fold(true, |plain, byte| plain & byte.is_ascii_graphic() & (byte != b'#'));
    match plain && target.starts_with('/') {
        true => Ok(target),
        false => Err(Malformed::Target),
    }
}
