//! What to answer to a request that is not let in
//! ([RFC 6750 §3](https://www.rfc-editor.org/rfc/rfc6750#section-3),
//! [RFC 9449 §7.1](https://www.rfc-editor.org/rfc/rfc9449#section-7.1),
//! [RFC 9728 §5.1](https://www.rfc-editor.org/rfc/rfc9728#section-5.1)).

use std::fmt;
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::json;

use super::audiences;
use super::grpc;
use super::head::RequestHead;
use super::mcp::fault::BodyFault;
use super::resource::{PROOF_ALGORITHMS, ResourceMetadata};
use crate::checker::{AudienceFault, Denied, ProofDenial, Reason, Requirement};
use crate::error::Error;

/// Why a request is not let in, and what to answer.
///
/// `Debug` is for logs and says why; so does `Display`, in a sentence, which also names the audience
/// that was wanted and those that the token has. The [response](Self::response) says no more than it
/// has to.
///
/// # Example: a line for each request that is not let in
///
/// ```
/// use http::Response;
/// use okta_introspect::adapter::Rejection;
///
/// fn refuse(rejection: Rejection) -> Response<String> {
///     eprintln!("{rejection:?}");
///     rejection.response()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Rejection(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    cause: Cause,
    status: StatusCode,
    headers: HeaderMap,
    /// What a challenge says in `error` and in `scope`.
    error: Option<&'static str>,
    scope: Option<String>,
    retry: Option<Duration>,
    form: Form,
    /// The audience that the token lacks; clients are not told.
    audience: Option<String>,
}

/// How an answer is written.
#[derive(Clone, Debug, Default)]
enum Form {
    #[default]
    Bare,
    Problem,
    /// As gRPC does, with the request's media type.
    Grpc(HeaderValue),
}

/// Why a request is not let in.
///
/// # Example: counting what nobody could decide
///
/// ```
/// use okta_introspect::adapter::{Cause, Rejection};
///
/// fn is_outage(rejection: &Rejection) -> bool {
///     matches!(rejection.cause(), Cause::Unknown(_))
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// It brings no token.
    NoToken,
    /// Its headers cannot be read as one token.
    Malformed,
    /// It is on no route that has a [rule](super::Rules).
    NoRule,
    /// Its token was checked, and the answer is no.
    Denied(Denied),
    /// Its body does not say what is asked for, so that nothing tells what it has to meet.
    Body(BodyFault),
    /// It is not known whether its token is good.
    Unknown(Error),
}

/// What the gate understands and demands, for challenges.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) realm: Option<&'a str>,
    /// Whether bound tokens can be taken at all.
    pub(super) dpop: bool,
    pub(super) resource: Option<&'a ResourceMetadata>,
    pub(super) requirement: &'a Requirement,
}

impl Terms<'_> {
    fn must_be_bound(&self) -> bool {
        self.requirement.is_bound() || self.resource.is_some_and(ResourceMetadata::demands_proofs)
    }

    /// The scopes to ask for: only clients of a resource that has metadata are told in advance.
    fn scopes(&self) -> Option<String> {
        self.resource.and_then(|_| scope_list(self.requirement.scopes(), &[]))
    }
}

/// The scheme under which a request brought its token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scheme {
    Bearer,
    Dpop,
}

impl Rejection {
    /// Why.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// A name for logs and metrics: `no_token`, `malformed_header`, `no_rule`, `unknown`, one of
    /// [`BodyFault::NAMES`], or one of [`Reason::NAMES`].
    pub fn reason(&self) -> &'static str {
        match &self.0.cause {
            Cause::NoToken => "no_token",
            Cause::Malformed => "malformed_header",
            Cause::NoRule => "no_rule",
            Cause::Body(fault) => fault.as_str(),
            Cause::Denied(denied) => denied.reason().as_str(),
            Cause::Unknown(_) => "unknown",
        }
    }

    /// The status of the answer: 400, 401, 403 or 503; 408, 413 or 415 for a body. Requests of gRPC
    /// are answered with 200, and [`grpc_status`](Self::grpc_status) in the headers.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The same as a [status of gRPC](https://grpc.github.io/grpc/core/md_doc_statuscodes.html):
    /// `INVALID_ARGUMENT` (3), `DEADLINE_EXCEEDED` (4), `PERMISSION_DENIED` (7),
    /// `RESOURCE_EXHAUSTED` (8), `UNAVAILABLE` (14) or `UNAUTHENTICATED` (16).
    pub fn grpc_status(&self) -> u8 {
        grpc::code(self.0.status)
    }

    /// The challenges of the answer, and how long to wait.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The answer, with an empty body; to a request of gRPC, in its form.
    pub fn response<B: Default>(self) -> Response<B> {
        self.written(B::default())
    }

    /// The answer, with a body that programs can read
    /// ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)); to a request of gRPC, in its form.
    ///
    /// # Example
    ///
    /// ```
    /// use http::Response;
    /// use okta_introspect::adapter::Rejection;
    ///
    /// fn refuse(rejection: Rejection) -> Response<String> {
    ///     rejection.response_with_problem()
    /// }
    /// ```
    pub fn response_with_problem<B: From<String>>(self) -> Response<B> {
        if matches!(self.0.form, Form::Grpc(_)) {
            return self.written(String::new().into());
        }
        let body = self.problem();
        let mut response = self.written(body.into());
        response.headers_mut().insert(CONTENT_TYPE, PROBLEM);
        response
    }

    /// The body of [`response_with_problem`](Self::response_with_problem): `title`, `status` and
    /// `detail`, and of the challenge `error` and `scope`. It tells no more than the headers.
    pub fn problem(&self) -> String {
        let Inner { status, error, scope, .. } = &*self.0;
        let title = status.canonical_reason().unwrap_or_default();
        let mut problem =
            json!({"title": title, "status": status.as_u16(), "detail": self.detail()});
        for (name, value) in [("error", *error), ("scope", scope.as_deref())] {
            if let Some(value) = value {
                problem[name] = value.into();
            }
        }
        problem.to_string()
    }

    /// Whether it is known which audience the token lacks.
    pub(super) fn names_audience(&self) -> bool {
        self.0.audience.is_some()
    }

    /// Whether the answer is to have a problem body.
    #[cfg(feature = "axum")]
    pub(super) fn has_problem(&self) -> bool {
        matches!(self.0.form, Form::Problem)
    }

    /// The answer in the form that the request wants.
    pub(super) fn shaped(mut self, head: &RequestHead<'_>, problem_details: bool) -> Self {
        self.0.form = match grpc::media_type(head.headers()) {
            Some(media_type) => Form::Grpc(media_type),
            None if problem_details => Form::Problem,
            None => Form::Bare,
        };
        self
    }

    fn written<B>(self, body: B) -> Response<B> {
        let detail = self.detail();
        let Inner { mut headers, mut status, retry, form, .. } = *self.0;
        if let Form::Grpc(media_type) = form {
            grpc::add(&mut headers, media_type, status, detail, retry);
            status = StatusCode::OK;
        }
        let mut response = Response::new(body);
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        response
    }

    /// One sentence for programmers, which tells no more than the challenge.
    fn detail(&self) -> &'static str {
        match (&self.0.cause, self.0.error) {
            (Cause::NoToken, _) => "the request has no access token",
            (Cause::Malformed, _) => "the request's headers cannot be read as one access token",
            (Cause::NoRule, _) => "nothing permits this request",
            (Cause::Body(fault), _) => fault.detail(),
            (Cause::Unknown(_), _) => "whether the access token is good is not known at present",
            (_, Some(INSUFFICIENT_SCOPE)) => "the access token does not permit this",
            (cause, _) if cause.is_near_audience() => NEAR_AUDIENCE,
            (_, Some(INVALID_PROOF)) => "the proof of possession is not good for this request",
            _ => "the access token is not good here",
        }
    }

    pub(super) fn no_token(terms: Terms<'_>) -> Self {
        // RFC 6750 §3.1: a request without a token is told of no error.
        let mut rejection = Self::new(Cause::NoToken, StatusCode::UNAUTHORIZED);
        rejection.0.scope = terms.scopes();
        if !terms.must_be_bound() {
            rejection.challenge(Scheme::Bearer, terms);
        }
        if terms.dpop {
            rejection.challenge(Scheme::Dpop, terms);
        }
        rejection
    }

    pub(super) fn malformed(terms: Terms<'_>) -> Self {
        let mut rejection = Self::new(Cause::Malformed, StatusCode::BAD_REQUEST);
        rejection.0.error = Some("invalid_request");
        rejection.challenge(Scheme::Bearer, terms);
        rejection
    }

    /// No token would help, so there is no challenge.
    pub(super) fn no_rule() -> Self {
        Self::new(Cause::NoRule, StatusCode::FORBIDDEN)
    }

    /// No token would help here either.
    pub(super) fn body(fault: BodyFault) -> Self {
        Self::new(Cause::Body(fault), fault.status())
    }

    pub(super) fn denied(denied: Denied, scheme: Scheme, terms: Terms<'_>) -> Self {
        let (status, error) = words(denied.reason());
        let needs_proof =
            *denied.reason() == Reason::Proof(ProofDenial::Missing) || terms.must_be_bound();
        let scheme = if needs_proof && terms.dpop { Scheme::Dpop } else { scheme };
        let scopes = match denied.reason() {
            Reason::Scope { missing } => scope_list(terms.requirement.scopes(), missing),
            _ if status == StatusCode::UNAUTHORIZED => terms.scopes(),
            _ => None,
        };
        let resource = terms.resource.map(ResourceMetadata::resource);
        let audience = audiences::missing(&denied, resource, terms.requirement).map(str::to_owned);
        let mut rejection = Self::new(Cause::Denied(denied), status);
        rejection.0.audience = audience;
        (rejection.0.error, rejection.0.scope) = (Some(error), scopes);
        rejection.challenge(scheme, terms);
        rejection
    }

    pub(super) fn unknown(error: Error) -> Self {
        let seconds = error.retry_after().map_or(DEFAULT_RETRY_SECS, |wait| {
            // Rounded up: a request that comes too early is in vain.
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
        });
        let seconds = seconds.max(1);
        let mut rejection = Self::new(Cause::Unknown(error), StatusCode::SERVICE_UNAVAILABLE);
        rejection.0.headers.insert(RETRY_AFTER, seconds.into());
        rejection.0.retry = Some(Duration::from_secs(seconds));
        rejection
    }

    fn new(cause: Cause, status: StatusCode) -> Self {
        Self(Box::new(Inner {
            cause,
            status,
            headers: HeaderMap::new(),
            error: None,
            scope: None,
            retry: None,
            form: Form::Bare,
            audience: None,
        }))
    }

    fn challenge(&mut self, scheme: Scheme, terms: Terms<'_>) {
        let Inner { cause, error, scope, .. } = &*self.0;
        let algs = (scheme == Scheme::Dpop).then_some(PROOF_ALGORITHMS);
        let parameters = [
            ("realm", terms.realm),
            ("algs", algs),
            ("error", *error),
            ("error_description", cause.is_near_audience().then_some(NEAR_AUDIENCE)),
            ("scope", scope.as_deref()),
            ("resource_metadata", terms.resource.map(ResourceMetadata::url)),
        ];
        let parameters = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let mut text = match scheme {
            Scheme::Bearer => "Bearer".to_owned(),
            Scheme::Dpop => "DPoP".to_owned(),
        };
        for (index, (name, value)) in parameters.enumerate() {
            text.push_str(if index == 0 { " " } else { ", " });
            text.push_str(&format!("{name}=\"{value}\""));
        }
        // The realm, the scopes and the URL were looked through for what cannot stand here.
        if let Ok(value) = HeaderValue::try_from(text) {
            self.0.headers.append(WWW_AUTHENTICATE, value);
        }
    }
}

impl Cause {
    /// Whether the token would be good but for a slash: that is told, since the identifier of a
    /// resource is public and the mistake is somebody's setting.
    fn is_near_audience(&self) -> bool {
        let near = Reason::Audience(AudienceFault::TrailingSlash);
        matches!(self, Self::Denied(denied) if *denied.reason() == near)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            Cause::NoToken => f.write_str("the request has no token"),
            Cause::Malformed => f.write_str("the request's token cannot be read"),
            Cause::NoRule => f.write_str("there is no rule for the request"),
            Cause::Body(fault) => fault.fmt(f),
            Cause::Denied(denied) => {
                denied.reason().fmt(f)?;
                let wanted = self.0.audience.as_deref();
                wanted.map_or(Ok(()), |wanted| audiences::write(f, wanted, denied))
            }
            Cause::Unknown(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Rejection {}

/// The status and the `error` for a denial.
fn words(reason: &Reason) -> (StatusCode, &'static str) {
    match reason {
        // RFC 6750 §3.1: "higher privileges than provided by the access token".
        Reason::Scope { .. } | Reason::Client | Reason::NoUser | Reason::Predicate => {
            (StatusCode::FORBIDDEN, INSUFFICIENT_SCOPE)
        }
        Reason::Proof(
            ProofDenial::Invalid
            | ProofDenial::Mismatch
            | ProofDenial::Time
            | ProofDenial::Replayed,
        ) => (StatusCode::UNAUTHORIZED, INVALID_PROOF),
        _ => (StatusCode::UNAUTHORIZED, "invalid_token"),
    }
}

/// Scopes for a challenge, without those that cannot stand in one: what is required, and what is
/// missing beside that, of which one may be enough.
fn scope_list(required: &[String], missing: &[String]) -> Option<String> {
    let printable = |scope: &&String| scope.bytes().all(|b| b.is_ascii_graphic() && is_plain(b));
    let others = missing.iter().filter(|scope| !required.contains(scope));
    let scopes = required.iter().chain(others).filter(printable);
    let scopes: Vec<_> = scopes.map(String::as_str).collect();
    (!scopes.is_empty()).then(|| scopes.join(" "))
}

/// Whether a byte may stand between quotes as it is.
pub(super) fn is_plain(byte: u8) -> bool {
    byte != b'"' && byte != b'\\'
}

const INSUFFICIENT_SCOPE: &str = "insufficient_scope";
const INVALID_PROOF: &str = "invalid_dpop_proof";

const NEAR_AUDIENCE: &str =
    "the access token's audience differs from the one wanted here by a trailing slash";

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What is said where nobody knows how long it takes.
const DEFAULT_RETRY_SECS: u64 = 1;
