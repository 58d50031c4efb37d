//! The gate: reads a request, has its token checked, and says what to answer.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{Extensions, Uri};
use url::Url;

use super::bearer::{Credentials, credentials};
use super::challenge::{Rejection, Scheme, Terms, is_plain};
use super::head::RequestHead;
use super::report::{Hook, log};
use super::required::Required;
use super::resource::ResourceMetadata;
use super::rules::Rules;
use crate::checker::{Authorized, Checker, Presented, Replay, Requirement, Verdict};
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
    /// One pointer: frameworks clone a gate for each request.
    inner: Arc<Inner>,
}

#[derive(Clone, Debug)]
struct Inner {
    checker: Checker,
    rules: Rules,
    realm: Option<String>,
    origin: Option<String>,
    resource: Option<ResourceMetadata>,
    original_uri: Find<Uri>,
    route: Find<str>,
    hook: Option<Hook>,
    problem_details: bool,
    replay: Replay,
}

/// Finds what a router says about a request.
struct Find<T: ?Sized>(fn(&Extensions) -> Option<&T>);

impl<T: ?Sized> Clone for Find<T> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<T: ?Sized> fmt::Debug for Find<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fn(&Extensions)")
    }
}

impl Gate {
    /// A gate where this checker checks.
    pub fn new(checker: Checker) -> Self {
        let inner = Inner {
            checker,
            rules: Requirement::new().into(),
            realm: None,
            origin: None,
            resource: None,
            original_uri: Find(|_| None),
            route: Find(|_| None),
            hook: None,
            problem_details: false,
            replay: Replay::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// What requests have to meet whose handlers ask for a plain `Active` (feature `axum`): one
    /// requirement, or one for each route. Default: any active token. A [layer](Self::layer) has
    /// rules of its own.
    #[must_use]
    pub fn rules(mut self, rules: impl Into<Rules>) -> Self {
        self.set().rules = rules.into();
        self
    }

    /// What challenges name as `realm`
    /// ([RFC 9110 §11.5](https://www.rfc-editor.org/rfc/rfc9110#section-11.5)). Default: none.
    /// Characters that cannot stand between quotes are left out.
    #[must_use]
    pub fn realm(mut self, realm: &str) -> Self {
        let plain = |c: &char| matches!(u8::try_from(*c), Ok(b' '..=b'~')) && is_plain(*c as u8);
        self.set().realm = Some(realm.chars().filter(plain).collect());
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
        self.set().origin = Some(parse_origin(origin)?);
        Ok(self)
    }

    /// The resource that is guarded here: every token must have been issued for it, which is its
    /// audience, whatever the requirement says, and challenges name its metadata and the scopes that
    /// are needed ([RFC 9728 §5.1](https://www.rfc-editor.org/rfc/rfc9728#section-5.1)). Default: not
    /// known.
    ///
    /// A token whose audience is the resource but for a slash at the end is refused like any other,
    /// and log, hook and challenge [say so](crate::checker::AudienceFault::TrailingSlash).
    #[must_use]
    pub fn resource(mut self, resource: ResourceMetadata) -> Self {
        let inner = self.set();
        if resource.takes_proofs() {
            inner.origin.get_or_insert_with(|| resource.origin().to_owned());
        }
        inner.resource = Some(resource);
        self
    }

    /// Whether the use of a proof counts that comes with a bound token. Default:
    /// [`Replay::Consume`].
    #[must_use]
    pub fn replay(mut self, replay: Replay) -> Self {
        self.set().replay = replay;
        self
    }

    /// Where a router keeps the URI of a request as it came, if it takes a part of it off: proofs
    /// for bound tokens name all of it. Default: the request's own URI. For a layer inside a nested
    /// router of axum's, give `okta_introspect::adapter::original_uri` (feature `axum`); the
    /// extractor looks there by itself.
    #[must_use]
    pub fn original_uri(mut self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.set().original_uri = Find(find);
        self
    }

    /// Where a router keeps the route that it has chosen: [rules](Rules) are looked up by it, and
    /// the log names it. Default: not known. For a layer inside a router of axum's, give
    /// `okta_introspect::adapter::matched_path` (feature `axum`); the extractor looks there by
    /// itself.
    #[must_use]
    pub fn route(mut self, find: fn(&Extensions) -> Option<&str>) -> Self {
        self.set().route = Find(find);
        self
    }

    /// Calls this function with every refusal, in front of its answer: for metrics and logs of
    /// one's own. It should be quick, for the answer waits; if it panics, there is none, and nobody
    /// gets in.
    ///
    /// Senders choose the path of a request, so a metric should not be named by it (nor by
    /// [`RequestHead::place`], which is the path where the route is not known): each made-up path
    /// would be a series of its own.
    ///
    /// # Example: refusals by reason and route
    ///
    /// ```
    /// use okta_introspect::adapter::Gate;
    ///
    /// fn counting(gate: Gate, count: fn(&'static str, &str)) -> Gate {
    ///     gate.on_rejection(move |rejection, request| {
    ///         count(rejection.reason(), request.route().unwrap_or("other"));
    ///     })
    /// }
    /// ```
    #[must_use]
    pub fn on_rejection(
        mut self,
        hook: impl Fn(&Rejection, &RequestHead<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.set().hook = Some(Hook::new(hook));
        self
    }

    /// Gives refusals of the extractor a body that programs can read
    /// ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)); it says nothing that the headers do
    /// not say. Default: empty bodies. For the layer see
    /// [`GateLayer::problem_details`](super::GateLayer::problem_details).
    #[must_use]
    pub fn problem_details(mut self) -> Self {
        self.set().problem_details = true;
        self
    }

    /// The checker.
    pub fn checker(&self) -> &Checker {
        &self.inner.checker
    }

    /// Checks a request. A refusal is logged and given to the [hook](Self::on_rejection).
    ///
    /// # Errors
    ///
    /// Why it is not let in, and what to answer.
    pub async fn check(
        &self,
        parts: &Parts,
        requirement: &Requirement,
    ) -> Result<Authorized, Rejection> {
        self.check_head(&RequestHead::parts(parts), requirement).await
    }

    /// As [`check`](Self::check), for a request that is not in one piece.
    ///
    /// # Errors
    ///
    /// Why it is not let in, and what to answer.
    pub async fn check_head(
        &self,
        head: &RequestHead<'_>,
        requirement: &Requirement,
    ) -> Result<Authorized, Rejection> {
        let (head, required) = (self.head(*head), requirement.into());
        let result = self.check_now_or_later(&head, Some(&required)).await;
        result.map_err(|rejection| self.refuse(rejection, &head, Some(requirement)))
    }

    /// As [`check_head`](Self::check_head), if it can be said without waiting; `None` if the server
    /// has to be asked. Such a request is not yet refused, and its proof not yet used: `check_head`
    /// goes on with it.
    ///
    /// # Errors
    ///
    /// Why it is not let in, and what to answer.
    ///
    /// # Example: who makes the server be asked
    ///
    /// ```
    /// use okta_introspect::adapter::{Gate, Rejection, RequestHead};
    /// use okta_introspect::{Authorized, Requirement};
    ///
    /// async fn check(
    ///     gate: &Gate,
    ///     head: &RequestHead<'_>,
    ///     requirement: &Requirement,
    ///     may_ask: impl FnOnce() -> bool,
    /// ) -> Option<Result<Authorized, Rejection>> {
    ///     match gate.try_check(head, requirement) {
    ///         Some(result) => Some(result),
    ///         None if may_ask() => Some(gate.check_head(head, requirement).await),
    ///         None => None, // it has asked too often: 429
    ///     }
    /// }
    /// ```
    pub fn try_check(
        &self,
        head: &RequestHead<'_>,
        requirement: &Requirement,
    ) -> Option<Result<Authorized, Rejection>> {
        let head = self.head(*head);
        let result = self.try_check_seen(&head, requirement)?;
        Some(result.map_err(|rejection| self.refuse(rejection, &head, Some(requirement))))
    }

    /// The request with what the router says about it.
    pub(super) fn head<'a>(&self, seen: RequestHead<'a>) -> RequestHead<'a> {
        let Inner { original_uri, route, .. } = &*self.inner;
        let extensions = seen.extensions();
        seen.as_seen((original_uri.0)(extensions), (route.0)(extensions))
    }

    /// What the gate's own rules say of a request.
    #[cfg(feature = "axum")]
    pub(super) fn own_rule(&self, head: &RequestHead<'_>) -> Option<Required<'_>> {
        self.inner.rules.find(head)
    }

    /// Checks a request that has to meet this, or is on no route that has a rule. What comes of
    /// it is for the caller to [refuse](Self::refuse).
    pub(super) async fn check_now_or_later(
        &self,
        head: &RequestHead<'_>,
        required: Option<&Required<'_>>,
    ) -> Result<Authorized, Rejection> {
        let Some(requirement) = required else { return Err(Rejection::no_rule()) };
        match self.try_check_seen(head, requirement) {
            Some(result) => result,
            // Boxed: it is seldom needed, and would make the future of every handler larger.
            None => Box::pin(self.check_seen(head, requirement)).await,
        }
    }

    /// Refuses a request that brings no token, or cannot be read as bringing one.
    pub(super) fn has_token(
        &self,
        head: &RequestHead<'_>,
        requirement: &Requirement,
    ) -> Result<(), Rejection> {
        match credentials(head.headers()) {
            Credentials::None => Err(Rejection::no_token(self.terms(requirement))),
            Credentials::Malformed => Err(Rejection::malformed(self.terms(requirement))),
            Credentials::Bearer(_) | Credentials::Dpop(..) => Ok(()),
        }
    }

    pub(super) async fn check_seen(
        &self,
        head: &RequestHead<'_>,
        requirement: &Requirement,
    ) -> Result<Authorized, Rejection> {
        let credentials = credentials(head.headers());
        let url = self.url(head, credentials);
        let presented = self.presented(head, credentials, url.as_deref(), requirement);
        let (presented, scheme) = presented?;
        let verdict = self.checker().check(presented, requirement).await;
        self.settle(verdict, scheme, requirement)
    }

    /// As [`check_seen`](Self::check_seen), if it can be said without waiting.
    pub(super) fn try_check_seen(
        &self,
        head: &RequestHead<'_>,
        requirement: &Requirement,
    ) -> Option<Result<Authorized, Rejection>> {
        let credentials = credentials(head.headers());
        let url = self.url(head, credentials);
        let presented = self.presented(head, credentials, url.as_deref(), requirement);
        let (presented, scheme) = match presented {
            Ok(presented) => presented,
            Err(rejection) => return Some(Err(rejection)),
        };
        let verdict = self.checker().try_check(presented, requirement)?;
        Some(self.settle(verdict, scheme, requirement))
    }

    /// Makes a refusal known, and gives it the form that this request wants.
    #[cold]
    pub(super) fn refuse(
        &self,
        rejection: Rejection,
        head: &RequestHead<'_>,
        requirement: Option<&Requirement>,
    ) -> Rejection {
        let rejection = rejection.shaped(head, self.inner.problem_details);
        log(&rejection, head, || self.issuer(head, requirement));
        if let Some(hook) = &self.inner.hook {
            hook.call(&rejection, head);
        }
        rejection
    }

    /// The issuer that was asked about the token, or would have been.
    fn issuer(&self, head: &RequestHead<'_>, requirement: Option<&Requirement>) -> Option<&str> {
        let token = credentials(head.headers()).token()?;
        self.checker().issuer_for(token, requirement?).map(|issuer| issuer.as_str())
    }

    /// The URL that the client called, where it matters. Its query tells a request that is repeated
    /// from another one.
    fn url(&self, head: &RequestHead<'_>, credentials: Credentials<'_>) -> Option<String> {
        let origin = self.inner.origin.as_ref()?;
        let is_dpop = matches!(credentials, Credentials::Dpop(_, Some(_)));
        is_dpop.then(|| match (head.uri().path(), head.uri().query()) {
            (path, Some(query)) => format!("{origin}{path}?{query}"),
            (path, None) => format!("{origin}{path}"),
        })
    }

    fn presented<'a>(
        &'a self,
        head: &RequestHead<'a>,
        credentials: Credentials<'a>,
        url: Option<&'a str>,
        requirement: &Requirement,
    ) -> Result<(Presented<'a>, Scheme), Rejection> {
        let guarded = self.inner.resource.as_ref();
        let must_be_bound = guarded.is_some_and(ResourceMetadata::demands_proofs);
        let here = |presented: Presented<'a>| match guarded {
            Some(guarded) => presented.to(guarded.resource()),
            None => presented,
        };
        match credentials {
            Credentials::None => Err(Rejection::no_token(self.terms(requirement))),
            Credentials::Malformed => Err(Rejection::malformed(self.terms(requirement))),
            Credentials::Bearer(token) => {
                let presented = Presented::bearer_where_bound(token, must_be_bound);
                Ok((here(presented), Scheme::Bearer))
            }
            Credentials::Dpop(token, proof) => {
                // Without a URL to compare with no proof is good.
                let (proof, url) = proof.zip(url).unwrap_or_default();
                let presented = Presented::dpop(token, proof, head.method().as_str(), url)
                    .replay(self.inner.replay);
                let presented = match head.proxy() {
                    Some(proxy) => presented.through(proxy),
                    None => presented,
                };
                Ok((here(presented), Scheme::Dpop))
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
        let Inner { realm, origin, resource, .. } = &*self.inner;
        let (realm, resource) = (realm.as_deref(), resource.as_ref());
        Terms { realm, dpop: origin.is_some(), resource, requirement }
    }

    fn set(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.inner)
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
