//! The gate: reads a request, has its token checked, and says what to answer.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Request, Uri};
use url::Url;

use super::bearer::{Credentials, credentials};
use super::challenge::{Rejection, Scheme, Terms, is_plain};
use crate::checker::{Authorized, Checker, Presented, Requirement, Verdict};
use crate::error::Error;

/// Where requests are checked: a checker, and what it must know about this service. Cheap to
/// clone.
///
/// # Example: a gate that takes bound tokens
///
/// ```
/// use okta_introspect::adapter::Gate;
/// use okta_introspect::{Checker, Error};
///
/// fn gate(checker: Checker) -> Result<Gate, Error> {
///     Gate::new(checker).realm("orders").origin("https://api.acme.example")
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Gate {
    checker: Checker,
    realm: Option<Arc<str>>,
    origin: Option<Arc<str>>,
    original_uri: OriginalUri,
}

/// Finds the URI of a request as it came, where a router has taken a part of it off.
#[derive(Clone, Copy)]
struct OriginalUri(fn(&Extensions) -> Option<&Uri>);

impl fmt::Debug for OriginalUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fn(&Extensions) -> Option<&Uri>")
    }
}

/// What a gate looks at in a request.
pub(super) struct Seen<'a> {
    method: &'a Method,
    uri: &'a Uri,
    extensions: &'a Extensions,
    headers: &'a HeaderMap,
}

impl<'a> Seen<'a> {
    pub(super) fn request<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            extensions: request.extensions(),
            headers: request.headers(),
        }
    }

    pub(super) fn parts(parts: &'a Parts) -> Self {
        let Parts { method, uri, headers, extensions, .. } = parts;
        Self { method, uri, extensions, headers }
    }

    /// The same request, as it came under `uri`.
    pub(super) fn came_as(self, uri: Option<&'a Uri>) -> Self {
        Self { uri: uri.unwrap_or(self.uri), ..self }
    }
}

impl Gate {
    /// A gate where this checker checks.
    pub fn new(checker: Checker) -> Self {
        Self { checker, realm: None, origin: None, original_uri: OriginalUri(|_| None) }
    }

    /// What challenges name as `realm`
    /// ([RFC 9110 §11.5](https://www.rfc-editor.org/rfc/rfc9110#section-11.5)). Default: none.
    /// Characters that cannot stand between quotes are left out.
    #[must_use]
    pub fn realm(mut self, realm: &str) -> Self {
        let plain = |c: &char| matches!(u8::try_from(*c), Ok(b' '..=b'~')) && is_plain(*c as u8);
        self.realm = Some(realm.chars().filter(plain).collect::<String>().into());
        self
    }

    /// Scheme, host and port under which clients call this service, such as
    /// `https://api.acme.example`, with a path if a proxy takes one off: what proofs for bound
    /// tokens are compared with. Default: not known, and nobody gets in with a bound token. It
    /// cannot be taken from the request, since senders write what they like into it: a proof for
    /// another service could be used here.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if it is not an http or https URL with a
    /// host, or has user information, a query or a fragment.
    pub fn origin(mut self, origin: &str) -> Result<Self, Error> {
        self.origin = Some(parse_origin(origin)?.into());
        Ok(self)
    }

    /// Where a router keeps the URI of a request as it came, if it takes a part of it off: proofs
    /// for bound tokens name all of it. Default: the request's own URI. For a layer inside a nested
    /// router of axum's, give `okta_introspect::adapter::original_uri` (feature `axum`); the
    /// extractor looks there by itself.
    #[must_use]
    pub fn original_uri(mut self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.original_uri = OriginalUri(find);
        self
    }

    /// The checker.
    pub fn checker(&self) -> &Checker {
        &self.checker
    }

    /// Checks a request.
    ///
    /// # Errors
    ///
    /// Why it is not let in, and what to answer.
    pub async fn check(
        &self,
        parts: &Parts,
        requirement: &Requirement,
    ) -> Result<Authorized, Rejection> {
        self.check_now_or_later(Seen::parts(parts), requirement).await
    }

    pub(super) async fn check_now_or_later(
        &self,
        seen: Seen<'_>,
        requirement: &Requirement,
    ) -> Result<Authorized, Rejection> {
        match self.try_check(&seen, requirement) {
            Some(result) => result,
            // Boxed: it is seldom needed, and would make the future of every handler larger.
            None => Box::pin(self.check_seen(&seen, requirement)).await,
        }
    }

    pub(super) async fn check_seen(
        &self,
        seen: &Seen<'_>,
        requirement: &Requirement,
    ) -> Result<Authorized, Rejection> {
        let credentials = credentials(seen.headers);
        let url = self.url(seen, credentials);
        let presented = self.presented(seen, credentials, url.as_deref(), requirement);
        let (presented, scheme) = presented?;
        let verdict = self.checker.check(presented, requirement).await;
        self.settle(verdict, scheme, requirement)
    }

    /// As [`check_seen`](Self::check_seen), if it can be said without waiting.
    pub(super) fn try_check(
        &self,
        seen: &Seen<'_>,
        requirement: &Requirement,
    ) -> Option<Result<Authorized, Rejection>> {
        let credentials = credentials(seen.headers);
        let url = self.url(seen, credentials);
        let presented = self.presented(seen, credentials, url.as_deref(), requirement);
        let (presented, scheme) = match presented {
            Ok(presented) => presented,
            Err(rejection) => return Some(Err(rejection)),
        };
        let verdict = self.checker.try_check(presented, requirement)?;
        Some(self.settle(verdict, scheme, requirement))
    }

    /// The URL that the client called, where it matters.
    fn url(&self, seen: &Seen<'_>, credentials: Credentials<'_>) -> Option<String> {
        let origin = self.origin.as_ref()?;
        let is_dpop = matches!(credentials, Credentials::Dpop(_, Some(_)));
        let uri = || (self.original_uri.0)(seen.extensions).unwrap_or(seen.uri);
        is_dpop.then(|| format!("{origin}{}", uri().path()))
    }

    fn presented<'a>(
        &self,
        seen: &Seen<'a>,
        credentials: Credentials<'a>,
        url: Option<&'a str>,
        requirement: &Requirement,
    ) -> Result<(Presented<'a>, Scheme), Rejection> {
        match credentials {
            Credentials::None => Err(Rejection::no_token(self.terms(requirement))),
            Credentials::Malformed => Err(Rejection::malformed(self.terms(requirement))),
            Credentials::Bearer(token) => Ok((Presented::bearer(token), Scheme::Bearer)),
            Credentials::Dpop(token, proof) => {
                // Without a URL to compare with no proof is good.
                let (proof, url) = proof.zip(url).unwrap_or_default();
                let presented = Presented::dpop(token, proof, seen.method.as_str(), url);
                Ok((presented, Scheme::Dpop))
            }
        }
    }

    fn settle(
        &self,
        verdict: Result<Verdict, Error>,
        scheme: Scheme,
        requirement: &Requirement,
    ) -> Result<Authorized, Rejection> {
        match verdict {
            Ok(Verdict::Authorized(authorized)) => Ok(authorized),
            Ok(Verdict::Denied(denied)) => {
                Err(Rejection::denied(denied, scheme, self.terms(requirement)))
            }
            Err(error) => Err(Rejection::unknown(error)),
        }
    }

    fn terms<'a>(&'a self, requirement: &'a Requirement) -> Terms<'a> {
        Terms { realm: self.realm.as_deref(), dpop: self.origin.is_some(), requirement }
    }
}

/// An origin, with the path that a proxy takes off, without a slash at its end.
fn parse_origin(text: &str) -> Result<String, Error> {
    let refused = |what: &str| {
        Error::configuration(format!("the origin of this service {what}"))
            .advise("give scheme, host and port, such as https://api.acme.example")
    };
    let url = Url::parse(text).map_err(|_| refused("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(refused("is not an http or https URL with a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("has user information"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused("has a query or a fragment"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_url_with_a_host_and_nothing_after_its_path() {
        for (text, origin) in [
            ("https://api.acme.example", "https://api.acme.example"),
            ("https://API.acme.example:443/", "https://api.acme.example"),
            ("http://127.0.0.1:8080/orders/", "http://127.0.0.1:8080/orders"),
        ] {
            assert_eq!(parse_origin(text).unwrap(), origin);
        }
        for text in [
            "",
            "localhost:8080",
            "api.acme.example",
            "/orders",
            "ftp://api.acme.example",
            "data:text/plain,x",
            "https://ada:secret@api.acme.example",
            "https://api.acme.example?x=1",
            "https://api.acme.example#top",
        ] {
            let error = parse_origin(text).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{text}: {error}");
        }
    }
}
