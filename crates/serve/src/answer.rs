//! How a decision is written for each kind of proxy.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;

use crate::caller::Refused;
use crate::grpc::Denial;
use crate::metrics::Outcome;
use crate::original::Mode;
use crate::refusal::{Refusal, whole_seconds};

/// The body of every answer.
pub(crate) type Body = Full<Bytes>;

/// What Envoy removes from the request before it adds what a yes says. It keeps what the client
/// itself sent otherwise.
const ENVOY_REMOVE: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");

/// A yes: 200, which Envoy demands, and these headers. `strip` names those that are not the client's
/// to send; the other proxies remove them by their own configuration.
pub(crate) fn yes(mut headers: HeaderMap, strip: &HeaderValue, mode: Mode) -> Response<Body> {
    if mode == Mode::Envoy {
        headers.insert(ENVOY_REMOVE, strip.clone());
    }
    let mut response = Response::new(Body::default());
    *response.headers_mut() = headers;
    response
}

/// A no, or that nobody can tell.
pub(crate) fn no(refusal: &Refusal, mode: Mode) -> Response<Body> {
    let mut headers = refusal.headers();
    if mode == Mode::Nginx {
        join_challenges(&mut headers);
    }
    let body = match mode {
        // nginx reads no body of a subrequest, and closes a connection on which one comes.
        Mode::Nginx => Body::default(),
        _ => {
            headers.insert(CONTENT_TYPE, PROBLEM);
            Body::from(refusal.problem())
        }
    };
    let mut response = Response::new(body);
    (*response.status_mut(), *response.headers_mut()) = (refusal.status(), headers);
    response
}

/// A no, or that nobody can tell, for Envoy's gRPC.
pub(crate) fn denial(refusal: &Refusal) -> Denial {
    let mut headers = refusal.headers();
    headers.insert(CONTENT_TYPE, PROBLEM);
    let mut denial = Denial::new(refusal.status()).headers(headers).body(refusal.problem());
    denial.unknown = refusal.is_unknown();
    denial
}

/// A caller of `/introspect` that is none, or asks too often.
pub(crate) fn refused(refused: Refused) -> Response<Body> {
    let mut response = match refused {
        Refused::TooMany(wait) => busy(wait),
        _ => {
            let mut response = status(refused.status());
            response.headers_mut().insert(WWW_AUTHENTICATE, refused.challenge());
            response
        }
    };
    // Its status would say that a token is not good.
    Outcome::Refused.mark(&mut response);
    response
}

/// A caller of `/introspect` that is over its budget.
pub(crate) fn busy(wait: Duration) -> Response<Body> {
    let mut response = status(StatusCode::TOO_MANY_REQUESTS);
    response.headers_mut().insert(RETRY_AFTER, whole_seconds(wait).into());
    response
}

/// Public keys.
pub(crate) fn jwks(method: &Method, jwks: Bytes) -> Response<Body> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return status(StatusCode::METHOD_NOT_ALLOWED);
    }
    let mut response = Response::new(Body::from(jwks));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    response
}

/// An answer that is a status alone.
pub(crate) fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response
}

/// nginx hands on the first `WWW-Authenticate` line of a subrequest, and no other: all challenges go
/// into one, as [RFC 9110 §11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1) permits.
fn join_challenges(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(WWW_AUTHENTICATE).iter();
    if let (Some(first), Some(second)) = (lines.next(), lines.next()) {
        let mut joined = first.as_bytes().to_vec();
        for line in std::iter::once(second).chain(lines) {
            joined.extend_from_slice(b", ");
            joined.extend_from_slice(line.as_bytes());
        }
        if let Ok(joined) = HeaderValue::from_bytes(&joined) {
            headers.insert(WWW_AUTHENTICATE, joined);
        }
    }
}

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_one_line_for_nginx() {
        let mut headers = HeaderMap::new();
        join_challenges(&mut headers);
        assert!(headers.is_empty());
        for challenge in ["Bearer realm=\"a\"", "DPoP algs=\"ES256\""] {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        join_challenges(&mut headers);
        let lines: Vec<_> = headers.get_all(WWW_AUTHENTICATE).iter().collect();
        assert_eq!(lines, ["Bearer realm=\"a\", DPoP algs=\"ES256\""]);
    }
}
