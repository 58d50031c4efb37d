//! Reads what a server says when it refuses: both of Okta's shapes, and no shape at all.

use reqwest::StatusCode;
use serde_json::Value;

use crate::error::refusal::Refusal;
use crate::error::{Error, ErrorKind};
use crate::wire::call::retry_after;
use crate::wire::challenge;
use crate::wire::rate_limit::RateLimit;
use crate::wire::transport::Answer;

/// The error that an answer other than a success stands for.
pub(crate) fn read(answer: &Answer) -> Error {
    let shape = if answer.is_json() { Shape::of(&answer.body) } else { Shape::default() };
    let challenge = |name| challenge::parameter(&answer.headers, name);
    let mask = |text: String| answer.excerpt(text);
    let refusal = Refusal {
        status: answer.status.as_u16(),
        // Okta's APIs say E0000006 for a missing scope as well as for a missing admin role; the
        // challenge tells them apart (RFC 6750 §3), and says all that they say about a DPoP proof.
        code: shape.error.or_else(|| challenge("error")).or(shape.error_code).map(mask),
        description: shape
            .error_description
            .or_else(|| challenge("error_description"))
            .or(shape.error_summary)
            .map(mask),
        causes: shape.error_causes.into_iter().map(mask).collect(),
        request_id: answer.request_id().map(str::to_owned),
    };
    let kind = kind_of(answer.status, refusal.code.as_deref());
    let error = match kind {
        ErrorKind::Malformed if answer.status.is_redirection() => {
            answer.malformed("is a redirect, which is never followed")
        }
        ErrorKind::Malformed if refusal.code.is_none() => {
            answer.malformed("is not one of the protocol")
        }
        _ => {
            let (headline, advice) = match is_concurrency(answer) {
                true => ("has too many calls of ours at once", "make fewer calls in parallel"),
                false => words(kind),
            };
            Error::new(kind, format!("{} {headline} ({refusal})", answer.path())).advise(advice)
        }
    };
    error.refused(refusal).retry_in(retry_after(answer))
}

/// OAuth's shape (RFC 6749 §5.2), and that of Okta's management API.
#[derive(Default)]
struct Shape {
    error: Option<String>,
    error_description: Option<String>,
    error_code: Option<String>,
    error_summary: Option<String>,
    error_causes: Vec<String>,
}

impl Shape {
    /// Member by member, so that one of another type does not hide the others.
    fn of(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let member = |name: &str| body[name].as_str().map(str::to_owned);
        let causes = body["errorCauses"].as_array().map(Vec::as_slice).unwrap_or_default();
        let causes = causes.iter().filter_map(|cause| cause["errorSummary"].as_str());
        Self {
            error: member("error"),
            error_description: member("error_description"),
            error_code: member("errorCode"),
            error_summary: member("errorSummary"),
            error_causes: causes.take(Refusal::MAX_CAUSES).map(str::to_owned).collect(),
        }
    }
}

/// Whether a 429 is about how many calls are under way, not about their rate.
fn is_concurrency(answer: &Answer) -> bool {
    answer.status == StatusCode::TOO_MANY_REQUESTS
        && RateLimit::from_headers(&answer.headers).is_some_and(|stated| stated.is_concurrency())
}

fn kind_of(status: StatusCode, code: Option<&str>) -> ErrorKind {
    match (status.as_u16(), code) {
        (429, _) => ErrorKind::RateLimited,
        (500.., _) | (_, Some("temporarily_unavailable" | "server_error")) => {
            ErrorKind::ServerFailed
        }
        (407, _) => ErrorKind::Unreachable,
        (408, _) => ErrorKind::TimedOut,
        (401, Some("access_denied" | "E0000015")) => ErrorKind::RequestRefused,
        (401, _) | (_, Some("invalid_client")) => ErrorKind::ClientRefused,
        (404, _) | (_, None) => ErrorKind::Malformed,
        (400..=499, Some(_)) => ErrorKind::RequestRefused,
        _ => ErrorKind::Malformed,
    }
}

/// What happened, and what to do unless a diagnosis knows better.
fn words(kind: ErrorKind) -> (&'static str, &'static str) {
    match kind {
        ErrorKind::ClientRefused => (
            "refused our credentials",
            "check the client id, the key or secret, and the app's registration",
        ),
        ErrorKind::RateLimited => ("was called too often", "wait, and try again"),
        ErrorKind::ServerFailed => ("is failing", "wait, and try again"),
        ErrorKind::TimedOut => ("gave up waiting", "wait, and try again"),
        ErrorKind::Malformed => {
            ("is not there", "check that the issuer is the address of an authorization server")
        }
        ErrorKind::Unreachable => (
            "was not reached: a proxy wants other credentials",
            "set the proxy's user name and password, in HTTPS_PROXY where the proxy is named there",
        ),
        ErrorKind::Configuration
        | ErrorKind::Input
        | ErrorKind::Key
        | ErrorKind::RequestRefused
        | ErrorKind::WrongServer => {
            ("refused the request", "check what is requested against the app's grants and policies")
        }
    }
}
