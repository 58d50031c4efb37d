//! Why something cannot be done with a sandbox.

use std::error::Error as StdError;
use std::fmt;

/// A seed, a key, a certificate or a name that cannot be used. `Display` says which; it never
/// repeats a secret.
#[derive(Debug)]
pub struct Error {
    what: String,
    advice: &'static str,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(what: impl Into<String>, advice: &'static str) -> Self {
        Self { what: what.into(), advice, source: None }
    }

    /// The sandbox does not have what was named.
    pub(crate) fn unknown(what: &str, id: &str) -> Self {
        let advice = "seed or register it, and check the spelling";
        Self::new(format!("the sandbox has no {what} {id:?}"), advice)
    }

    pub(crate) fn because(self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source: Some(cause.into()), ..self }
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
