//! The clients that the settings describe. Making one sends no request.

use okta_introspect::{
    Algorithm, CircuitConfig, Client, ClientBuilder, DpopConfig, DpopMode, Issuer, SigningKey,
};

use crate::connection;
use crate::error::SettingsError;
use crate::found::Found;
use crate::merged::Settings;

impl Settings {
    /// The client of the configured server.
    pub fn client(&self) -> Result<Client, SettingsError> {
        self.client_at(self.issuer()?)
    }

    /// The same app's client of the org server, also when a custom one is configured: management
    /// APIs take no other tokens.
    pub fn org_client(&self) -> Result<Client, SettingsError> {
        self.client_at(self.org()?)
    }

    /// The same app's client of another server of its org.
    pub fn client_at(&self, issuer: Issuer) -> Result<Client, SettingsError> {
        let (client_id, key) = self.credentials()?;
        Ok(self.builder(issuer, client_id, key)?.build()?)
    }

    /// A client without the app's identity, for public documents such as the metadata.
    pub fn anonymous_client(&self, issuer: Issuer) -> Result<Client, SettingsError> {
        let key = SigningKey::generate(Algorithm::Es256)?;
        Ok(self.builder(issuer, "anonymous", key)?.build()?)
    }

    /// The org authorization server.
    pub fn org(&self) -> Result<Issuer, SettingsError> {
        Ok(Issuer::parse(self.issuer()?.org())?)
    }

    /// Client id and private key.
    pub fn credentials(&self) -> Result<(&str, SigningKey), SettingsError> {
        self.layer.check_app()?;
        self.check_mode()?;
        Ok((self.client_id()?, self.key()?))
    }

    /// A client to be completed.
    pub fn builder(
        &self,
        issuer: Issuer,
        client_id: &str,
        key: SigningKey,
    ) -> Result<ClientBuilder, SettingsError> {
        let dpop = self.layer.dpop.as_ref().map_or_else(DpopMode::default, |found| found.value);
        Ok(Client::builder(issuer, client_id, key)
            .http(connection::http(&self.layer)?)
            .retry(connection::retry(&self.layer))
            .dpop(DpopConfig::new(dpop))
            // A command ends with its call: no later one could be spared by an open circuit.
            .circuit(CircuitConfig::off()))
    }

    /// These settings, with a timeout where they have none.
    pub fn or_timeout(mut self, seconds: Found<u64>) -> Self {
        self.layer.timeout.get_or_insert(seconds);
        self
    }

    /// The official SDKs authenticate in several ways; this command in one.
    fn check_mode(&self) -> Result<(), SettingsError> {
        let Some(mode) = &self.layer.mode else {
            return Ok(());
        };
        if ["PrivateKey", "JWK"].iter().any(|known| mode.value.eq_ignore_ascii_case(known)) {
            return Ok(());
        }
        let reason = match mode.value.to_ascii_lowercase().as_str() {
            "ssws" => "API tokens cannot introspect",
            "bearer" => "an access token cannot introspect",
            "jwt" => "a ready-made assertion is good for one request to one endpoint",
            _ => "it is not a known one",
        };
        Err(SettingsError::new(format!("the authorization mode is {}, and {reason}", mode.value))
            .found_in(&mode.origin)
            .advise("set it to PrivateKey, and name the service app's client id and private key"))
    }
}
