//! What a source tells of tokens that are no longer what they were.

use std::fmt;

use chrono::{DateTime, Utc};

/// What a source tells of tokens that are no longer what they were.
///
/// # Example: a user was signed out everywhere
///
/// ```
/// use okta_introspect::signals::{Signal, SourceKind, Subject};
///
/// let user = Subject::User { id: Some("00u1".to_owned()), logins: Vec::new() };
/// let signal = Signal::new(SourceKind::UniversalLogout, "global_token_revocation", [user]);
/// assert_eq!(signal.source.as_str(), "universal_logout");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Signal {
    /// Where it came from.
    pub source: SourceKind,
    /// What tells it from all others of its source: the `uuid` of an event, the `jti` of a security
    /// event token. Empty where the source gives none; then none is taken for a repetition.
    pub id: String,
    /// What happened, in the source's words: an `eventType`, the URI of a security event.
    pub kind: String,
    /// When it happened, as the source says.
    pub at: Option<DateTime<Utc>>,
    /// What it names. One that names nothing does nothing.
    pub subjects: Vec<Subject>,
}

impl Signal {
    /// A signal without an id and without a time.
    pub fn new(
        source: SourceKind,
        kind: impl Into<String>,
        subjects: impl IntoIterator<Item = Subject>,
    ) -> Self {
        let subjects = subjects.into_iter().collect();
        Self { source, id: String::new(), kind: kind.into(), at: None, subjects }
    }

    /// With what tells it from all others of its source.
    #[must_use]
    pub fn id(self, id: impl Into<String>) -> Self {
        Self { id: id.into(), ..self }
    }

    /// With the time at which it happened.
    #[must_use]
    pub fn at(self, at: Option<DateTime<Utc>>) -> Self {
        Self { at, ..self }
    }
}

/// What a [`Signal`] names: whose tokens have to be asked about again.
///
/// # Example: a token, by whichever name the source has for it
///
/// ```
/// use okta_introspect::signals::Subject;
///
/// let hash = "hFq1PH4oWPp8F6maiAzaXiCC6i6GbT5PHnKA77192tc=".to_owned();
/// let token = Subject::Token { jti: Some("AT.1".to_owned()), hash: Some(hash) };
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Subject {
    /// One token.
    Token {
        /// Its `jti`.
        jti: Option<String>,
        /// The SHA-256 of its text, in Base64 of the standard alphabet with padding.
        hash: Option<String>,
    },
    /// All tokens of a user.
    User {
        /// Okta's id of the user, which introspection calls `uid`.
        id: Option<String>,
        /// Logins, e-mail addresses or what else a `sub` may be; the case of ASCII letters does not
        /// count. They are gone by where there is no id.
        logins: Vec<String>,
    },
    /// All tokens of the client with this id.
    Client(String),
    /// All tokens of an authorization server, by its issuer URL or its id; of one that a checker
    /// does not know: those of all its custom servers.
    Server(String),
    /// All tokens: it is not known whose.
    Everything,
}

/// Where signals come from.
///
/// # Example
///
/// ```
/// use okta_introspect::signals::SourceKind;
///
/// assert_eq!(SourceKind::ALL.map(SourceKind::as_str)[0], "system_log");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum SourceKind {
    /// Okta's System Log, as [`SystemLog`](super::SystemLog) reads it: the one source that tells
    /// everything it has, and says when it has.
    SystemLog,
    /// Universal Logout: Okta tells that a user is signed out.
    UniversalLogout,
    /// Okta's event hooks.
    EventHook,
    /// Okta's log streaming by way of Amazon EventBridge.
    EventBridge,
    /// Security event tokens ([RFC 8417](https://www.rfc-editor.org/rfc/rfc8417)).
    SecurityEvent,
}

impl SourceKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::SystemLog,
        Self::UniversalLogout,
        Self::EventHook,
        Self::EventBridge,
        Self::SecurityEvent,
    ];

    /// What [`as_str`](Self::as_str) can give.
    pub const NAMES: [&'static str; 5] =
        ["system_log", "universal_logout", "event_hook", "event_bridge", "security_event"];

    /// The name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// The place in [`ALL`](Self::ALL).
    pub(super) fn index(self) -> usize {
        match self {
            Self::SystemLog => 0,
            Self::UniversalLogout => 1,
            Self::EventHook => 2,
            Self::EventBridge => 3,
            Self::SecurityEvent => 4,
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_has_its_own_name() {
        for (index, source) in SourceKind::ALL.into_iter().enumerate() {
            assert_eq!((source.index(), source.as_str()), (index, SourceKind::NAMES[index]));
        }
    }
}
