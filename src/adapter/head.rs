//! What is looked at in a request.

use std::fmt;

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
}

impl<'a> RequestHead<'a> {
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
        }
    }

    pub(super) fn parts(parts: &'a Parts) -> Self {
        let Parts { method, uri, headers, extensions, .. } = parts;
        Self { method, uri, extensions, headers, route: None, rule: None }
    }

    /// The same request, as it came under `uri`, on `route`.
    pub(super) fn at(self, uri: Option<&'a Uri>, route: Option<&'a str>) -> Self {
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
