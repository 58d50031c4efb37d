//! A reason for a token to be inactive.

use std::borrow::Cow;

use serde::Serialize;

/// Why the token is or may be inactive, and what to do.
#[derive(Serialize)]
pub(super) struct Reason {
    pub(super) reason: String,
    pub(super) likelihood: &'static str,
    pub(super) cure: Cow<'static, str>,
}

impl Reason {
    pub(super) fn certain(reason: impl Into<String>, cure: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into(), likelihood: "certain", cure: cure.into() }
    }

    pub(super) fn likely(reason: impl Into<String>, cure: impl Into<Cow<'static, str>>) -> Self {
        Self { likelihood: "likely", ..Self::certain(reason, cure) }
    }

    pub(super) fn possible(reason: impl Into<String>, cure: impl Into<Cow<'static, str>>) -> Self {
        Self { likelihood: "possible", ..Self::certain(reason, cure) }
    }
}
