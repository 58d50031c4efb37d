//! The store that sidecars share.

use okta_introspect::shared::Shared;
use okta_introspect_settings::{Settings, SettingsError, SharedSettings};

/// A store, and what it was opened with.
#[derive(Clone, Debug)]
pub(crate) struct Sharing {
    pub(crate) shared: Shared,
    opened_with: SharedSettings,
}

impl Sharing {
    /// That of the settings, if they name one; an earlier one with its connections, if nothing has
    /// changed that it depends on.
    pub(super) fn new(
        settings: &Settings,
        earlier: Option<&Self>,
    ) -> Result<Option<Self>, SettingsError> {
        let Some(opened_with) = settings.shared_settings()? else { return Ok(None) };
        if let Some(earlier) = earlier.filter(|earlier| earlier.opened_with == opened_with) {
            return Ok(Some(earlier.clone()));
        }
        let shared = opened_with.open()?;
        Ok(Some(Self { shared, opened_with }))
    }
}

/// Whether both are opened with the same.
impl PartialEq for Sharing {
    fn eq(&self, other: &Self) -> bool {
        self.opened_with == other.opened_with
    }
}
