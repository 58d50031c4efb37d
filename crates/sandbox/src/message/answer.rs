//! What the server says to a request.

use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use serde_json::Value;

/// A whole answer, before the headers that every answer has.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What is wrong with the request, if something is.
    pub(crate) refusal: Option<String>,
}

impl Answer {
    /// A JSON body that must not be stored.
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        let mut answer = Self::empty(status);
        answer.set(header::CONTENT_TYPE, "application/json");
        answer.body = body.to_string().into();
        answer
    }

    /// No body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        let mut answer =
            Self { status, headers: HeaderMap::new(), body: Bytes::new(), refusal: None };
        answer.set(header::CACHE_CONTROL, "no-cache, no-store");
        answer.set(header::PRAGMA, "no-cache");
        answer
    }

    /// Lets the answer be stored for `seconds`, as Okta does for keys and metadata.
    pub(crate) fn cacheable(mut self, seconds: u32) -> Self {
        self.headers.remove(header::PRAGMA);
        self.set(header::CACHE_CONTROL, &format!("max-age={seconds}, must-revalidate"));
        self
    }

    /// Adds a header, beside others of the same name.
    pub(crate) fn add(mut self, name: HeaderName, value: &str) -> Self {
        if let Some(value) = header_value(value) {
            self.headers.append(name, value);
        }
        self
    }

    /// Sets a header, in place of others of the same name.
    pub(crate) fn set(&mut self, name: HeaderName, value: &str) {
        if let Some(value) = header_value(value) {
            self.headers.insert(name, value);
        }
    }
}

/// A header can hold anything but control characters; what a client sent may contain some.
fn header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok()
}
