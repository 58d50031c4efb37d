//! Refusals in Okta's two shapes.
//!
//! OAuth endpoints refuse in the shape of
//! [RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2); everything else, and some
//! refusals of OAuth endpoints too, has the shape of Okta's management API.

use std::borrow::Cow;
use std::fmt;

use hyper::StatusCode;
use hyper::header::HeaderName;
use serde_json::json;

use super::answer::Answer;

/// Why a request is not served.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
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
    /// 401: the client did not authenticate.
    pub(crate) fn client(description: &'static str) -> Self {
        Self::oauth(StatusCode::UNAUTHORIZED, "invalid_client", description)
    }

    /// 400: the request is not one that the endpoint takes.
    pub(crate) fn request(description: &'static str) -> Self {
        Self::oauth(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// 400: the scopes cannot be asked for.
    pub(crate) fn scope(description: &'static str) -> Self {
        Self::oauth(StatusCode::BAD_REQUEST, "invalid_scope", description)
    }

    pub(crate) fn oauth(
        status: StatusCode,
        error: &'static str,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        let shape = Shape::OAuth { error, description: description.into() };
        Self { status, shape, headers: Vec::new() }
    }

    pub(crate) fn api(status: StatusCode, code: &'static str, summary: impl Into<String>) -> Self {
        let shape = Shape::Api { code, summary: summary.into() };
        Self { status, shape, headers: Vec::new() }
    }

    /// Without a body: headers must tell the reason.
    pub(crate) fn bare(status: StatusCode, error: &'static str) -> Self {
        Self { status, shape: Shape::Bare { error }, headers: Vec::new() }
    }

    /// 404: there is no such endpoint or object.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::api(StatusCode::NOT_FOUND, "E0000007", format!("Not found: {what}"))
    }

    /// 400: a parameter or a body of the management API is not what it should be.
    pub(crate) fn invalid(what: &str) -> Self {
        Self::api(StatusCode::BAD_REQUEST, "E0000001", format!("Api validation failed: {what}"))
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The reason, as the System Log gives it.
    pub(crate) fn reason(&self) -> &str {
        match &self.shape {
            Shape::OAuth { error, .. } | Shape::Bare { error } => error,
            // Some have an OAuth error as their code.
            Shape::Api { code, .. } if !code.starts_with('E') => code,
            Shape::Api { summary, .. } => summary,
        }
    }

    /// What went wrong, in Okta's words.
    #[cfg(test)]
    pub(crate) fn description(&self) -> &str {
        match &self.shape {
            Shape::OAuth { description, .. } => description,
            Shape::Bare { error } => error,
            Shape::Api { summary, .. } => summary,
        }
    }

    /// The answer; `error_id` tells this error from all others.
    pub(crate) fn into_answer(self, error_id: &str) -> Answer {
        let refusal = Some(self.to_string());
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
        let answer = Answer { refusal, ..answer };
        self.headers.into_iter().fold(answer, |answer, (name, value)| answer.add(name, &value))
    }
}

/// The error with what it says of itself, in one line.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shape {
            Shape::OAuth { error, description } => write!(f, "{error}: {description}"),
            Shape::Api { code, summary } => write!(f, "{code}: {summary}"),
            Shape::Bare { error } => f.write_str(error),
        }
    }
}
