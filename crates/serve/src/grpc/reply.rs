//! What a proxy is told.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use tonic::Code;
use tonic::body::Body;

use crate::metrics::Outcome;

use super::generated::authorization::HeaderValue as Field;
use super::generated::authorization::check_response::HttpResponse;
use super::generated::authorization::{
    CheckResponse, DeniedHttpResponse, HeaderAppendAction, HeaderValueOption, HttpStatus,
    OkHttpResponse, Status,
};

/// What comes of a question.
///
/// # Example: to let a request pass, and to tell the service behind whose it is
///
/// ```
/// use http::{HeaderMap, HeaderName, HeaderValue};
/// use okta_introspect_serve::Answer;
///
/// let sub = HeaderName::from_static("x-auth-sub");
/// let headers = HeaderMap::from_iter([(sub, HeaderValue::from_static("ada"))]);
/// let remove = [HeaderName::from_static("x_auth_sub")].into();
/// let answer = Answer::Yes { headers, remove };
/// ```
#[derive(Clone, Debug)]
pub enum Answer {
    /// The request may pass.
    Yes {
        /// What the service behind is told: each replaces all headers of its name.
        headers: HeaderMap,
        /// What is taken off the request. A name that is among the headers too stays: Envoy removes
        /// after it has added.
        remove: Arc<[HeaderName]>,
    },
    /// It may not, or that is not known.
    No(Denial),
}

/// What the client is told whose request does not pass.
///
/// # Example
///
/// ```
/// use http::StatusCode;
/// use okta_introspect_serve::Denial;
///
/// let denial = Denial::new(StatusCode::FORBIDDEN).body(r#"{"title":"Forbidden","status":403}"#);
/// assert!(!denial.unknown);
/// assert!(Denial::unknown().unknown);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Denial {
    /// The status of HTTP; one that is no error is sent as 403.
    pub status: StatusCode,
    /// Challenges and the like. Several of a name are sent as one, with commas.
    pub headers: HeaderMap,
    /// A body, or nothing.
    pub body: String,
    /// Whether it is not known whether the request is good, rather than known that it is not.
    pub unknown: bool,
}

/// How a proxy is told that it is not known whether a request is good.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnUnknown {
    /// As a denial, which reaches the client whole, whatever the proxy does when its check fails.
    #[default]
    Deny,
    /// As an error (`error_response`): the proxy does what it has been told to do when its check fails,
    /// which may be to let the request through (`failure_mode_allow`). Proxies that do not know it answer
    /// 403.
    Error,
}

impl Denial {
    /// A status alone.
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: String::new(), unknown: false }
    }

    /// "Not known": 503, and to come again after a second.
    pub fn unknown() -> Self {
        let headers = [(RETRY_AFTER, HeaderValue::from_static("1"))].into_iter().collect();
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self { status, headers, body: String::new(), unknown: true }
    }

    /// With these headers.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// With this body; its media type is for the headers to say.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }
}

impl Answer {
    /// For the metrics of the listener.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Yes { .. } => Outcome::Allowed,
            Self::No(denial) if denial.unknown => Outcome::Unknown,
            Self::No(denial) if denial.status.is_server_error() => Outcome::Refused,
            Self::No(_) => Outcome::Denied,
        }
    }

    /// The answer as a response to a call of `Check`, for what keeps a call from being read: a caller
    /// over its budget, for instance.
    pub fn response(self, unknown: OnUnknown) -> Response<Body> {
        let message = self.message(unknown);
        let mut frame = BytesMut::with_capacity(message.encoded_len().saturating_add(5));
        // Not compressed, and the length in four bytes; answers are far smaller than those can tell.
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.encoded_len()).unwrap_or(u32::MAX));
        frame.extend_from_slice(&message.encode_to_vec());
        let trailers = [(GRPC_STATUS, HeaderValue::from(Code::Ok as i32))].into_iter().collect();
        let body = Full::new(frame.freeze()).with_trailers(async { Some(Ok(trailers)) });
        let mut response = Response::new(Body::new(body));
        response.headers_mut().insert(CONTENT_TYPE, GRPC);
        response
    }

    pub(super) fn message(self, unknown: OnUnknown) -> CheckResponse {
        match self {
            Self::Yes { headers, remove } => yes(&headers, &remove),
            Self::No(denial) => denial.message(unknown),
        }
    }
}

impl Denial {
    fn message(self, unknown: OnUnknown) -> CheckResponse {
        let error = self.unknown && unknown == OnUnknown::Error;
        let is_refusal = self.status.is_client_error() || self.status.is_server_error();
        let status = if is_refusal { self.status } else { StatusCode::FORBIDDEN };
        // Some releases of Envoy take only these two for a denial, and every other one for a failure.
        let code = match status {
            _ if error => Code::Unavailable,
            StatusCode::UNAUTHORIZED => Code::Unauthenticated,
            _ => Code::PermissionDenied,
        };
        let response = DeniedHttpResponse {
            status: Some(HttpStatus { code: status.as_u16().into() }),
            headers: joined(&self.headers),
            body: self.body,
        };
        let response = match error {
            true => HttpResponse::ErrorResponse(response),
            false => HttpResponse::DeniedResponse(response),
        };
        CheckResponse { status: Some(to_status(code)), http_response: Some(response) }
    }
}

fn yes(headers: &HeaderMap, remove: &[HeaderName]) -> CheckResponse {
    let fields = joined(headers);
    // What could not be written may not be left to the client.
    let unwritten = headers.keys().filter(|name| text_of(headers, name).is_none());
    let kept = |name: &&HeaderName| !headers.contains_key(*name);
    let remove = remove.iter().filter(kept).chain(unwritten).map(|name| name.as_str().to_owned());
    let response = OkHttpResponse { headers: fields, headers_to_remove: remove.collect() };
    CheckResponse {
        status: Some(to_status(Code::Ok)),
        http_response: Some(HttpResponse::OkResponse(response)),
    }
}

/// One field for each name, which replaces those that are there.
fn joined(headers: &HeaderMap) -> Vec<HeaderValueOption> {
    // The proxy counts the body itself.
    let names = headers.keys().filter(|name| *name != CONTENT_LENGTH);
    let field = |name: &HeaderName| {
        let field = Field { key: name.as_str().to_owned(), value: text_of(headers, name)? };
        let append_action = HeaderAppendAction::OverwriteIfExistsOrAdd.into();
        Some(HeaderValueOption { header: Some(field), append_action })
    };
    names.filter_map(field).collect()
}

/// The values of a name as one, unless one of them is no text.
fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut text = String::new();
    for value in headers.get_all(name) {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(std::str::from_utf8(value.as_bytes()).ok()?);
    }
    Some(text)
}

fn to_status(code: Code) -> Status {
    Status { code: code.into(), message: String::new() }
}

pub(super) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
