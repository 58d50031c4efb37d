//! The settings of the command: those of every program here, with flags, and clients for one call.

use std::ops::Deref;
use std::path::PathBuf;

#[cfg(test)]
pub(crate) use okta_introspect_settings::variables;
pub(crate) use okta_introspect_settings::{
    DPOP_MODES, Found, Layer, Origin, SettingsError, Shown, Source, dpop_mode,
};

use okta_introspect::{
    Algorithm, CircuitConfig, Client, ClientBuilder, Issuer, Signer, SigningKey,
};

/// What the command line says of settings.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    pub(crate) layer: Layer,
    /// `--profile`.
    pub(crate) profile: Option<String>,
    /// `--config`.
    pub(crate) config: Option<PathBuf>,
}

/// The merged settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings(okta_introspect_settings::Settings);

impl Settings {
    /// Merges `flags` with all other sources.
    pub(crate) fn gather(flags: Flags) -> Result<Self, SettingsError> {
        let mut loader = okta_introspect_settings::Settings::loader().layer(flags.layer);
        if let Some(profile) = flags.profile {
            loader = loader.profile("--profile", profile);
        }
        if let Some(config) = flags.config {
            loader = loader.file(config);
        }
        loader.load().map(Self)
    }

    /// These settings, and `below` wherever they say nothing.
    pub(crate) fn or_else(self, below: impl Into<Layer>) -> Self {
        Self(self.0.or_else(below))
    }

    /// These settings, with a timeout where they have none.
    pub(crate) fn or_timeout(self, seconds: Found<u64>) -> Self {
        self.or_else(Layer { timeout: Some(seconds), ..Layer::default() })
    }

    /// The client of the configured server.
    pub(crate) fn client(&self) -> Result<Client, SettingsError> {
        self.client_at(self.issuer()?)
    }

    /// The same app's client of the org server, also when a custom one is configured: management
    /// APIs take no other tokens.
    pub(crate) fn org_client(&self) -> Result<Client, SettingsError> {
        self.client_at(self.org()?)
    }

    /// The same app's client of another server of its org.
    pub(crate) fn client_at(&self, issuer: Issuer) -> Result<Client, SettingsError> {
        Ok(self.client_builder_at(issuer)?.circuit(CircuitConfig::off()).build()?)
    }

    /// A client without the app's identity, for public documents such as the metadata.
    pub(crate) fn anonymous_client(&self, issuer: Issuer) -> Result<Client, SettingsError> {
        let key = SigningKey::generate(Algorithm::Es256)?;
        Ok(self.builder(issuer, "anonymous", key)?.build()?)
    }

    /// A client to be completed.
    pub(crate) fn builder(
        &self,
        issuer: Issuer,
        client_id: &str,
        key: impl Signer + 'static,
    ) -> Result<ClientBuilder, SettingsError> {
        Ok(Client::builder(issuer, client_id, key)
            .http(self.http()?)
            .retry(self.retry()?)
            .dpop(self.dpop())
            // A command ends with its call: no later one could be spared by an open circuit.
            .circuit(CircuitConfig::off()))
    }
}

impl Deref for Settings {
    type Target = okta_introspect_settings::Settings;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
