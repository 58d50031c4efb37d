//! Why something cannot be done with a sandbox.

use std::error::Error as StdError;
use std::fmt;

/// What an [`Error`] is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A seed, an address or a certificate with which no sandbox can be started.
    Configuration,
    /// A public key that cannot be registered for an app.
    Key,
    /// The name of an app, a user, a server, a key or a secret that the sandbox does not have.
    Unknown,
}

/// A seed, a key, a certificate or a name that cannot be used. `Display` says which; it never
/// repeats a secret.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    what: String,
    advice: &'static str,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(what: impl Into<String>, advice: &'static str) -> Self {
        Self { kind: ErrorKind::Configuration, what: what.into(), advice, source: None }
    }

    /// The key cannot be registered.
    pub(crate) fn key(what: impl Into<String>, advice: &'static str) -> Self {
        Self { kind: ErrorKind::Key, ..Self::new(what, advice) }
    }

    /// The sandbox does not have what was named.
    pub(crate) fn unknown(what: &str, id: &str) -> Self {
        let advice = "seed or register it, and check the spelling";
        let error = Self::new(format!("the sandbox has no {what} {id:?}"), advice);
        Self { kind: ErrorKind::Unknown, ..error }
    }

    /// The app does not have the secret, which is not repeated.
    pub(crate) fn unknown_secret(client_id: &str) -> Self {
        let what = format!("the app {client_id:?} has no such client secret");
        let error = Self::new(what, "seed or register it, and check the spelling");
        Self { kind: ErrorKind::Unknown, ..error }
    }

    pub(crate) fn because(self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source: Some(cause.into()), ..self }
    }

    /// What it is about.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do about it, as an imperative without a full stop.
    pub fn advice(&self) -> &'static str {
        self.advice
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|cause| &**cause as &(dyn StdError + 'static))
    }
}
