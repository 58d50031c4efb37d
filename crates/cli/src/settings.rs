//! The settings: those of every program here.

#[cfg(test)]
pub(crate) use okta_introspect_settings::variables;
pub(crate) use okta_introspect_settings::{
    DPOP_MODES, Found, Layer, Origin, Settings, SettingsError, Shown, Source, dpop_mode,
};
