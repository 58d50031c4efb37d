//! The listener for those who run the sidecar: health, readiness and metrics.

mod readiness;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

pub use readiness::Readiness;

use crate::metrics::Outcome;

/// Where it listens unless something else is configured: loopback only, since metrics tell much
/// about a service.
pub const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

/// Where the public keys of the identity token are, here and on the listeners.
pub(crate) const JWKS: &str = "/.well-known/jwks.json";

/// Answers `GET` and `HEAD` of four paths.
///
/// - `/healthz`: 200 as long as the process answers at all.
/// - `/readyz`: 200 if requests should be sent here, otherwise 503 and [the
///   obstacle](Readiness::obstacle) as text.
/// - `/metrics`: the registry in the text format of
///   [OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/), which Prometheus reads.
/// - `/.well-known/jwks.json`: the [public keys](Self::jwks), for services that no proxy brings to a listener.
///
/// # Example
///
/// ```
/// use http::Request;
/// use okta_introspect_serve::management::{Management, Readiness};
/// use prometheus_client::registry::Registry;
///
/// let management = Management::new(Readiness::new(), Registry::default());
/// let status = |path| management.answer(&Request::get(path).body(()).unwrap()).status();
/// assert_eq!(status("/healthz"), 200);
/// assert_eq!(status("/readyz"), 503);
/// assert_eq!(status("/"), 404);
/// ```
pub struct Management {
    readiness: Readiness,
    registry: Registry,
    jwks: Option<Jwks>,
}

/// Gives the keys of the moment.
type Jwks = Box<dyn Fn() -> Bytes + Send + Sync>;

impl Management {
    /// Answers from these two.
    pub fn new(readiness: Readiness, registry: Registry) -> Self {
        Self { readiness, registry, jwks: None }
    }

    /// The public keys of the identity token as a JWK Set
    /// ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)), asked for at each request.
    /// Default: none, and 404.
    #[must_use]
    pub fn jwks(mut self, jwks: impl Fn() -> Bytes + Send + Sync + 'static) -> Self {
        self.jwks = Some(Box::new(jwks));
        self
    }

    /// The answer to a request. Its body is not looked at.
    pub fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !matches!(path, "/healthz" | "/readyz" | "/metrics" | JWKS) {
            return text(StatusCode::NOT_FOUND, "not found\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.ready(),
            JWKS => self.keys(),
            _ => self.metrics(),
        }
    }

    fn ready(&self) -> Response<Full<Bytes>> {
        match self.readiness.obstacle() {
            None => text(StatusCode::OK, "ready\n"),
            Some(obstacle) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{obstacle}\n")),
        }
    }

    fn keys(&self) -> Response<Full<Bytes>> {
        let Some(jwks) = &self.jwks else { return text(StatusCode::NOT_FOUND, "not found\n") };
        let mut response = text(StatusCode::OK, jwks());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
        response
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let mut metrics = String::new();
        if encode(&mut metrics, &self.registry).is_err() {
            return text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n");
        }
        let mut response = text(StatusCode::OK, metrics);
        let of_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(of_metrics));
        response
    }
}

impl fmt::Debug for Management {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Management").field("readiness", &self.readiness).finish_non_exhaustive()
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(Outcome::Other);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use http_body_util::BodyExt;

    fn management() -> (Management, Readiness) {
        let (readiness, mut registry) = (Readiness::new(), Registry::default());
        registry.register_collector(Box::new(Metrics::new([])));
        (Management::new(readiness.clone(), registry), readiness)
    }

    fn status(management: &Management, method: &str, target: &str) -> u16 {
        let request = Request::builder().method(method).uri(target).body(()).unwrap();
        management.answer(&request).status().as_u16()
    }

    #[test]
    fn it_is_ready_from_the_first_answer_until_it_drains_and_healthy_all_along() {
        let (management, readiness) = management();
        let mut ready = Vec::new();
        let steps: [fn(&Readiness); 4] =
            [|_| (), Readiness::configured, Readiness::answered, Readiness::drain];
        for step in steps {
            step(&readiness);
            ready.push(status(&management, "GET", "/readyz"));
            assert_eq!(status(&management, "GET", "/healthz"), 200);
        }
        assert_eq!(ready, [503, 503, 200, 503]);
        readiness.configured();
        readiness.answered();
        assert_eq!(status(&management, "GET", "/readyz"), 503, "draining is for good");
    }

    #[test]
    fn only_reading_of_the_three_paths_is_answered() {
        let (management, _) = management();
        for path in ["/healthz", "/metrics"] {
            for (method, expected) in [("GET", 200), ("HEAD", 200), ("POST", 405), ("PUT", 405)] {
                assert_eq!(status(&management, method, path), expected, "{method} {path}");
            }
        }
        for path in ["/", "/healthz/", "/metricsx", "//metrics", "/authz", "/healthz%2f"] {
            assert_eq!(status(&management, "GET", path), 404, "{path}");
        }
        assert_eq!(status(&management, "GET", "/healthz?verbose"), 200);
    }

    #[test_support::test]
    async fn the_keys_of_the_moment_are_there_where_there_are_some() {
        let (management, _) = management();
        assert_eq!(status(&management, "GET", JWKS), 404);
        let management = management.jwks(|| Bytes::from_static(b"{\"keys\":[]}"));
        let response = management.answer(&Request::get(JWKS).body(()).unwrap());
        assert_eq!(response.headers()[CONTENT_TYPE], "application/jwk-set+json");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "{\"keys\":[]}");
        assert_eq!(status(&management, "POST", JWKS), 405);
    }

    #[test_support::test]
    async fn the_metrics_are_those_of_the_registry_in_a_type_that_prometheus_knows() {
        let (management, _) = management();
        let response = management.answer(&Request::get("/metrics").body(()).unwrap());
        let kind = response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
        assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("okta_introspect_config_reload_failures_total 0"), "{body}");
        assert!(body.ends_with("# EOF\n"), "{body}");
    }
}
