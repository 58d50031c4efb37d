//! What is told of a token, and how refusals are written.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use okta_introspect::Introspection;
use okta_introspect::checker::{AnswerSource, Denied, ProofDenial, Reason, Verdict};
use serde_json::{Value, json};

use super::form::Refusal;
use crate::identity::checked_at;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What is known of a token.
pub(super) enum Told<'a> {
    Active {
        answer: &'a Introspection,
        age: Duration,
        source: AnswerSource,
        /// Whether it is good only with a proof, which the reader has to check.
        is_bound: bool,
        expires_at: Option<DateTime<Utc>>,
    },
    Inactive,
}

impl<'a> Told<'a> {
    /// What a check without any further requirement says of a token.
    pub(super) fn of(verdict: &'a Verdict) -> Self {
        match verdict {
            Verdict::Authorized(authorized) => Self::Active {
                answer: authorized.introspection(),
                age: authorized.age(),
                source: authorized.source(),
                is_bound: false,
                expires_at: authorized.expires_at(),
            },
            Verdict::Denied(denied) => Self::of_denied(denied).unwrap_or(Self::Inactive),
        }
    }

    /// What is denied to a request may be active all the same: a bound token without its proof, and a
    /// token that is no access token, whose kind the members tell.
    fn of_denied(denied: &'a Denied) -> Option<Self> {
        let is_bound = match denied.reason() {
            Reason::Proof(ProofDenial::Missing) => true,
            Reason::NotAccessToken => false,
            _ => return None,
        };
        let (answer, age, source) = (denied.facts()?, denied.age()?, denied.source()?);
        let expires_at = answer.exp;
        Some(Self::Active { answer, age, source, is_bound, expires_at })
    }

    /// The members of the answer, written `now`.
    pub(super) fn members(&self, now: DateTime<Utc>) -> Value {
        // RFC 7662 §2.2: nothing more is said of a token that is not active.
        let Self::Active { answer, age, source, .. } = self else {
            return json!({"active": false});
        };
        let mut members = serde_json::to_value(answer).unwrap_or_default();
        members["okta_introspect"] = json!({
            "age_ms": u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            "source": source.as_str(),
            "checked_at": checked_at(now, *age),
        });
        members
    }

    /// How long a reader may keep the answer; `None` if it may not.
    pub(super) fn left(&self, max_age: Duration, now: DateTime<Utc>) -> Option<Duration> {
        let Self::Active { age, is_bound: false, expires_at, .. } = *self else {
            return None;
        };
        // Nothing, where an outage let an answer be older than that.
        let left = max_age.checked_sub(age)?;
        match expires_at {
            Some(end) => Some(left.min((end - now).to_std().ok()?)),
            None => Some(left),
        }
    }
}

/// For so long, in whole seconds.
pub(super) fn cache_control(left: Option<Duration>) -> HeaderValue {
    let seconds = left.unwrap_or_default().as_secs();
    if seconds == 0 {
        return NO_STORE;
    }
    HeaderValue::try_from(format!("private, max-age={seconds}")).unwrap_or(NO_STORE)
}

/// The answer to a request that cannot be read
/// ([RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
pub(super) fn refused(refusal: Refusal) -> Response<Full<Bytes>> {
    let mut response = error(refusal.status, "invalid_request", refusal.description);
    if refusal.status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

/// The answer where nothing can be told at present. Never `"active": false`.
pub(super) fn unavailable(status: StatusCode, wait: Option<Duration>) -> Response<Full<Bytes>> {
    let description = match status {
        StatusCode::TOO_MANY_REQUESTS => "this client has asked about too many tokens",
        _ => "whether the token is active is not known at present",
    };
    let mut response = error(status, "temporarily_unavailable", description);
    // Rounded up: a request that comes too early is in vain.
    let seconds = wait
        .map_or(1, |wait| wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1));
    response.headers_mut().insert(RETRY_AFTER, seconds.into());
    response
}

fn error(status: StatusCode, error: &str, description: &str) -> Response<Full<Bytes>> {
    let body = json!({"error": error, "error_description": description}).to_string();
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}
