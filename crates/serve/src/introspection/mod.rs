//! `POST /introspect`: introspection for services in any language, answered by the checker
//! ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)).

mod accept;
mod answer;
mod form;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use okta_introspect::checker::{CheckerConfig, Reason, Verdict};
use okta_introspect::{Checker, Clock, Deadline, Requirement};
use serde::Serialize;
use serde_json::Value;

use crate::error::Whole;
use crate::identity::JwtSigner;
use answer::{Told, refused, unavailable};
use form::{Question, Refusal};

/// Answers introspection requests from what the checker knows.
///
/// The body is a form with `token`, and these parameters if the reader likes:
///
/// - `max_age`: how many seconds ago the authorization server may have been asked. More than
///   [`CheckerConfig::max_age_limit`] counts as that; without it,
///   [`CheckerConfig::max_age`] counts. There is no such parameter for an outage: whether old answers
///   are given then is for the configuration to say, and the answer tells (`stale_on_error`).
/// - `token_type_hint`: changes nothing.
///
/// White space around the token is taken off.
///
/// | the token | the answer |
/// |---|---|
/// | is active | 200, the authorization server's members, and `okta_introspect`: `age_ms`, `source` and `checked_at` (in seconds since 1970) |
/// | is not, has ended, or does not verify | 200 `{"active": false}` and nothing else |
/// | is of an issuer that is not configured here | 400 `invalid_request`: nobody was asked, so there is no verdict |
/// | cannot be one, or occurs twice | 400 `invalid_request`: there is nothing to be said about it |
/// | may be active or not: the server cannot be asked | 503 with `Retry-After` |
/// | would have to be asked about, and the reader has used up what it may ask | 429 with `Retry-After` |
///
/// **A token that is bound to a key is active here without its proof**, as at the authorization
/// server: a reader sees `cnf` (or the `token_type` `DPoP`) and must check the proof itself
/// ([RFC 9449 §6.2](https://www.rfc-editor.org/rfc/rfc9449#section-6.2)). Readers that cannot do so
/// should refuse such tokens, or stand behind a proxy that asks the sidecar.
///
/// **Other tokens than access tokens are active here too**, as at the authorization server: ID tokens,
/// refresh tokens, device secrets. `token_type` and `jti` tell them apart, where anything does; a reader
/// that takes access tokens alone should look at scope and audience.
///
/// With `Accept: application/token-introspection+jwt` the answer is signed
/// ([RFC 9701](https://www.rfc-editor.org/rfc/rfc9701)), also when it is `{"active": false}`: `iss` is
/// the sidecar, `aud` the reader's name, and the members stand in `token_introspection`.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use okta_introspect::checker::{Checker, CheckerConfig};
/// use okta_introspect::SystemClock;
/// use okta_introspect_serve::{IntrospectionEndpoint, JwtSigner, Reader};
///
/// fn endpoint(checker: Checker, signer: JwtSigner) -> IntrospectionEndpoint {
///     let (config, clock) = (CheckerConfig::default(), Arc::new(SystemClock));
///     IntrospectionEndpoint::new(checker, &config, signer, clock)
/// }
///
/// async fn serve(
///     endpoint: &IntrospectionEndpoint,
///     request: Request<Full<Bytes>>,
/// ) -> Response<Full<Bytes>> {
///     let orders = Reader { name: "orders", admit_miss: &|| Ok(()) };
///     endpoint.answer(request, orders).await
/// }
/// ```
pub struct IntrospectionEndpoint {
    checker: Checker,
    signer: JwtSigner,
    clock: Arc<dyn Clock>,
    max_age: Duration,
    max_age_limit: Duration,
    downstream_cache: bool,
}

/// The service that asks, once it is known.
///
/// # Example: a service with a budget
///
/// ```
/// use std::time::Duration;
/// use okta_introspect_serve::Reader;
///
/// let budget = || Err(Duration::from_secs(2));
/// let orders = Reader { name: "orders", admit_miss: &budget };
/// assert_eq!((orders.admit_miss)(), Err(Duration::from_secs(2)));
/// ```
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// Its name: the `aud` of a signed answer.
    pub name: &'a str,
    /// Is called where the authorization server would have to be asked. `Err` is that this reader
    /// has asked enough, and how long it has to wait.
    pub admit_miss: &'a (dyn Fn() -> Result<(), Duration> + Send + Sync),
}

/// How long a body may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

impl IntrospectionEndpoint {
    /// An endpoint that asks this checker, which was built with `config`.
    pub fn new(
        checker: Checker,
        config: &CheckerConfig,
        signer: JwtSigner,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (max_age, max_age_limit) = (config.max_age, config.max_age_limit);
        Self { checker, signer, clock, max_age, max_age_limit, downstream_cache: false }
    }

    /// Whether readers may keep answers: `Cache-Control: private, max-age` with what is left of the
    /// bound, never past the token's end. Default: `no-store`, which is also said of what is not
    /// active, is bound to a key, or is older than the bound.
    ///
    /// There is no `Age`: the seconds said are those that are left, and a cache would take the age
    /// off them again ([RFC 9111 §4.2.3](https://www.rfc-editor.org/rfc/rfc9111#section-4.2.3)).
    /// How old the answer is stands in `okta_introspect`.
    #[must_use]
    pub fn downstream_cache(mut self, downstream_cache: bool) -> Self {
        self.downstream_cache = downstream_cache;
        self
    }

    /// Answers one request. At most 50 KiB of its body are read, within five seconds.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is safe.
    pub async fn answer<B>(&self, request: Request<B>, reader: Reader<'_>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let (parts, body) = request.into_parts();
        let question = match form::check(&parts) {
            Ok(()) => self.read(body).await,
            Err(refusal) => Err(refusal),
        };
        let question = match question {
            Ok(question) => question,
            Err(refusal) => return refused(refusal),
        };
        let max_age = question.max_age.unwrap_or(self.max_age).min(self.max_age_limit);
        let requirement = Requirement::new().max_age(max_age);
        let verdict = match self.checker.try_check(&question.token, &requirement) {
            Some(verdict) => verdict,
            None => {
                if let Err(wait) = (reader.admit_miss)() {
                    return unavailable(StatusCode::TOO_MANY_REQUESTS, Some(wait));
                }
                self.checker.check(&question.token, &requirement).await
            }
        };
        match verdict {
            Ok(verdict) if is_foreign(&verdict) => refused(form::FOREIGN),
            Ok(verdict) => {
                let told = Told::of(&verdict);
                let is_signed = accept::wants_jwt(&parts.headers);
                self.written(&told, is_signed.then_some(reader.name), max_age)
            }
            Err(error) => {
                let cause = Whole(&error);
                tracing::info!(caller = reader.name, error = %cause, "a question at /introspect is not answered");
                unavailable(StatusCode::SERVICE_UNAVAILABLE, error.retry_after())
            }
        }
    }

    /// Reads a body, which is bounded in length and in time.
    async fn read<B>(&self, body: B) -> Result<Question, Refusal>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let now = self.clock.monotonic();
        let end = now.checked_add(BODY_TIMEOUT).unwrap_or(now);
        let mut deadline = Deadline::new(&*self.clock, end);
        // Pinned on the heap, since nothing is known of the body.
        let body = Box::pin(Limited::new(body, form::MAX_BODY).collect());
        match deadline.before(body).await {
            Some(Ok(body)) => form::read(&body.to_bytes()),
            Some(Err(error)) if error.is::<LengthLimitError>() => Err(form::TOO_LONG),
            Some(Err(_)) => Err(form::BROKEN),
            None => Err(form::TOO_SLOW),
        }
    }

    /// The answer, signed for `audience` if there is one.
    fn written(
        &self,
        told: &Told<'_>,
        audience: Option<&str>,
        max_age: Duration,
    ) -> Response<Full<Bytes>> {
        let now = self.clock.now();
        let members = told.members(now);
        let (body, media_type) = match audience {
            None => (members.to_string(), "application/json"),
            Some(aud) => {
                let (iss, iat) = (self.signer.issuer(), now.timestamp());
                let claims = Claims { iss, aud, iat, token_introspection: &members };
                match self.signer.sign(TYP, &claims) {
                    Ok(jwt) => (jwt, accept::JWT),
                    Err(error) => {
                        tracing::error!(%error, "an introspection answer could not be signed");
                        return unavailable(StatusCode::SERVICE_UNAVAILABLE, None);
                    }
                }
            }
        };
        let mut response = Response::new(Full::from(body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        let left = self.downstream_cache.then(|| told.left(max_age, now)).flatten();
        headers.insert(CACHE_CONTROL, answer::cache_control(left));
        headers.insert(VARY, HeaderValue::from_static("accept"));
        response
    }
}

impl fmt::Debug for IntrospectionEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionEndpoint")
            .field("max_age", &self.max_age)
            .field("max_age_limit", &self.max_age_limit)
            .field("downstream_cache", &self.downstream_cache)
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whether the token is none of the servers' that are asked here.
fn is_foreign(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Denied(denied) if *denied.reason() == Reason::UnknownIssuer)
}

/// The `typ` of a signed answer
/// ([RFC 9701 §5](https://www.rfc-editor.org/rfc/rfc9701#section-5)).
const TYP: &str = "token-introspection+jwt";

/// Without `sub` and `exp`, so that it cannot be taken for an access token
/// ([RFC 9701 §5](https://www.rfc-editor.org/rfc/rfc9701#section-5)).
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    token_introspection: &'a Value,
}

#[cfg(test)]
mod tests;
