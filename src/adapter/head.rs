//! What is looked at in a request.

use std::fmt;
use std::sync::LazyLock;

use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Request, Uri};

use super::required::Required;

/// A request without its body, as [rules](super::Rules) and [hooks](super::Gate::on_rejection) see
/// it. `Debug` shows method, path and route alone.
///
/// # Example: where a request was going
///
/// ```
/// use okta_introspect::adapter::RequestHead;
///
/// fn line(request: &RequestHead<'_>) -> String {
///     format!("{} {}", request.method(), request.place())
/// }
/// ```
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    method: &'a Method,
    uri: &'a Uri,
    extensions: &'a Extensions,
    headers: &'a HeaderMap,
    route: Option<&'a str>,
    rule: Option<&'a Required<'a>>,
    proxy: Option<&'a str>,
}

/// What other layers have found out about a request that is none of a framework's.
static NO_EXTENSIONS: LazyLock<Extensions> = LazyLock::new(Extensions::new);

impl<'a> RequestHead<'a> {
    /// A request of which these parts are known, such as one that a proxy asks about: `uri` is what
    /// the client called, of which path and query count here. For
    /// [`Gate::check_head`](super::Gate::check_head) and
    /// [`Gate::try_check`](super::Gate::try_check). Allocates nothing.
    ///
    /// # Example: a proxy asks about a request
    ///
    /// ```
    /// use http::{HeaderMap, Method, Uri};
    /// use okta_introspect::adapter::{Gate, Rejection, RequestHead};
    /// use okta_introspect::{Authorized, Requirement};
    ///
    /// async fn decide(
    ///     gate: &Gate,
    ///     (method, original, headers): (&Method, &Uri, &HeaderMap),
    ///     requirement: &Requirement,
    ///     proxy: &str,
    /// ) -> Result<Authorized, Rejection> {
    ///     let head = RequestHead::new(method, original, headers);
    ///     let head = head.at("read_orders").through(proxy);
    ///     gate.check_head(&head, requirement).await
    /// }
    /// ```
    pub fn new(method: &'a Method, uri: &'a Uri, headers: &'a HeaderMap) -> Self {
        let extensions = &*NO_EXTENSIONS;
        Self { method, uri, extensions, headers, route: None, rule: None, proxy: None }
    }

    /// The same request, on this route: what [`route`](Self::route) says, and the log.
    #[must_use]
    pub fn at(self, route: &'a str) -> Self {
        Self { route: Some(route), ..self }
    }

    /// The same request, by way of this proxy, which may ask about it again; see
    /// [`Presented::through`](crate::checker::Presented::through) for what a name has to be.
    #[must_use]
    pub fn through(self, proxy: &'a str) -> Self {
        Self { proxy: Some(proxy), ..self }
    }

    /// The method.
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The URI as it came, where the gate [knows](super::Gate::original_uri).
    pub fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// The headers, `Authorization` among them: keep them out of logs.
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// What other layers have found out about the request.
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// The route that the router has chosen, such as `/orders/{id}`, where the gate
    /// [knows](super::Gate::route) it.
    pub fn route(&self) -> Option<&'a str> {
        self.route
    }

    /// The route, or the path exactly as it came where the route is not known; never the query,
    /// which may hold anything.
    pub fn place(&self) -> &'a str {
        self.route.unwrap_or_else(|| self.uri.path())
    }

    /// What the [rules of the gate](super::Gate::rules) say; `None` refuses the request. Known in
    /// `Require::requirement` (feature `axum`) alone: a layer has rules of its own.
    pub fn rule(&self) -> Option<Required<'a>> {
        self.rule.cloned()
    }

    /// The same request, at a gate whose rules say this.
    #[cfg(feature = "axum")]
    pub(super) fn under(self, rule: Option<&'a Required<'a>>) -> Self {
        Self { rule, ..self }
    }

    pub(super) fn request<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            extensions: request.extensions(),
            headers: request.headers(),
            route: None,
            rule: None,
            proxy: None,
        }
    }

    pub(super) fn parts(parts: &'a Parts) -> Self {
        let Parts { method, uri, headers, extensions, .. } = parts;
        Self { method, uri, extensions, headers, route: None, rule: None, proxy: None }
    }

    pub(super) fn proxy(&self) -> Option<&'a str> {
        self.proxy
    }

    /// The same request, as it came under `uri`, on `route`.
    pub(super) fn as_seen(self, uri: Option<&'a Uri>, route: Option<&'a str>) -> Self {
        Self { uri: uri.unwrap_or(self.uri), route: route.or(self.route), ..self }
    }
}

impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .field("path", &self.uri.path())
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}
