//! What the server says: answers, and refusals in Okta's two shapes.
//!
//! OAuth endpoints refuse in the shape of
//! [RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2); everything else, and some
//! refusals of OAuth endpoints too, has the shape of Okta's management API.

use std::borrow::Cow;

use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// A whole answer, before the headers that every answer has.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// A JSON body that must not be stored.
    pub(super) fn json(status: StatusCode, body: &Value) -> Self {
        let mut answer = Self::empty(status);
        answer.set(header::CONTENT_TYPE, "application/json");
        answer.body = body.to_string().into();
        answer
    }

    /// No body.
    pub(super) fn empty(status: StatusCode) -> Self {
        let mut answer = Self { status, headers: HeaderMap::new(), body: Bytes::new() };
        answer.set(header::CACHE_CONTROL, "no-cache, no-store");
        answer.set(header::PRAGMA, "no-cache");
        answer
    }

    /// Lets the answer be stored for `seconds`, as Okta does for keys and metadata.
    pub(super) fn cacheable(mut self, seconds: u32) -> Self {
        self.headers.remove(header::PRAGMA);
        self.set(header::CACHE_CONTROL, &format!("max-age={seconds}, must-revalidate"));
        self
    }

    /// Adds a header, beside others of the same name.
    pub(super) fn add(mut self, name: HeaderName, value: &str) -> Self {
        if let Some(value) = header_value(value) {
            self.headers.append(name, value);
        }
        self
    }

    /// Sets a header, in place of others of the same name.
    pub(super) fn set(&mut self, name: HeaderName, value: &str) {
        if let Some(value) = header_value(value) {
            self.headers.insert(name, value);
        }
    }
}

/// A header can hold anything but control characters; what a client sent may contain some.
fn header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok()
}

/// Why a request is not served.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    status: StatusCode,
    shape: Shape,
    headers: Vec<(HeaderName, String)>,
}

#[derive(Debug, Eq, PartialEq)]
enum Shape {
    /// The shape of RFC 6749.
    OAuth { error: &'static str, description: Cow<'static, str> },
    /// The shape of the management API.
    Api { code: &'static str, summary: String },
    /// No body.
    Bare { error: &'static str },
}

impl Refusal {
    /// 401: the client did not prove who it is.
    pub(super) fn client(description: &'static str) -> Self {
        Self::oauth(StatusCode::UNAUTHORIZED, "invalid_client", description)
    }

    /// 400: the request is not one that the endpoint takes.
    pub(super) fn request(description: &'static str) -> Self {
        Self::oauth(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// 400: the scopes cannot be asked for.
    pub(super) fn scope(description: &'static str) -> Self {
        Self::oauth(StatusCode::BAD_REQUEST, "invalid_scope", description)
    }

    pub(super) fn oauth(
        status: StatusCode,
        error: &'static str,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        let shape = Shape::OAuth { error, description: description.into() };
        Self { status, shape, headers: Vec::new() }
    }

    pub(super) fn api(status: StatusCode, code: &'static str, summary: impl Into<String>) -> Self {
        let shape = Shape::Api { code, summary: summary.into() };
        Self { status, shape, headers: Vec::new() }
    }

    /// Without a body: headers must tell the reason.
    pub(super) fn bare(status: StatusCode, error: &'static str) -> Self {
        Self { status, shape: Shape::Bare { error }, headers: Vec::new() }
    }

    /// 404: there is no such endpoint or object.
    pub(super) fn not_found(what: &str) -> Self {
        Self::api(StatusCode::NOT_FOUND, "E0000007", format!("Not found: {what}"))
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The reason, as the System Log gives it.
    pub(super) fn reason(&self) -> &str {
        match &self.shape {
            Shape::OAuth { error, .. } | Shape::Bare { error } => error,
            Shape::Api { summary, .. } => summary,
        }
    }

    /// What went wrong, in Okta's words.
    #[cfg(test)]
    pub(super) fn description(&self) -> &str {
        match &self.shape {
            Shape::OAuth { description, .. } => description,
            Shape::Bare { error } => error,
            Shape::Api { summary, .. } => summary,
        }
    }

    /// The answer; `error_id` tells this error from all others.
    pub(super) fn into_answer(self, error_id: &str) -> Answer {
        let answer = match self.shape {
            Shape::OAuth { error, description } => {
                let body = json!({"error": error, "error_description": description});
                Answer::json(self.status, &body)
            }
            Shape::Api { code, summary } => {
                let body = json!({
                    "errorCode": code,
                    "errorSummary": summary,
                    "errorLink": code,
                    "errorId": error_id,
                    "errorCauses": [],
                });
                Answer::json(self.status, &body)
            }
            Shape::Bare { .. } => Answer::empty(self.status),
        };
        self.headers.into_iter().fold(answer, |answer, (name, value)| answer.add(name, &value))
    }
}
