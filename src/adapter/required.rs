//! A requirement, wherever it is kept.

use std::ops::Deref;
use std::sync::Arc;

use crate::checker::Requirement;

/// A requirement that is borrowed from where it is kept, or shared.
///
/// # Example: from a state that may be exchanged
///
/// ```
/// use std::sync::{Arc, RwLock};
/// use okta_introspect::Requirement;
/// use okta_introspect::adapter::Required;
///
/// fn current(kept: &RwLock<Arc<Requirement>>) -> Required<'_> {
///     Arc::clone(&kept.read().unwrap_or_else(|poisoned| poisoned.into_inner())).into()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Required<'a>(Kept<'a>);

#[derive(Clone, Debug)]
enum Kept<'a> {
    Borrowed(&'a Requirement),
    Shared(Arc<Requirement>),
}

impl<'a> From<&'a Requirement> for Required<'a> {
    fn from(rule: &'a Requirement) -> Self {
        Self(Kept::Borrowed(rule))
    }
}

impl From<Arc<Requirement>> for Required<'_> {
    fn from(rule: Arc<Requirement>) -> Self {
        Self(Kept::Shared(rule))
    }
}

impl Deref for Required<'_> {
    type Target = Requirement;

    fn deref(&self) -> &Requirement {
        match &self.0 {
            Kept::Borrowed(rule) => rule,
            Kept::Shared(rule) => rule,
        }
    }
}
