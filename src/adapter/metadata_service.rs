//! Serves the metadata of a resource.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::task::{Context, Poll};

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tower_service::Service;

use super::resource::ResourceMetadata;

/// Serves the metadata of a resource to everybody: `GET` and `HEAD` under its
/// [path](ResourceMetadata::path), with a slash at the end or without one; 404 elsewhere. Must not
/// stand behind the gate, since clients have no token yet when they ask.
///
/// Pages of other origins may read it (`Access-Control-Allow-Origin: *`): clients that run in a
/// browser start here, and the document is public. They send `MCP-Protocol-Version` with it, which
/// makes the browser ask first; so its preflights are answered. Caches may keep it for five minutes.
///
/// # Example: in hyper, beside a guarded service
///
/// ```
/// use http::Response;
/// use okta_introspect::adapter::{MetadataService, ResourceMetadata};
/// use tower_service::Service as _;
///
/// async fn answer(resource: &ResourceMetadata, request: http::Request<()>) -> Response<String> {
///     let mut metadata: MetadataService<String> = resource.service();
///     match metadata.call(request).await {
///         Ok(response) => response,
///         Err(never) => match never {},
///     }
/// }
/// ```
pub struct MetadataService<B> {
    resource: ResourceMetadata,
    body: PhantomData<fn() -> B>,
}

impl ResourceMetadata {
    /// A service that serves the document, with bodies of the type `B`.
    pub fn service<B: From<String>>(&self) -> MetadataService<B> {
        MetadataService { resource: self.clone(), body: PhantomData }
    }

    /// Routes that serve the document. Merge them into the outermost router, after the layers that
    /// guard the others: the path is that of the whole URL.
    ///
    /// # Example
    ///
    /// ```
    /// use axum::Router;
    /// use axum::routing::post;
    /// use okta_introspect::Requirement;
    /// use okta_introspect::adapter::{Gate, McpRules, ResourceMetadata};
    ///
    /// fn server(gate: Gate, resource: &ResourceMetadata) -> Router {
    ///     let rules = McpRules::new(Requirement::new().scope("orders.read"));
    ///     let guarded = Router::new().route("/mcp", post(async || "…")).layer(gate.mcp_layer(rules));
    ///     guarded.merge(resource.router())
    /// }
    /// ```
    #[cfg(feature = "axum")]
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S> {
        // Paths are taken as they are: a segment may begin with a colon.
        let router = axum::Router::new().without_v07_checks();
        let service = || self.service::<axum::body::Body>();
        let (path, other) = (self.path(), self.other_path());
        router.route_service(path, service()).route_service(&other, service())
    }

    /// The path with a slash at the end if it has none, and without it if it has one: clients differ.
    fn other_path(&self) -> String {
        let path = self.path();
        path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned)
    }

    fn answer<B: From<String>>(&self, method: &Method, path: &str) -> Response<B> {
        if path != self.path() && path != self.other_path() {
            return respond(StatusCode::NOT_FOUND, String::new());
        }
        match *method {
            Method::GET => self.document(self.to_json().to_owned()),
            Method::HEAD => self.document(String::new()),
            Method::OPTIONS => preflight(),
            _ => {
                let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, String::new());
                response.headers_mut().insert(ALLOW, METHODS);
                response
            }
        }
    }

    fn document<B: From<String>>(&self, body: String) -> Response<B> {
        let mut response = respond(StatusCode::OK, body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, self.to_json().len().into());
        headers.insert(CACHE_CONTROL, CACHED);
        response
    }
}

/// What a browser wants to know before it sends headers of the client's own.
fn preflight<B: From<String>>() -> Response<B> {
    let mut response = respond(StatusCode::NO_CONTENT, String::new());
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

fn respond<B: From<String>>(status: StatusCode, body: String) -> Response<B> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Short, so that a corrected identifier reaches clients soon.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");

impl<B, R: From<String>> Service<Request<B>> for MetadataService<R> {
    type Response = Response<R>;
    type Error = Infallible;
    type Future = Ready<Result<Response<R>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.resource.answer(request.method(), request.uri().path())))
    }
}

impl<B> Clone for MetadataService<B> {
    fn clone(&self) -> Self {
        Self { resource: self.resource.clone(), body: PhantomData }
    }
}

impl<B> fmt::Debug for MetadataService<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetadataService").field("resource", &self.resource).finish_non_exhaustive()
    }
}
