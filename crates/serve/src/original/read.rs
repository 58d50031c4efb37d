//! Reads the original request from the one source of each mode.

use http::header::HOST;
use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName};

use super::checks::Original;
use super::mode::Mode;
use super::unread::{Malformed, Misconfigured, Unread};

const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
const METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

impl Mode {
    /// Reads the original request. `prefix` is the listener's `path_prefix`, without a slash at its
    /// end; it matters in mode `envoy` alone. Only a sender that is
    /// [trusted](super::TrustedPeers) may be believed.
    ///
    /// # Errors
    ///
    /// - [`Unread::Misconfigured`] if the proxy does not say what this mode needs, once each.
    /// - [`Unread::Malformed`] if it is a request that no rule can be for, see [`Original::new`].
    pub fn read<'a>(self, parts: &'a Parts, prefix: &str) -> Result<Original<'a>, Unread> {
        match self {
            Self::Nginx => original_url(self, &parts.headers),
            Self::Caddy | Self::Traefik | Self::Haproxy => forwarded(self, &parts.headers),
            Self::Envoy => after_prefix(self, parts, prefix),
        }
    }
}

fn original_url(mode: Mode, headers: &HeaderMap) -> Result<Original<'_>, Unread> {
    let method = word(mode, headers, &ORIGINAL_METHOD)?;
    let url = sole(mode, headers, &ORIGINAL_URL)?;
    let url = std::str::from_utf8(url).map_err(|_| Malformed::Target)?;
    let unusable = Misconfigured::Unusable(mode, "x-original-url");
    let (scheme, rest) = url.split_once("://").ok_or(unusable)?;
    let scheme = scheme_named(scheme).ok_or(unusable)?;
    let end = rest.find('/').unwrap_or(rest.len());
    let (host, target) = rest.split_at(end);
    Ok(Original::new(method, Some(scheme), host, target)?)
}

fn forwarded(mode: Mode, headers: &HeaderMap) -> Result<Original<'_>, Unread> {
    let method = word(mode, headers, &METHOD)?;
    let scheme = text(word(mode, headers, &PROTO)?, Malformed::Host)?;
    let scheme = scheme_named(scheme).ok_or(Misconfigured::Unusable(mode, "x-forwarded-proto"))?;
    let host = text(word(mode, headers, &FORWARDED_HOST)?, Malformed::Host)?;
    let target = text(sole(mode, headers, &URI)?, Malformed::Target)?;
    Ok(Original::new(method, Some(scheme), host, target)?)
}

fn after_prefix<'a>(mode: Mode, parts: &'a Parts, prefix: &str) -> Result<Original<'a>, Unread> {
    let host = host(mode, parts)?;
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let target = target.strip_prefix(prefix).ok_or(Misconfigured::OutsidePrefix)?;
    Ok(Original::new(parts.method.as_str().as_bytes(), None, host, target)?)
}

/// `:authority`, or the host of an absolute request target, or `Host`. Where there are two they must
/// be the same ([RFC 9113 §8.3.1](https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1)).
fn host(mode: Mode, parts: &Parts) -> Result<&str, Unread> {
    let Some(authority) = parts.uri.authority() else {
        return text(sole(mode, &parts.headers, &HOST)?, Malformed::Host);
    };
    let same = |host: &[u8]| host.eq_ignore_ascii_case(authority.as_str().as_bytes());
    match parts.headers.get_all(HOST).iter().all(|host| same(host.as_bytes())) {
        true => Ok(authority.as_str()),
        false => Err(Malformed::TwoHosts.into()),
    }
}

/// WebSockets are `ws` and `wss` with some proxies; they begin as requests of HTTP.
fn scheme_named(name: &str) -> Option<Scheme> {
    match name {
        "https" | "wss" => Some(Scheme::HTTPS),
        "http" | "ws" => Some(Scheme::HTTP),
        _ => None,
    }
}

/// The value of a header of which there must be one. An empty one is not missing: it is what proxies
/// make of a request without a host, or of `*`, and so is the client's doing.
fn sole<'a>(mode: Mode, headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a [u8], Unread> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value.as_bytes()),
        (None, _) => Err(Misconfigured::Missing(mode, own_name(mode, name)).into()),
        (_, Some(_)) => Err(Misconfigured::Doubled(mode, own_name(mode, name)).into()),
    }
}

/// As [`sole`], where a comma would make a list of it.
fn word<'a>(mode: Mode, headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a [u8], Unread> {
    let value = sole(mode, headers, name)?;
    match value.contains(&b',') {
        true => Err(Misconfigured::Doubled(mode, own_name(mode, name)).into()),
        false => Ok(value),
    }
}

/// The name as a text that lives as long as the program.
fn own_name(mode: Mode, name: &HeaderName) -> &'static str {
    mode.headers().iter().find(|own| name == **own).copied().unwrap_or("host")
}

fn text(value: &[u8], otherwise: Malformed) -> Result<&str, Unread> {
    std::str::from_utf8(value).map_err(|_| otherwise.into())
}
