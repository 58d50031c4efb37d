//! What to answer to a request that is not let in
//! ([RFC 6750 §3](https://www.rfc-editor.org/rfc/rfc6750#section-3),
//! [RFC 9449 §7.1](https://www.rfc-editor.org/rfc/rfc9449#section-7.1)).

use std::fmt;

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::checker::{Denied, ProofDenial, Reason, Requirement};
use crate::error::Error;

/// Why a request is not let in, and what to answer.
///
/// `Debug` is for logs and says why; the [response](Self::response) says no more than it has to.
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
    /// Its token was checked, and the answer is no.
    Denied(Denied),
    /// It is not known whether its token is good.
    Unknown(Error),
}

/// What the gate understands and demands, for challenges.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) realm: Option<&'a str>,
    /// Whether bound tokens can be taken at all.
    pub(super) dpop: bool,
    pub(super) requirement: &'a Requirement,
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

    /// The status of the answer: 400, 401, 403 or 503.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The headers of the answer.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The answer, with an empty body.
    pub fn response<B: Default>(self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.0.status;
        *response.headers_mut() = self.0.headers;
        response
    }

    pub(super) fn no_token(terms: Terms<'_>) -> Self {
        // RFC 6750 §3.1: a request without a token is told of no error.
        let mut rejection = Self::new(Cause::NoToken, StatusCode::UNAUTHORIZED);
        if !terms.requirement.is_bound() {
            rejection.challenge(Scheme::Bearer, terms, &[]);
        }
        if terms.dpop {
            rejection.challenge(Scheme::Dpop, terms, &[]);
        }
        rejection
    }

    pub(super) fn malformed(terms: Terms<'_>) -> Self {
        let mut rejection = Self::new(Cause::Malformed, StatusCode::BAD_REQUEST);
        rejection.challenge(Scheme::Bearer, terms, &[("error", "invalid_request")]);
        rejection
    }

    pub(super) fn denied(denied: Denied, scheme: Scheme, terms: Terms<'_>) -> Self {
        let (status, error) = words(denied.reason());
        let needs_proof =
            *denied.reason() == Reason::Proof(ProofDenial::Missing) || terms.requirement.is_bound();
        let scheme = if needs_proof && terms.dpop { Scheme::Dpop } else { scheme };
        let scopes = match denied.reason() {
            Reason::Scope { .. } => scope_list(terms.requirement.scopes()),
            _ => None,
        };
        let mut rejection = Self::new(Cause::Denied(denied), status);
        match &scopes {
            Some(scopes) => {
                rejection.challenge(scheme, terms, &[("error", error), ("scope", scopes)]);
            }
            None => rejection.challenge(scheme, terms, &[("error", error)]),
        }
        rejection
    }

    pub(super) fn unknown(error: Error) -> Self {
        let seconds = error.retry_after().map_or(DEFAULT_RETRY_SECS, |wait| {
            // Rounded up: a request that comes too early is in vain.
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
        });
        let mut rejection = Self::new(Cause::Unknown(error), StatusCode::SERVICE_UNAVAILABLE);
        rejection.0.headers.insert(RETRY_AFTER, seconds.max(1).into());
        rejection
    }

    fn new(cause: Cause, status: StatusCode) -> Self {
        Self(Box::new(Inner { cause, status, headers: HeaderMap::new() }))
    }

    fn challenge(&mut self, scheme: Scheme, terms: Terms<'_>, parameters: &[(&str, &str)]) {
        let algs = (scheme == Scheme::Dpop).then_some(("algs", PROOF_ALGORITHMS));
        let realm = terms.realm.map(|realm| ("realm", realm));
        let parameters = realm.into_iter().chain(algs).chain(parameters.iter().copied());
        let mut text = match scheme {
            Scheme::Bearer => "Bearer".to_owned(),
            Scheme::Dpop => "DPoP".to_owned(),
        };
        for (index, (name, value)) in parameters.enumerate() {
            text.push_str(if index == 0 { " " } else { ", " });
            text.push_str(&format!("{name}=\"{value}\""));
        }
        // The realm and the scopes were looked through for what cannot stand here.
        if let Ok(value) = HeaderValue::try_from(text) {
            self.0.headers.append(WWW_AUTHENTICATE, value);
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            Cause::NoToken => f.write_str("the request has no token"),
            Cause::Malformed => f.write_str("the request's token cannot be read"),
            Cause::Denied(denied) => denied.reason().fmt(f),
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
            (StatusCode::FORBIDDEN, "insufficient_scope")
        }
        Reason::Proof(
            ProofDenial::Invalid
            | ProofDenial::Mismatch
            | ProofDenial::Time
            | ProofDenial::Replayed,
        ) => (StatusCode::UNAUTHORIZED, "invalid_dpop_proof"),
        _ => (StatusCode::UNAUTHORIZED, "invalid_token"),
    }
}

/// Scopes for a challenge, without those that cannot stand in one.
fn scope_list(scopes: &[String]) -> Option<String> {
    let printable = |scope: &&String| scope.bytes().all(|b| b.is_ascii_graphic() && is_plain(b));
    let scopes: Vec<_> = scopes.iter().filter(printable).map(String::as_str).collect();
    (!scopes.is_empty()).then(|| scopes.join(" "))
}

/// Whether a byte may stand between quotes as it is.
pub(super) fn is_plain(byte: u8) -> bool {
    byte != b'"' && byte != b'\\'
}

/// What is said where nobody knows how long it takes.
const DEFAULT_RETRY_SECS: u64 = 1;

/// What proofs may be signed with.
const PROOF_ALGORITHMS: &str = "RS256 RS384 RS512 ES256 ES384 ES512";
