//! What senders are answered: a status, and nothing that they have sent.

use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Response, StatusCode};

use crate::signals::{SignalRefusal, SourceKind};

/// What is answered where all is well.
#[derive(Debug)]
pub(super) enum Accepted {
    /// The document that answers a challenge.
    Challenge(String),
    From(SourceKind),
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How soon it is worth trying again, in seconds.
const WAIT: HeaderValue = HeaderValue::from_static("5");

impl Accepted {
    pub(super) fn response(self) -> Response<String> {
        match self {
            Self::Challenge(document) => json(StatusCode::OK, document),
            Self::From(SourceKind::SecurityEvent) => status(StatusCode::ACCEPTED),
            Self::From(_) => status(StatusCode::NO_CONTENT),
        }
    }
}

/// The answer to a request that is not taken. `has_challenges`: `GET` is for something.
pub(super) fn refusal(
    source: Option<SourceKind>,
    reason: SignalRefusal,
    has_challenges: bool,
) -> Response<String> {
    let is_event = source == Some(SourceKind::SecurityEvent);
    let is_about_it = matches!(reason.status(), StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED);
    if is_event && is_about_it {
        return event_error(reason);
    }
    let mut response = status(reason.status());
    let headers = response.headers_mut();
    match reason.status() {
        StatusCode::METHOD_NOT_ALLOWED => {
            let methods = if has_challenges { "GET, POST" } else { "POST" };
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(RETRY_AFTER, WAIT);
        }
        _ => {}
    }
    response
}

/// [RFC 8935 §2.3](https://www.rfc-editor.org/rfc/rfc8935#section-2.3): 400 whatever is wrong with
/// the token or its sender.
fn event_error(reason: SignalRefusal) -> Response<String> {
    let (error, description) = code(reason);
    let document = serde_json::json!({ "err": error, "description": description });
    let mut response = json(StatusCode::BAD_REQUEST, document.to_string());
    response.headers_mut().insert(CONTENT_LANGUAGE, HeaderValue::from_static("en"));
    response
}

/// The code of [RFC 8935 §2.4](https://www.rfc-editor.org/rfc/rfc8935#section-2.4), and what it
/// means here.
fn code(reason: SignalRefusal) -> (&'static str, &'static str) {
    match reason {
        SignalRefusal::Issuer => ("invalid_issuer", "the token is of another issuer"),
        SignalRefusal::Audience => ("invalid_audience", "the token is for another audience"),
        SignalRefusal::Signature => {
            ("invalid_key", "the token is not signed with RS256 by a key of its issuer")
        }
        SignalRefusal::NoCredentials | SignalRefusal::WrongCredentials => {
            ("authentication_failed", "the Authorization that was agreed is missing or another one")
        }
        SignalRefusal::SeveralCredentials => {
            ("invalid_request", "a header is there more than once")
        }
        SignalRefusal::JwtType => ("invalid_request", "typ is not secevent+jwt"),
        SignalRefusal::Time => ("invalid_request", "iat is in the future or more than a day old"),
        SignalRefusal::SubjectFormat => {
            ("invalid_request", "the format of the subject is none of those understood here")
        }
        _ => (
            "invalid_request",
            "the body is no security event token, or its events are not as they should be",
        ),
    }
}

fn json(status: StatusCode, document: String) -> Response<String> {
    let mut response = Response::new(document);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn status(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response
}
