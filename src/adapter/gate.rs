//! The gate: reads a request, has its token checked, and says what to answer.

use std::sync::Arc;

use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Request, Uri};

use super::bearer::{Credentials, credentials};
use super::challenge::{Rejection, Scheme, Terms, is_plain};
use super::layer::GateLayer;
use crate::checker::{Authorized, Checker, Presented, Requirement, Verdict};
use crate::error::Error;

/// Where requests are checked: a checker, and what it must know about this service. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub struct Gate {
    checker: Checker,
    realm: Option<Arc<str>>,
    origin: Option<Arc<str>>,
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

    /// The path that the client called.
    fn path(&self) -> &'a str {
        original_uri(self.extensions).unwrap_or(self.uri).path()
    }
}

/// The URI as it came: a nested router of axum's takes the front off.
#[cfg(feature = "axum")]
fn original_uri(extensions: &Extensions) -> Option<&Uri> {
    extensions.get::<axum::extract::OriginalUri>().map(|original| &original.0)
}

#[cfg(not(feature = "axum"))]
fn original_uri(_: &Extensions) -> Option<&Uri> {
    None
}

impl Gate {
    /// A gate where this checker checks.
    pub fn new(checker: Checker) -> Self {
        Self { checker, realm: None, origin: None }
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
    /// `https://api.acme.example`, with a path if a proxy takes one off: what proofs for bound tokens are compared with. Default: not
    /// known, and nobody gets in with a bound token. It cannot be taken from the request, since
    /// senders write what they like into it: a proof for another service could be used here.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        self.origin = Some(origin.trim_end_matches('/').into());
        self
    }

    /// A layer that lets in what meets the requirement.
    pub fn layer(&self, requirement: Requirement) -> GateLayer {
        GateLayer::new(self.clone(), requirement)
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
        let seen = Seen::parts(parts);
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
        is_dpop.then(|| format!("{origin}{}", seen.path()))
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
