//! Why a setting cannot be used.

use std::error::Error as StdError;
use std::fmt;
use std::path::Path;

use okta_introspect::{Error, ErrorKind};

use crate::text;

use crate::suspect::Suspect;

/// A setting that is missing or wrong. `Display` says what is wrong and where it was found, and
/// quotes no value that may be a secret.
///
/// # Example: what is wrong, and what to do
///
/// ```
/// use okta_introspect::ErrorKind;
/// use okta_introspect_settings::{Environment, Settings};
///
/// # fn main() -> Result<(), okta_introspect_settings::SettingsError> {
/// let settings = Settings::loader().environment(Environment::empty()).load()?;
/// let error = settings.client().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Configuration);
/// assert_eq!(error.to_string(), "no issuer was given");
/// assert!(error.advice().contains("OKTA_CLIENT_ORGURL"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SettingsError {
    kind: ErrorKind,
    what: String,
    advice: String,
}

impl SettingsError {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Configuration, what: what.into(), advice: String::new() }
    }

    /// A setting that no source has. If something looks like a configuration, the setting is
    /// probably there.
    pub(crate) fn missing(what: &str, cure: &str, suspect: Option<&Suspect>) -> Self {
        match suspect {
            Some(suspect) => {
                Self::new(format!("no {what} was given: {}", suspect.what())).advise(suspect.cure())
            }
            None => Self::new(format!("no {what} was given")).advise(cure),
        }
    }

    /// A file that a setting names.
    pub(crate) fn unreadable(what: &str, path: &Path) -> Self {
        Self::new(format!("the file with the {what} cannot be read: {}", text::path(path)))
            .advise("check the path and the right to read it")
    }

    /// What to do about it; replaces earlier advice.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }

    /// Adds the cause and the causes behind it.
    pub(crate) fn because(mut self, cause: &dyn StdError) -> Self {
        self.what = text::with_causes(self.what, cause);
        self
    }

    /// Adds where the faulty value was found.
    pub(crate) fn found_in(mut self, place: impl fmt::Display) -> Self {
        self.what = format!("{} (from {place})", self.what);
        self
    }

    /// What kind of error it is: configuration or key, or that of the library's own error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do about it; empty if there is nothing to add.
    pub fn advice(&self) -> &str {
        &self.advice
    }
}

impl From<Error> for SettingsError {
    fn from(error: Error) -> Self {
        let (kind, advice) = (error.kind(), error.advice().to_owned());
        let what = match error.source() {
            Some(cause) => text::with_causes(error.to_string(), cause),
            None => error.to_string(),
        };
        Self { kind, what, advice }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for SettingsError {}
