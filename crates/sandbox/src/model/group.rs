//! Groups: made by clients, and without members.

use chrono::{DateTime, Utc};

/// A group of users.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) created: DateTime<Utc>,
}
