//! What can be seen of an issuer's keys from outside.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::set::JwkSet;
use crate::error::Error;

/// What is known of an issuer's keys.
///
/// # Example: a line for a health page
///
/// ```
/// use okta_introspect::{Jwks, JwksStatus};
///
/// fn line(keys: &Jwks) -> String {
///     let JwksStatus { age, is_stale, failure, .. } = keys.status();
///     format!("keys of {age:?}, stale: {is_stale}, {failure:?}")
/// }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct JwksStatus {
    /// The keys; `None` before the first fetch.
    pub keys: Option<JwkSet>,
    /// When they came, by the wall clock; `None` for [fixed](crate::Jwks::fixed) keys.
    pub fetched_at: Option<DateTime<Utc>>,
    /// How long ago they were requested.
    pub age: Option<Duration>,
    /// Whether they are older than they should be. They are used on only while the server cannot
    /// be asked, and no longer than [`max_stale_age`](crate::JwksConfig::max_stale_age).
    pub is_stale: bool,
    /// How many fetches were begun so far.
    pub fetches: u64,
    /// Why the latest fetch failed, if it did.
    pub failure: Option<Error>,
}
