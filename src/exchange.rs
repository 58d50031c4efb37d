//! One authenticated form POST: what token, introspection and revocation requests have in common.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{Method, Request, StatusCode, Url};
use serde::Deserialize;

use crate::assertion::{AssertionSigner, Audience, ClientAssertion};
use crate::clock::Clock;
use crate::diagnosis::Diagnosis;
use crate::error::{Error, ErrorKind, Refusal};
use crate::http::{Answer, Http};
use crate::issuer::{EndpointUrl, Endpoints, Issuer};
use crate::redact::excerpt;

/// Okta's id of a request, for its support and its System Log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-okta-request-id");

/// When the rate-limit window ends, in seconds since the epoch by Okta's clock.
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("x-rate-limit-reset");

/// What precedes the assertion in every form; the type is [`ClientAssertion::TYPE`].
const ASSERTION_FIELDS: &str = "&client_assertion_type=\
    urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=";

/// An endpoint, ready to be called: everything that is the same for every call.
#[derive(Debug)]
pub(crate) struct Target {
    endpoint: EndpointUrl,
    url: Url,
    audience: String,
}

impl Target {
    pub(crate) fn new(
        endpoint: &EndpointUrl,
        endpoints: &Endpoints,
        issuer: &Issuer,
        audience: &Audience,
    ) -> Result<Self, Error> {
        let url = Url::parse(endpoint.as_str()).map_err(|cause| {
            Error::configuration(format!("the endpoint is not a URL: {endpoint}")).because(cause)
        })?;
        let audience = audience.of(endpoint, endpoints, issuer).to_owned();
        Ok(Self { endpoint: endpoint.clone(), url, audience })
    }
}

/// Makes authenticated calls for one client.
#[derive(Debug)]
pub(crate) struct Exchange {
    http: Http,
    clock: Arc<dyn Clock>,
    assertions: AssertionSigner,
    headers: HeaderMap,
}

/// A successful answer, and when its request was sent.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    pub(crate) sent_at: Instant,
}

impl Exchange {
    pub(crate) fn new(http: Http, clock: Arc<dyn Clock>, assertions: AssertionSigner) -> Self {
        let headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/json")),
            (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
        ]);
        Self { http, clock, assertions, headers }
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    pub(crate) fn client_id(&self) -> &str {
        self.assertions.client_id()
    }

    pub(crate) async fn assertion(&self, audience: &str) -> Result<ClientAssertion, Error> {
        self.assertions.assertion(audience, self.clock.now()).await
    }

    /// Posts `form` with a fresh assertion and gives the answer if its status is 200.
    ///
    /// Token and assertion go into the body and nowhere else. `secrets` are the secret values of
    /// `form`, which are masked should the server repeat them.
    pub(crate) async fn post(
        &self,
        target: &Target,
        form: &[(&str, &str)],
        secrets: &[&str],
    ) -> Result<Reply, Error> {
        let deadline = self.http.deadline();
        let assertion = self.assertion(&target.audience).await?;
        let request = self.request(target, form, &assertion);
        let sent_at = self.clock.monotonic();
        let answer = self.http.send(request, deadline).await?;
        let elapsed = self.clock.monotonic().saturating_duration_since(sent_at);
        tracing::debug!(
            endpoint = target.endpoint.path(),
            status = answer.status.as_u16(),
            request_id = answer.header(REQUEST_ID),
            elapsed_ms = elapsed.as_millis(),
            "answered"
        );
        if answer.status == StatusCode::OK {
            return Ok(Reply { answer, sent_at });
        }
        let secrets: Vec<&str> = secrets.iter().copied().chain([assertion.expose()]).collect();
        Err(self.refusal(&answer, &assertion, &secrets))
    }

    fn request(
        &self,
        target: &Target,
        form: &[(&str, &str)],
        assertion: &ClientAssertion,
    ) -> Request {
        // Pairs of strings are what a form is made of: nothing that could fail to serialise.
        let mut body = serde_urlencoded::to_string(form).expect("pairs of strings serialise");
        body.push_str(ASSERTION_FIELDS);
        body.push_str(assertion.expose()); // base64url and dots stand for themselves in a form
        let mut request = Request::new(Method::POST, target.url.clone());
        *request.headers_mut() = self.headers.clone();
        *request.body_mut() = Some(body.into());
        request
    }

    fn refusal(&self, answer: &Answer, assertion: &ClientAssertion, secrets: &[&str]) -> Error {
        let shape: RefusalBody = if answer.is_json() {
            serde_json::from_slice(&answer.body).unwrap_or_default()
        } else {
            RefusalBody::default()
        };
        let mask = |text: String| excerpt(text.as_bytes(), secrets);
        let refusal = Refusal {
            status: answer.status.as_u16(),
            code: shape.error.or(shape.error_code).map(mask),
            description: shape.error_description.or(shape.error_summary).map(mask),
            request_id: answer.header(REQUEST_ID).map(|id| excerpt(id.as_bytes(), secrets)),
        };
        let kind = kind_of(answer.status, refusal.code.as_deref());
        let error = match kind {
            ErrorKind::Malformed if answer.status.is_redirection() => {
                answer.malformed("is a redirect, which is never followed", secrets)
            }
            ErrorKind::Malformed if refusal.code.is_none() => {
                answer.malformed("is not one of the protocol", secrets)
            }
            _ => Error::new(kind, format!("{} {} ({refusal})", answer.path(), headline(kind)))
                .advise(default_advice(kind)),
        };
        let error =
            match Diagnosis::of(&refusal, |about| self.assertions.describe(about, assertion)) {
                Some(diagnosis) => error.diagnosed(diagnosis),
                None => error,
            };
        error.refused(refusal).retry_in(retry_after(answer))
    }
}

/// Both shapes in which Okta refuses: OAuth's, and that of its management API.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RefusalBody {
    error: Option<String>,
    error_description: Option<String>,
    #[serde(rename = "errorCode")]
    error_code: Option<String>,
    #[serde(rename = "errorSummary")]
    error_summary: Option<String>,
}

fn kind_of(status: StatusCode, code: Option<&str>) -> ErrorKind {
    match (status.as_u16(), code) {
        (429, _) => ErrorKind::RateLimited,
        (500.., _) | (_, Some("temporarily_unavailable" | "server_error")) => {
            ErrorKind::ServerFailed
        }
        (408, _) => ErrorKind::TimedOut,
        (401, Some("access_denied" | "E0000015")) => ErrorKind::RequestRefused,
        (401, _) | (_, Some("invalid_client")) => ErrorKind::ClientRefused,
        (404, _) | (_, None) => ErrorKind::Malformed,
        (400..=499, Some(_)) => ErrorKind::RequestRefused,
        _ => ErrorKind::Malformed,
    }
}

fn headline(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ClientRefused => "refused our credentials",
        ErrorKind::RateLimited => "was called too often",
        ErrorKind::ServerFailed => "is failing",
        ErrorKind::TimedOut => "gave up waiting",
        ErrorKind::Malformed => "is not there",
        ErrorKind::Configuration
        | ErrorKind::Input
        | ErrorKind::Key
        | ErrorKind::RequestRefused
        | ErrorKind::Unreachable => "refused the request",
    }
}

fn default_advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ClientRefused => "check the client id, the key and the app's registration",
        ErrorKind::RateLimited | ErrorKind::ServerFailed | ErrorKind::TimedOut => {
            "wait, and try again"
        }
        ErrorKind::Malformed => "check that the issuer is the address of an authorization server",
        ErrorKind::Configuration
        | ErrorKind::Input
        | ErrorKind::Key
        | ErrorKind::RequestRefused
        | ErrorKind::Unreachable => "check what is requested against the app's grants and policies",
    }
}

/// How long to wait, by the server's own clock: `Retry-After`, or until the rate-limit window
/// ends and one second more, as Okta's SDKs do.
fn retry_after(answer: &Answer) -> Option<Duration> {
    if let Some(seconds) = answer.header(RETRY_AFTER).and_then(|value| value.parse().ok()) {
        return Some(Duration::from_secs(seconds));
    }
    let reset: i64 = answer.header(RATE_LIMIT_RESET)?.trim().parse().ok()?;
    let date = DateTime::parse_from_rfc2822(answer.header(DATE)?).ok()?.with_timezone(&Utc);
    let wait = reset.saturating_sub(date.timestamp()).saturating_add(1);
    Some(Duration::from_secs(u64::try_from(wait).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constant_part_of_the_form_is_what_encoding_would_give() {
        let fields = [("client_assertion_type", ClientAssertion::TYPE), ("client_assertion", "")];
        let encoded = serde_urlencoded::to_string(fields).unwrap();
        assert_eq!(ASSERTION_FIELDS, format!("&{encoded}"));
    }
}
