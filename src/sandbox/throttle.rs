//! Which requests are let through: rate limits and the limit on concurrency.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::header::{self, HeaderName};
use hyper::{HeaderMap, StatusCode};
use serde_json::Value;

use super::Sandbox;
use super::answer::{Answer, Refusal};
use super::limits::{Bucket, RateLimitHeaders, Statement};
use super::request::Request;
use super::server::Shared;
use super::tokens::Digest;
use crate::jws::Compact;

impl Sandbox {
    /// Limits a bucket to so many requests a minute, or lifts its limit with `None`. Default: no
    /// limits. Zero refuses everything.
    ///
    /// Windows are minutes of the server's clock that begin with the first request. One app may
    /// use its [share](Self::set_app_share) of a bucket. A refused request has no effect: its
    /// assertion may be sent again.
    pub fn set_rate_limit(&self, bucket: Bucket, per_minute: impl Into<Option<u32>>) {
        self.shared().state().limits.set(bucket, per_minute.into());
    }

    /// Sets what one app may use of each bucket, in per cent of it. Default: 50, as in Okta.
    /// Bounds: 1 to 100; more counts as 100, and zero shuts every app out.
    pub fn set_app_share(&self, per_cent: u8) {
        self.shared().state().limits.app_share = per_cent;
    }

    /// Sets how answers state the limits. Default: [`RateLimitHeaders::Tightest`].
    pub fn set_rate_limit_headers(&self, headers: RateLimitHeaders) {
        self.shared().state().limits.headers = headers;
    }

    /// Limits how many requests may be under way at once, or lifts that limit with `None`.
    /// Default: no limit (Okta: 35 to 75 for an org). Zero refuses everything.
    ///
    /// Requests count from when they have been read until their answer has been sent. The
    /// sandbox answers at once, so only those that a [fault](super::Fault) keeps waiting add up.
    pub fn set_concurrency_limit(&self, limit: impl Into<Option<usize>>) {
        self.shared().state().limits.concurrency = limit.into();
    }
}

/// A request that is under way, until it is dropped.
pub(super) struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    pub(super) fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets a request through, with the headers for its answer, or refuses it.
pub(super) fn admit(sandbox: &Shared, request: &Request) -> Result<HeaderMap, Refusal> {
    let Some(bucket) = bucket(&request.segments()) else {
        return Ok(HeaderMap::new());
    };
    let now = sandbox.now();
    let under_way = sandbox.under_way.load(Ordering::Relaxed);
    let mut state = sandbox.state();
    if state.limits.concurrency.is_some_and(|limit| under_way > limit) {
        // Okta: zeros tell that it is not the rate; the time is a hint and no promise.
        let reset = now.timestamp() + 60;
        let headers = headers(&[Statement { limit: 0, remaining: 0, reset }]);
        return Err(too_many(headers));
    }
    let client_id = match state.limits.per_minute.contains_key(&bucket) {
        true => client_id(request, |token| {
            Some(state.tokens.find(&Digest::of(token))?.client_id.clone())
        }),
        false => None,
    };
    // Made-up names would fill the memory.
    let client_id = client_id.filter(|id| state.app(id).is_some());
    let (admitted, statements) = state.limits.take(bucket, client_id, now);
    let statements = match state.limits.headers {
        RateLimitHeaders::Each => statements,
        RateLimitHeaders::Tightest => statements
            .into_iter()
            .min_by_key(|one| (one.remaining, one.limit))
            .into_iter()
            .collect(),
    };
    match admitted {
        true => Ok(headers(&statements)),
        false => Err(too_many(headers(&statements))),
    }
}

/// Adds the headers with which a request was admitted.
pub(super) fn label(mut answer: Answer, headers: HeaderMap) -> Answer {
    answer.headers.extend(headers);
    answer
}

fn too_many(headers: HeaderMap) -> Refusal {
    let refusal = Refusal::api(
        StatusCode::TOO_MANY_REQUESTS,
        "E0000047",
        "API call exceeded rate limit due to too many requests.",
    );
    headers.iter().fold(refusal, |refusal, (name, value)| {
        // They were made of digits.
        refusal.header(name.clone(), value.to_str().unwrap_or_default())
    })
}

fn headers(statements: &[Statement]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for statement in statements {
        headers.append(LIMIT, statement.limit.into());
        headers.append(REMAINING, statement.remaining.into());
        headers.append(RESET, statement.reset.into());
    }
    headers
}

/// The bucket of a path; `None` is exempt.
fn bucket(segments: &[&str]) -> Option<Bucket> {
    match segments {
        ["oauth2", "v1", "keys"]
        | ["oauth2", _, "v1", "keys"]
        | ["oauth2", _, ".well-known", ..] => None,
        ["oauth2", "v1", "token"] => Some(Bucket::OrgToken),
        ["oauth2", "v1", ..] => Some(Bucket::Org),
        ["oauth2", _, "v1", "token"] => Some(Bucket::CustomToken),
        ["oauth2", _, "v1", ..] => Some(Bucket::Custom),
        ["api", "v1", "logs", ..] => Some(Bucket::Logs),
        ["api", "v1", ..] => Some(Bucket::Api),
        _ => None,
    }
}

/// Who seems to call. Nothing is verified at this point: a flood must be stopped before it costs
/// signatures.
fn client_id(request: &Request, owner: impl FnOnce(&str) -> Option<String>) -> Option<String> {
    if let Some(credentials) = request.header(&header::AUTHORIZATION) {
        return credentials.split_once(' ').and_then(|(_, token)| owner(token.trim()));
    }
    let form = request.form().ok()?;
    match form.member("client_assertion") {
        Some(assertion) => {
            let claims = Compact::parse(assertion).ok()?.claims().ok()?;
            claims.get("iss").and_then(Value::as_str).map(str::to_owned)
        }
        None => form.member("client_id").map(str::to_owned),
    }
}

const LIMIT: HeaderName = HeaderName::from_static("x-rate-limit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-rate-limit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-rate-limit-reset");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_sorted_into_buckets_and_keys_and_discovery_are_exempt() {
        for (path, expected) in [
            ("oauth2/v1/token", Some(Bucket::OrgToken)),
            ("oauth2/v1/introspect", Some(Bucket::Org)),
            ("oauth2/v1/revoke", Some(Bucket::Org)),
            ("oauth2/v1/keys", None),
            ("oauth2/default/v1/token", Some(Bucket::CustomToken)),
            ("oauth2/aus1/v1/introspect", Some(Bucket::Custom)),
            ("oauth2/default/v1/keys", None),
            ("oauth2/default/.well-known/openid-configuration", None),
            (".well-known/openid-configuration", None),
            ("api/v1/logs", Some(Bucket::Logs)),
            ("api/v1/users", Some(Bucket::Api)),
            ("nothing", None),
        ] {
            let segments: Vec<&str> = path.split('/').collect();
            assert_eq!(bucket(&segments), expected, "{path}");
        }
    }
}
