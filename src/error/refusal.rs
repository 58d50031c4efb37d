//! A server's refusal, and what it asks to be done differently.

use std::fmt;

/// A server's refusal, as far as it could be read.
///
/// # Example: what the server said, for its administrator
///
/// ```
/// use okta_introspect::Error;
///
/// fn request_id(error: &Error) -> Option<&str> {
///     error.refusal()?.request_id.as_deref()
/// }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The OAuth `error` code ([RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)),
    /// or the `errorCode` of Okta's API error shape.
    pub code: Option<String>,
    /// The `error_description` or `errorSummary`, shortened and with secrets masked.
    pub description: Option<String>,
    /// The `errorSummary` of each of the `errorCauses` that Okta's APIs name, which tell what is
    /// wrong with which member; shortened, with secrets masked, and the first
    /// [`MAX_CAUSES`](Self::MAX_CAUSES) only.
    pub causes: Vec<String>,
    /// Okta's `X-Okta-Request-Id`, for support and for the System Log.
    pub request_id: Option<String>,
}

impl Refusal {
    /// No more causes than these are kept: Okta names one or two.
    pub const MAX_CAUSES: usize = 8;

    /// Whether a request without a DPoP proof may have been refused for that: by the codes of
    /// RFC 9449 whatever the words are, by a word about DPoP under any other code, or with a 400
    /// that gives no reason, as servers do whose metadata alone say that they know DPoP.
    pub(crate) fn may_want_proof(&self) -> bool {
        match (self.code.as_deref(), self.description.as_deref()) {
            (Some("invalid_dpop_proof" | "use_dpop_nonce"), _) => true,
            (_, Some(description)) => description.to_ascii_lowercase().contains("dpop"),
            (None | Some("invalid_request"), None) => self.status == 400,
            (Some(_), None) => false,
        }
    }

    /// Whether a server that was asked about a token says by this that the token is not good.
    pub(crate) fn is_about_a_token(&self) -> bool {
        matches!(self.status, 400 | 401) && self.code.as_deref() == Some("invalid_token")
    }

    /// What the server asks to be done differently, if it does.
    pub(crate) fn demand(&self) -> Option<Demand> {
        let description = self.description.as_deref().unwrap_or_default().to_ascii_lowercase();
        let says =
            |fragments: &[&str]| fragments.iter().any(|fragment| description.contains(fragment));
        match self.code.as_deref()? {
            "use_dpop_nonce" => Some(Demand::Nonce),
            "invalid_dpop_proof" if says(&["in the future", "in the past", "is expired"]) => {
                Some(Demand::ServerTime)
            }
            "invalid_client"
                if says(&[
                    "token is expired",
                    "too far into the future",
                    "before the current time",
                ]) =>
            {
                Some(Demand::ServerTime)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(description) = &self.description {
            write!(f, ": {description}")?;
        }
        if !self.causes.is_empty() {
            write!(f, " [{}]", self.causes.join("; "))?;
        }
        Ok(())
    }
}

/// What a refusal asks to be done differently.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Demand {
    /// The proof needs the nonce that came with the refusal (RFC 9449 §8).
    Nonce,
    /// Assertion or proof were dated by a clock that is not the server's.
    ServerTime,
}
