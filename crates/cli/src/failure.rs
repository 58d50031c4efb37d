//! Why a command failed: one line for people, one exit code for scripts.

use std::error::Error as StdError;
use std::fmt;

use okta_introspect::Error;

use crate::exit::Exit;
use crate::settings::SettingsError;
use crate::text;

/// A failure of a command. `Display` is the whole message: what failed and why, then what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    exit: Exit,
    what: String,
    advice: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), advice: String::new() }
    }

    /// A wrong command line, setting or input.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
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

    /// Puts first what was being done.
    pub(crate) fn during(mut self, step: impl fmt::Display) -> Self {
        self.what = format!("{step}: {}", self.what);
        self
    }

    /// The same message with another exit code.
    pub(crate) fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// What failed and why.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// What to do about it; empty if there is nothing to add.
    pub(crate) fn advice(&self) -> &str {
        &self.advice
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let advice = text::advice::for_command(error.advice());
        let failure = Self::new(error.kind().into(), error.to_string()).advise(advice);
        match error.source() {
            Some(cause) => failure.because(cause),
            None => failure,
        }
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        let advice = text::advice::for_command(error.advice());
        Self::new(error.kind().into(), error.to_string()).advise(advice)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.advice.is_empty() {
            write!(f, "; {}", self.advice)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use okta_introspect::{Issuer, Token};

    #[test]
    fn a_library_error_keeps_its_advice_and_gets_the_exit_code_of_its_kind() {
        let failure = Failure::from(Token::parse("").unwrap_err());
        assert_eq!(failure.exit(), Exit::Usage);
        assert_eq!(failure.to_string(), "the token is empty; give the token itself");
    }

    #[test]
    fn causes_follow_the_effect_and_the_place_follows_both() {
        let cause = std::io::Error::other("disk on fire");
        let failure =
            Failure::usage("no file").because(&cause).found_in("--key-file").advise("look again");
        assert_eq!(failure.to_string(), "no file: disk on fire (from --key-file); look again");
        let issuer = Failure::from(Issuer::parse("ftp://x").unwrap_err());
        assert!(issuer.to_string().starts_with("the issuer is not https"), "{issuer}");
    }
}
