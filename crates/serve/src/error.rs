//! What is wrong with the configuration, or why the sidecar cannot start.

use std::error::Error;
use std::fmt;

/// One thing that is wrong, and where. Shows as one line: place, what is wrong, what to do.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::Fault;
///
/// let fault = Fault::new("two rules are for GET /orders").at("rules[3]").advise("leave one of them out");
/// assert_eq!(fault.to_string(), "rules[3]: two rules are for GET /orders; leave one of them out");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    place: Option<String>,
    message: String,
    advice: Option<String>,
}

impl Fault {
    /// Says what is wrong. Never quotes a value that may be a secret.
    pub fn new(message: impl Into<String>) -> Self {
        Self { place: None, message: message.into(), advice: None }
    }

    /// Names the place, such as `listeners[0].tls` or a line of the file.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Where it is, if it has a place.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// What to do about it, if that is known.
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(advice) = &self.advice {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}

impl Error for Fault {}

/// An error, and what the signer says, if that is why: the place of a key may be out of reach.
pub(crate) struct Whole<'a>(pub(crate) &'a okta_introspect::Error);

impl fmt::Display for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        let mut cause = self.0.source();
        // Errors of calls have causes of other kinds, which are not for everybody.
        let is_signers = self.0.kind() == okta_introspect::ErrorKind::Key
            || cause.is_some_and(|it| it.is::<okta_introspect::Error>());
        while let Some(error) = cause.filter(|_| is_signers) {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use okta_introspect::{Error, ErrorKind};

    #[test]
    fn what_a_signer_says_is_told_whole() {
        let inner = Error::from_signer("the token is not there", "", Some("C_Sign".into()));
        let error = Error::from_signer("not signed", "", Some(inner.into()));
        assert_eq!(Whole(&error).to_string(), "not signed: the token is not there: C_Sign");
        let remote =
            |what: &str| Error::from_remote_signer(ErrorKind::TimedOut, what.to_owned(), "", None);
        assert_eq!(Whole(&remote("no answer")).to_string(), "no answer");
    }
}
