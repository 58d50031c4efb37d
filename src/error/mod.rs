//! What can go wrong, sorted by what the caller should do about it.

pub(crate) mod bounds;
mod causes;
pub(crate) mod diagnosis;
pub(crate) mod redact;
pub(crate) mod refusal;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::diagnosis::Diagnosis;
use crate::error::refusal::Refusal;

/// Whatever may come out of a foreign [`Signer`](crate::Signer) or library.
///
/// # Example: a failure of one's own
///
/// ```
/// use okta_introspect::BoxError;
///
/// let error: BoxError = "the HSM is locked".into();
/// assert_eq!(error.to_string(), "the HSM is locked");
/// ```
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why there is no answer. An error always means "we do not know": an inactive token is not one.
///
/// `Display` says one level; [`advice`](Self::advice) says what to do; `source()` leads on to
/// the cause. Neither tokens, assertions, keys nor request bodies ever appear in any of them.
///
/// # Example: what to log
///
/// ```
/// use std::error::Error as _;
///
/// use okta_introspect::Error;
///
/// fn line(error: &Error) -> String {
///     let mut line = format!("{error}; {}", error.advice());
///     let mut cause = error.source();
///     while let Some(error) = cause {
///         line.push_str(&format!(": {error}"));
///         cause = error.source();
///     }
///     line
/// }
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    what: String,
    advice: Cow<'static, str>,
    refusal: Option<Refusal>,
    diagnosis: Option<Diagnosis>,
    retry_after: Option<Duration>,
    attempts: Option<Attempts>,
    body: Option<Arc<[u8]>>,
    may_have_taken_effect: bool,
    /// What must not get lost with the answer, and is shown nowhere.
    kept: Option<Zeroizing<String>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What the caller should do.
///
/// # Example: what a backend answers that cannot tell
///
/// ```
/// use okta_introspect::{Error, ErrorKind};
///
/// fn status(error: &Error) -> u16 {
///     match error.kind() {
///         ErrorKind::Input => 401,
///         _ => 503,
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is missing or wrong: fix the configuration.
    Configuration,
    /// An argument cannot be what it is said to be, such as a token with a line break: fix the
    /// call.
    Input,
    /// The private key cannot be loaded, or signing failed: fix the key.
    Key,
    /// The server refused our credentials: fix the key or the app's registration. This never
    /// says anything about an inspected token.
    ClientRefused,
    /// The server knows us and refuses what we ask for, such as a scope that was not granted:
    /// fix the request, the grants or the policy.
    RequestRefused,
    /// The refresh token is no good: it has expired, was revoked or used before, or is another client's.
    /// Only a new sign-in of the user helps. See [`Client::refresh`](crate::Client::refresh).
    InvalidGrant,
    /// Too many requests: wait, see [`Error::retry_after`].
    RateLimited,
    /// The server says that it is failing (5xx): wait and try again.
    ServerFailed,
    /// No connection, or it broke: check the address and the network.
    Unreachable,
    /// No answer before the deadline: try again, or allow more time.
    TimedOut,
    /// An answer came that is not one of an authorization server: check the address.
    Malformed,
    /// The server that was asked cannot know the token, which names another one: ask that one.
    /// See [`ClaimedIssuer`](crate::ClaimedIssuer).
    WrongServer,
}

impl ErrorKind {
    /// The name in metrics and logs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Input => "input",
            Self::Key => "key",
            Self::ClientRefused => "client_refused",
            Self::RequestRefused => "request_refused",
            Self::InvalidGrant => "invalid_grant",
            Self::RateLimited => "rate_limited",
            Self::ServerFailed => "server_failed",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Malformed => "malformed",
            Self::WrongServer => "wrong_server",
        }
    }

    /// Whether the same call may succeed later with nothing changed on our side.
    pub fn is_temporary(self) -> bool {
        match self {
            Self::RateLimited | Self::ServerFailed | Self::Unreachable | Self::TimedOut => true,
            Self::Configuration
            | Self::Input
            | Self::Key
            | Self::ClientRefused
            | Self::RequestRefused
            | Self::InvalidGrant
            | Self::Malformed
            | Self::WrongServer => false,
        }
    }
}

/// What was tried before an error was given.
///
/// # Example: what Okta's support asks for
///
/// ```
/// use okta_introspect::Error;
///
/// fn request_ids(error: &Error) -> &[String] {
///     error.attempts().map_or(&[], |attempts| &attempts.request_ids)
/// }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Attempts {
    /// How many requests were sent.
    pub count: u32,
    /// From the beginning of the call to its end.
    pub elapsed: Duration,
    /// Okta's ids of the requests that were refused, in order.
    pub request_ids: Vec<String>,
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} attempts in {:.1} s", self.count, self.elapsed.as_secs_f64())?;
        if !self.request_ids.is_empty() {
            write!(f, ", request ids {}", self.request_ids.join(" "))?;
        }
        Ok(())
    }
}

impl Error {
    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What to do next, in one sentence without a full stop; empty when there is nothing to add.
    pub fn advice(&self) -> &str {
        &self.0.advice
    }

    /// What the server answered, if the error is its refusal.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.0.refusal.as_ref()
    }

    /// The likely cause, if the server refused for a reason that is known.
    pub fn diagnosis(&self) -> Option<&Diagnosis> {
        self.0.diagnosis.as_ref()
    }

    /// What was tried, if the error is that of a call.
    pub fn attempts(&self) -> Option<&Attempts> {
        self.0.attempts.as_ref()
    }

    /// The body of the refusal as it came, if an API called through a
    /// [`Resource`](crate::Resource) refused; absent if it repeats a secret of the
    /// request. Nothing in it is masked, so neither `Display` nor `Debug` shows it: it is for where
    /// the API's own output belongs.
    pub fn body(&self) -> Option<&[u8]> {
        self.0.body.as_deref()
    }

    /// Whether the server may have carried out the request all the same: it was sent, and no answer says
    /// otherwise. That matters where a request must not be carried out twice; see
    /// [`Client::refresh`](crate::Client::refresh).
    pub fn may_have_taken_effect(&self) -> bool {
        self.0.may_have_taken_effect
    }

    /// How long to leave the server alone, if that is known: by its own word and clock, or until
    /// the next probe of a server that keeps failing.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Counts attempts of earlier calls for the same, too: for callers that wait and call again.
    #[must_use]
    pub fn after_earlier(mut self, earlier: &Attempts) -> Self {
        if earlier.count > 0 {
            let attempts = self.0.attempts.get_or_insert_default();
            attempts.count = attempts.count.saturating_add(earlier.count);
            attempts.elapsed = attempts.elapsed.saturating_add(earlier.elapsed);
        }
        self
    }

    pub(crate) fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            what: what.into(),
            advice: Cow::Borrowed(""),
            refusal: None,
            diagnosis: None,
            retry_after: None,
            attempts: None,
            body: None,
            may_have_taken_effect: false,
            kept: None,
            source: None,
        }))
    }

    pub(crate) fn configuration(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, what)
    }

    pub(crate) fn input(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, what)
    }

    pub(crate) fn key(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Key, what)
    }

    pub(crate) fn malformed(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Malformed, what)
    }

    pub(crate) fn advise(mut self, advice: impl Into<Cow<'static, str>>) -> Self {
        self.0.advice = advice.into();
        self
    }

    pub(crate) fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    pub(crate) fn refused(mut self, refusal: Refusal) -> Self {
        self.0.refusal = Some(refusal);
        self
    }

    pub(crate) fn diagnosed(mut self, diagnosis: Diagnosis) -> Self {
        self.0.advice = Cow::Owned(diagnosis.to_string());
        self.0.diagnosis = Some(diagnosis);
        self
    }

    pub(crate) fn after(mut self, attempts: Attempts) -> Self {
        self.0.attempts = Some(attempts);
        self
    }

    /// Takes note that the server may have carried out the request.
    pub(crate) fn effect(mut self, possible: bool) -> Self {
        self.0.may_have_taken_effect = possible;
        self
    }

    /// Takes along what must not get lost with the answer.
    pub(crate) fn keeping(mut self, text: Option<&str>) -> Self {
        self.0.kept = text.map(|text| Zeroizing::new(text.to_owned()));
        self
    }

    /// What must not get lost with the answer.
    pub(crate) fn kept(&self) -> Option<&str> {
        self.0.kept.as_ref().map(|text| text.as_str())
    }

    /// The same error as one of another kind.
    pub(crate) fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    pub(crate) fn with_body(mut self, body: &[u8]) -> Self {
        self.0.body = Some(body.into());
        self
    }

    pub(crate) fn retry_in(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        match &self.0.attempts {
            Some(attempts) if attempts.count > 1 => write!(f, " ({attempts})"),
            _ => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", &inner.kind).field("what", &inner.what);
        if !inner.advice.is_empty() {
            out.field("advice", &inner.advice);
        }
        if let Some(refusal) = &inner.refusal {
            out.field("refusal", refusal);
        }
        if let Some(wait) = &inner.retry_after {
            out.field("retry_after", wait);
        }
        if let Some(attempts) = &inner.attempts {
            out.field("attempts", attempts);
        }
        if let Some(source) = &inner.source {
            out.field("source", source);
        }
        out.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_pointer_wide_and_crosses_threads() {
        fn shareable<T: Send + Sync + Clone + 'static>() {}
        shareable::<Error>();
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn attempts_of_earlier_calls_are_counted() {
        let call = |count, seconds| Attempts {
            count,
            elapsed: Duration::from_secs(seconds),
            request_ids: Vec::new(),
        };
        let error = Error::new(ErrorKind::RateLimited, "x").after(call(3, 1));
        assert_eq!(error.clone().after_earlier(&call(0, 0)).attempts(), Some(&call(3, 1)));
        let error = error.after_earlier(&call(30, 103));
        assert_eq!(error.to_string(), "x (after 33 attempts in 104.0 s)");
    }

    #[test]
    fn display_says_one_level_and_source_leads_on() {
        let error = Error::key("the key file cannot be read: key.pem")
            .because(std::io::Error::other("disk on fire"));
        assert_eq!(error.to_string(), "the key file cannot be read: key.pem");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("disk on fire"));
    }
}
