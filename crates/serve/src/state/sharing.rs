//! The store that sidecars share.

use okta_introspect::shared::Shared;
use okta_introspect_settings::{Settings, SharedSettings};

use super::asking::of_settings;
use crate::error::Fault;

/// A store, and what it was opened with.
#[derive(Clone, Debug)]
pub(crate) struct Sharing {
    pub(crate) shared: Shared,
    opened_with: SharedSettings,
}

impl Sharing {
    /// That of the settings, if they name one; an earlier one with its connections, if nothing has
    /// changed that it depends on.
    pub(super) fn new(settings: &Settings, earlier: Option<&Self>) -> Result<Option<Self>, Fault> {
        let here = |error| of_settings(&error).at("shared");
        let Some(opened_with) = settings.shared_settings().map_err(here)? else { return Ok(None) };
        if let Some(earlier) = earlier.filter(|earlier| earlier.opened_with == opened_with) {
            return Ok(Some(earlier.clone()));
        }
        let shared = opened_with.open().map_err(here)?;
        Ok(Some(Self { shared, opened_with }))
    }
}

/// Whether both are opened with the same.
impl PartialEq for Sharing {
    fn eq(&self, other: &Self) -> bool {
        self.opened_with == other.opened_with
    }
}
