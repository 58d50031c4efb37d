//! What went wrong between here and the server, in words that repeat no secret.

use std::error::Error as _;
use std::time::Duration;

use okta_introspect::{Error, ErrorKind};
use serde_json::Value;

use crate::excerpt::excerpt;

/// A server must not send this client to sleep for longer.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// An answer that is no success, with the status and what it said.
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    /// What it says, bounded and masked; empty if it says nothing that could be read.
    pub(super) says: String,
}

impl Refused {
    pub(super) fn new(status: u16, retry_after: Option<&str>, body: &[u8]) -> Self {
        let seconds = retry_after.and_then(|value| value.trim().parse().ok());
        let retry_after = seconds.map(|seconds| Duration::from_secs(seconds).min(MAX_WAIT));
        Self { status, retry_after, says: said(body) }
    }

    /// Whether another token may help.
    pub(super) fn is_about_the_token(&self) -> bool {
        matches!(self.status, 401 | 403)
    }

    /// `what` was asked for: `to sign`.
    pub(super) fn into_error(self, what: &str) -> Error {
        // OpenBao says so of a version that is too old with a status that is for its own failures.
        let is_of_version = self.says.contains("version for signing");
        let Self { status, retry_after, says } = self;
        let says = if says.is_empty() { String::new() } else { format!(": {says}") };
        let of = |kind, told: &str, advice: &'static str| {
            let text = format!("Vault {told} when asked {what} (status {status}){says}");
            Error::from_remote_signer(kind, text, advice, retry_after)
        };
        let of_key = || {
            of(
                ErrorKind::Key,
                "refused the request",
                "see whether the key is for signatures, and whether this version of it may still sign",
            )
        };
        match status {
            401 | 403 => of(
                ErrorKind::ClientRefused,
                "refused the token",
                "see whether the token is still good, and whether its policy allows `update` on `MOUNT/sign/KEY/*` and `read` on `MOUNT/keys/KEY`",
            ),
            404 => of(
                ErrorKind::Configuration,
                "knows no such path",
                "see the address, the namespace, the mount and the key's name",
            ),
            400 | 405 | 422 => of_key(),
            500 if is_of_version => of_key(),
            429 => of(
                ErrorKind::RateLimited,
                "has had too many requests",
                "wait, or ask for a higher quota",
            ),
            503 => of(
                ErrorKind::ServerFailed,
                "is sealed, or cannot serve now",
                "see `vault status`; a sealed server is to be unsealed",
            ),
            412 | 472 | 473 | 500..=599 => of(
                ErrorKind::ServerFailed,
                "cannot serve now",
                "wait and try again, and see the server's log",
            ),
            300..=399 => of(
                ErrorKind::Configuration,
                "answered with another address, which is not followed with a token",
                "name the address of the active server, or of what stands before all of them",
            ),
            _ => of(
                ErrorKind::Malformed,
                "gave an unusual answer",
                "see whether this is Vault or OpenBao",
            ),
        }
    }
}

/// What stands in `errors`.
fn said(body: &[u8]) -> String {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let errors = document["errors"].as_array().cloned().unwrap_or_default();
    let errors: Vec<&str> = errors.iter().filter_map(Value::as_str).collect();
    excerpt(errors.join("; ").as_bytes())
}

/// No answer came, or not all of it.
pub(super) fn no_answer(cause: &reqwest::Error) -> Error {
    let mut innermost: &dyn std::error::Error = cause;
    while let Some(next) = innermost.source() {
        innermost = next;
    }
    let why = match cause.source() {
        Some(_) => format!(": {}", excerpt(innermost.to_string().as_bytes())),
        None => String::new(),
    };
    let what = match cause.is_connect() {
        true => format!("no connection to Vault{why}"),
        false => format!("the connection to Vault broke{why}"),
    };
    Error::from_remote_signer(
        ErrorKind::Unreachable,
        what,
        "see the address, the network, and whether its certificate is from an authority that is trusted",
        None,
    )
}

pub(super) fn slow(limit: Duration) -> Error {
    let what = format!("Vault did not answer within {limit:?}");
    Error::from_remote_signer(ErrorKind::TimedOut, what, "try again, or allow more time", None)
}

pub(super) fn malformed(what: &str) -> Error {
    Error::from_remote_signer(
        ErrorKind::Malformed,
        format!("an answer of Vault {what}"),
        "see whether the address is that of Vault or OpenBao",
        None,
    )
}

pub(super) fn configuration(what: impl Into<String>, advice: &'static str) -> Error {
    Error::from_remote_signer(ErrorKind::Configuration, what, advice, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_of_the_kind_that_says_what_to_do() {
        for (status, kind) in [
            (301, ErrorKind::Configuration),
            (307, ErrorKind::Configuration),
            (400, ErrorKind::Key),
            (401, ErrorKind::ClientRefused),
            (403, ErrorKind::ClientRefused),
            (404, ErrorKind::Configuration),
            (412, ErrorKind::ServerFailed),
            (418, ErrorKind::Malformed),
            (429, ErrorKind::RateLimited),
            (473, ErrorKind::ServerFailed),
            (500, ErrorKind::ServerFailed),
            (503, ErrorKind::ServerFailed),
        ] {
            let body = br#"{"errors":["1 error occurred","token hvs.CAESIJ1wMyJqRRdRF0aaaa"]}"#;
            let error = Refused::new(status, Some("7"), body).into_error("to sign");
            assert_eq!(error.kind(), kind, "{status}");
            assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
            assert!(error.to_string().ends_with(": 1 error occurred; token [masked]"), "{error}");
            assert!(!error.advice().is_empty());
        }
    }

    #[test]
    fn what_a_server_says_is_bounded() {
        for body in [&b""[..], b"<html>", b"[]", br#"{"errors":7}"#, br#"{"errors":[7]}"#] {
            assert_eq!(Refused::new(400, None, body).says, "");
        }
        let wait = Refused::new(429, Some("99999999999"), b"").retry_after;
        assert_eq!(wait, Some(MAX_WAIT));
        assert_eq!(Refused::new(429, Some("-1"), b"").retry_after, None);
    }
}
