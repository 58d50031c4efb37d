//! Which request a proxy asks about.

use std::fmt;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::uri::Scheme;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method};

use super::generated::authorization::{AttributeContext, Entry, HttpRequest, RawHeaders};
use super::unread::Unread;

/// A request that a proxy asks about, all of it from the attributes of one call of `Check`.
#[non_exhaustive]
pub struct Question<'a> {
    /// The request's method.
    pub method: Method,
    /// `http` or `https`, if the proxy says so.
    pub scheme: Option<Scheme>,
    /// The request's `Host` or `:authority`, as it came; empty if it had none.
    pub host: &'a str,
    /// The request's path and query, as they came; begins with `/`.
    pub target: &'a str,
    /// The request's headers. Without `encode_raw_headers` the proxy joins those of
    /// one name; two `Authorization` headers are never among them.
    pub headers: HeaderMap,
    /// The rule that the proxy's route names by the extension `okta-introspect-rule` of its context, in
    /// place of the rule for the path. If there is no such rule, the proxy is set up for a configuration
    /// that is not ours, and the request has to be denied.
    pub rule: Option<&'a str>,
    /// Which client the proxy has authenticated by its certificate, in the proxy's words. It is the
    /// client of the proxy, not the proxy itself, which the call tells.
    pub principal: Option<&'a str>,
    /// What is known of the call itself: who called, for instance.
    pub call: &'a Extensions,
    /// The headers of the call itself (`initial_metadata`), by which the proxy may show who it is. Those
    /// of the request would be the client's word.
    pub metadata: &'a HeaderMap,
}

/// The extension of a route's context by which a proxy names a rule.
pub(super) const RULE: &str = "okta-introspect-rule";

impl<'a> Question<'a> {
    /// Reads what a proxy says of a request.
    pub(super) fn read(
        attributes: &'a AttributeContext,
        http: &'a HttpRequest,
        call: &'a Extensions,
        metadata: &'a HeaderMap,
    ) -> Result<Self, Unread> {
        let principal = attributes.source.as_ref().and_then(|source| text(&source.principal));
        Ok(Self {
            method: Method::from_bytes(&http.method).map_err(|_| Unread::Method)?,
            scheme: scheme(&http.scheme),
            host: text(&http.host).ok_or(Unread::Host)?,
            // CVE-2026-33186: what has no slash in front matches no rule for a path, and a server
            // behind may add one.
            target: text(&http.path).filter(|path| path.starts_with('/')).ok_or(Unread::Target)?,
            headers: headers(http)?,
            rule: rule(&attributes.context_extensions)?,
            principal: principal.filter(|principal| !principal.is_empty()),
            call,
            metadata,
        })
    }
}

/// Never shows a header or the query.
impl fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or_default();
        f.debug_struct("Question")
            .field("method", &self.method)
            .field("host", &self.host)
            .field("path", &path)
            .field("rule", &self.rule)
            .finish_non_exhaustive()
    }
}

fn text(bytes: &Bytes) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn scheme(bytes: &Bytes) -> Option<Scheme> {
    match &bytes[..] {
        b"https" => Some(Scheme::HTTPS),
        b"http" => Some(Scheme::HTTP),
        _ => None,
    }
}

fn rule(context: &[Entry]) -> Result<Option<&str>, Unread> {
    // As in any map of protobuf, the last of two entries counts.
    let entry = context.iter().rev().find(|entry| entry.key == RULE.as_bytes());
    entry.map(|entry| text(&entry.value).ok_or(Unread::Rule)).transpose()
}

/// The headers from the one source that the proxy has chosen, without the pseudo-headers.
fn headers(http: &HttpRequest) -> Result<HeaderMap, Unread> {
    let found = match &http.header_map {
        Some(raw) => raw_headers(raw)?,
        None => map(http.headers.iter().map(|entry| (&entry.key, &entry.value)))?,
    };
    let mut tokens = found.get_all(AUTHORIZATION).iter();
    // Envoy joins two headers of this name as it reads them, and so in its raw headers too.
    let is_list = |value: &HeaderValue| value.as_bytes().contains(&b',');
    match (tokens.next(), tokens.next()) {
        (Some(value), None) if is_list(value) => Err(Unread::Tokens),
        (_, Some(_)) => Err(Unread::Tokens),
        _ => Ok(found),
    }
}

fn raw_headers(raw: &RawHeaders) -> Result<HeaderMap, Unread> {
    map(raw.headers.iter().map(|header| {
        let value = if header.raw_value.is_empty() { &header.value } else { &header.raw_value };
        (&header.key, value)
    }))
}

fn map<'a>(
    entries: impl ExactSizeIterator<Item = (&'a Bytes, &'a Bytes)>,
) -> Result<HeaderMap, Unread> {
    if entries.len() > MAX_HEADERS {
        return Err(Unread::Headers);
    }
    let mut headers = HeaderMap::with_capacity(entries.len());
    for (key, value) in entries {
        if key.starts_with(b":") {
            continue;
        }
        let name = HeaderName::from_bytes(key).map_err(|_| Unread::Header)?;
        // Shares the bytes of the message.
        let value = HeaderValue::from_maybe_shared(value.clone()).map_err(|_| Unread::Header)?;
        headers.try_append(name, value).map_err(|_| Unread::Headers)?;
    }
    Ok(headers)
}

/// The most headers that a request may have. Envoy's own default is 100; room is left for what it adds.
pub(super) const MAX_HEADERS: usize = 256;
