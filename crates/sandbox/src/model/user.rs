//! Users: the people in the directory.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A person in the directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct User {
    /// The user id, such as `00u1ada`. Any text that is not empty.
    pub id: String,
    /// The login name, such as `ada@example.test`.
    pub login: String,
    /// The e-mail address. Default: the login name.
    #[serde(default)]
    pub email: Option<String>,
    /// The given name. Default: empty, which clients see as none.
    #[serde(default)]
    pub first_name: String,
    /// The family name. Default: empty, which clients see as none.
    #[serde(default)]
    pub last_name: String,
    /// The status. Default: `ACTIVE`.
    #[serde(default)]
    pub status: UserStatus,
    /// When the user was made, as RFC 3339 text. Default: when the sandbox was started.
    #[serde(default)]
    pub created: Option<DateTime<Utc>>,
}

impl User {
    /// An active user whose e-mail address is the login name.
    pub fn new(id: impl Into<String>, login: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            login: login.into(),
            email: None,
            first_name: String::new(),
            last_name: String::new(),
            status: UserStatus::Active,
            created: None,
        }
    }

    /// Sets the given name and the family name.
    #[must_use]
    pub fn name(mut self, first: impl Into<String>, last: impl Into<String>) -> Self {
        (self.first_name, self.last_name) = (first.into(), last.into());
        self
    }

    /// The e-mail address.
    pub(crate) fn email(&self) -> &str {
        self.email.as_deref().filter(|email| !email.is_empty()).unwrap_or(&self.login)
    }

    /// Given name and family name, as far as there are any.
    pub(crate) fn full_name(&self) -> Option<String> {
        let name = format!("{} {}", self.first_name, self.last_name);
        Some(name.trim()).filter(|name| !name.is_empty()).map(str::to_owned)
    }

    /// Sets the status.
    #[must_use]
    pub fn status(mut self, status: UserStatus) -> Self {
        self.status = status;
        self
    }
}

/// Okta's user statuses. Only an active user's tokens are active.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum UserStatus {
    /// Made, and not yet activated.
    Staged,
    /// Activated, and not yet signed in.
    Provisioned,
    /// In use.
    #[default]
    Active,
    /// Recovering a password.
    Recovery,
    /// With a password that must be changed.
    PasswordExpired,
    /// Locked out after failed sign-ins.
    LockedOut,
    /// Suspended: tokens are inactive until the suspension ends.
    Suspended,
    /// Deactivated: tokens are dead for good. Not listed among the users.
    Deprovisioned,
}
