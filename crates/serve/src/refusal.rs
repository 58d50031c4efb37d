//! Why a request is not let in, and what to answer.

use std::fmt;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use okta_introspect::adapter::{Cause, Rejection};
use okta_introspect::checker::Reason;
use serde_json::json;

use crate::caller::Refused;
use crate::error::Whole;
use crate::metrics::Outcome;
use crate::original::{Original, Unread};
use crate::path::PathFault;

/// Why a request is not let in. [`reason`](Self::reason) names it for logs and metrics.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum Refusal {
    /// Its token, or that it has none; or that nobody can tell.
    Token(Box<Rejection>),
    /// There is no rule for it.
    NoRule,
    /// Its path may mean something else to the service behind.
    Path(PathFault),
    /// Its host is not among the origins.
    Host,
    /// Which request the proxy asks about cannot be told.
    Unread(Unread),
    /// The peer is none whose forwarded values count.
    Untrusted,
    /// The proxy names a rule that does not exist.
    UnknownRule,
    /// The caller of the sidecar is none that may ask.
    Caller(Refused),
    /// The caller of the sidecar is over its budget, for this long.
    Busy(Duration),
}

impl Refusal {
    /// The names that [`reason`](Self::reason) gives beside those of [`Rejection::reason`],
    /// [`PathFault`] and [`Unread`].
    pub(crate) const NAMES: [&str; 5] =
        ["no_rule", "unknown_host", "unknown_rule", "caller_over_budget", "untrusted_peer"];

    /// A name for logs and metrics.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Token(rejection) => rejection.reason(),
            Self::NoRule => Self::NAMES[0],
            Self::Host => Self::NAMES[1],
            Self::UnknownRule => Self::NAMES[2],
            Self::Busy(_) => Self::NAMES[3],
            Self::Path(fault) => fault.as_str(),
            Self::Caller(refused) => refused.as_str(),
            Self::Unread(unread) => unread.as_str(),
            Self::Untrusted => Self::NAMES[4],
        }
    }

    /// The status of the answer. 503 is "cannot tell"; 500 is a proxy that is not set up as its mode
    /// demands.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Token(rejection) => rejection.status(),
            // Not 421 for a host: nginx makes 500 of it, and clients try another connection.
            Self::NoRule | Self::Host => StatusCode::FORBIDDEN,
            Self::Path(_) => StatusCode::BAD_REQUEST,
            Self::Unread(unread) => unread.status(),
            // The proxy is at fault, and not its client, who would take 401 for a word on its token.
            Self::UnknownRule | Self::Untrusted | Self::Caller(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The challenges of the answer, and how long to wait.
    pub(crate) fn headers(&self) -> HeaderMap {
        match self {
            Self::Token(rejection) => rejection.headers().clone(),
            Self::Busy(wait) => {
                let mut headers = HeaderMap::new();
                headers.insert(RETRY_AFTER, whole_seconds(*wait).into());
                headers
            }
            _ => HeaderMap::new(),
        }
    }

    /// Whether it is not known whether the request is good.
    pub(crate) fn is_unknown(&self) -> bool {
        match self {
            Self::Token(rejection) => matches!(rejection.cause(), Cause::Unknown(_)),
            Self::Busy(_) => true,
            _ => false,
        }
    }

    /// Whether somebody has to change the proxy's configuration, or ours.
    pub(crate) fn is_misconfiguration(&self) -> bool {
        matches!(
            self,
            Self::Unread(Unread::Misconfigured(_))
                | Self::UnknownRule
                | Self::Untrusted
                | Self::Caller(_)
        )
    }

    /// Whether it is written down each time: guesses of a caller's secret are, as long as they get an
    /// answer.
    pub(crate) fn is_logged(&self) -> bool {
        !matches!(self, Self::Caller(Refused::TooMany(_)))
    }

    /// For the metrics of the listener; the log has the same word as verdict.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            _ if self.is_unknown() => Outcome::Unknown,
            Self::Token(_) | Self::NoRule => Outcome::Denied,
            _ => Outcome::Refused,
        }
    }

    /// A line at INFO: why, and where the request was going. Never its query.
    pub(crate) fn log(&self, original: Option<&Original<'_>>) {
        let cause = match self {
            Self::Token(rejection) => Some(rejection.cause()),
            _ => None,
        };
        let error = match cause {
            Some(Cause::Unknown(error)) => Some(tracing::field::display(Whole(error))),
            _ => None,
        };
        tracing::info!(
            verdict = self.outcome().as_str(),
            reason = self.reason(),
            status = self.status().as_u16(),
            method = original.map(|original| original.method.as_str()),
            host = original.map(|original| &*original.host),
            path = original.map(Original::shown_path).as_deref(),
            detail = self.told().as_deref(), // quoted, as no display is
            error,
            "a request is not let in"
        );
    }

    /// A line at INFO about a question at `/introspect` that got this status for an answer, and the caller,
    /// if it is known.
    pub(crate) fn log_of_caller(&self, status: StatusCode, caller: Option<&str>) {
        tracing::info!(
            verdict = Outcome::Refused.as_str(),
            reason = self.reason(),
            status = status.as_u16(),
            caller,
            "a question at /introspect is not answered"
        );
    }

    /// What those who run the sidecar may know beside the reason: what was wanted, and what the token
    /// has, in the words of the library, of bounded length.
    fn told(&self) -> Option<String> {
        let Self::Token(rejection) = self else { return None };
        let Cause::Denied(denied) = rejection.cause() else { return None };
        let is_of_requirement = matches!(
            denied.reason(),
            Reason::Audience(_) | Reason::Scope { .. } | Reason::Issuer | Reason::UnknownIssuer
        );
        is_of_requirement.then(|| rejection.to_string().chars().take(MAX_TOLD).collect())
    }

    /// A body that programs can read ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
    pub(crate) fn problem(&self) -> String {
        if let Self::Token(rejection) = self {
            return rejection.problem();
        }
        let status = self.status();
        let title = status.canonical_reason().unwrap_or_default();
        json!({"title": title, "status": status.as_u16(), "detail": self.detail()}).to_string()
    }

    /// What clients may know.
    fn detail(&self) -> &'static str {
        match self {
            Self::Token(_) | Self::NoRule => "nothing permits this request",
            Self::Host => "nothing is served under this host",
            Self::Path(_) => "the path can be read in more than one way",
            Self::Unread(Unread::Malformed(_)) => "the request cannot be read in one way only",
            Self::Unread(Unread::Misconfigured(_))
            | Self::UnknownRule
            | Self::Untrusted
            | Self::Caller(_) => "the gateway is not set up",
            Self::Busy(_) => "whether the access token is good is not known at present",
        }
    }
}

/// The most characters of a detail.
const MAX_TOLD: usize = 500;

/// Rounded up: a request that comes too early is in vain.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(rejection) => rejection.fmt(f),
            Self::NoRule => f.write_str("there is no rule for the request"),
            Self::Host => f.write_str("the request's host is not among the origins"),
            Self::Path(fault) => fault.fmt(f),
            Self::Caller(refused) => refused.fmt(f),
            Self::Unread(unread) => unread.fmt(f),
            Self::Untrusted => f.write_str(
                "the peer is not among those whose forwarded values count; list it as trusted",
            ),
            Self::UnknownRule => f.write_str("the proxy names a rule that is not configured"),
            Self::Busy(_) => f.write_str("the caller is over its budget"),
        }
    }
}
