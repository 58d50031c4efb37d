//! The clients that the settings describe. Making one sends no request.

use okta_introspect::checker::CheckerBuilder;
use okta_introspect::{CachedTokenSource, Checker, Client, ClientBuilder, Issuer};

use crate::error::SettingsError;
use crate::key::Key;
use crate::merged::Settings;
use crate::text;

impl Settings {
    /// The client of the configured server.
    ///
    /// # Errors
    ///
    /// If the server, the client id or the key is missing, wrong, or from another source than the
    /// others.
    pub fn client(&self) -> Result<Client, SettingsError> {
        Ok(self.client_builder()?.build()?)
    }

    /// As [`client`](Self::client), to be completed.
    ///
    /// # Errors
    ///
    /// As for [`client`](Self::client).
    pub fn client_builder(&self) -> Result<ClientBuilder, SettingsError> {
        self.client_builder_at(self.issuer()?)
    }

    /// The same app's client of another server of its org, such as [`org`](Self::org).
    ///
    /// # Errors
    ///
    /// As for [`client`](Self::client).
    pub fn client_builder_at(&self, issuer: Issuer) -> Result<ClientBuilder, SettingsError> {
        let (client_id, key) = self.credentials()?;
        Ok(Client::builder(issuer, client_id, key)
            .http(self.http()?)
            .retry(self.retry()?)
            .dpop(self.dpop()))
    }

    /// A checker over [`client`](Self::client), to be completed. It shares what it learns by the store
    /// that the settings name, if they name one; a program that shares signals as well gives it the
    /// handle that it has made for both by [`shared`](Self::shared).
    ///
    /// # Errors
    ///
    /// As for [`client`](Self::client), and for [`shared`](Self::shared).
    pub fn checker_builder(&self) -> Result<CheckerBuilder, SettingsError> {
        let builder = Checker::builder(self.client()?);
        Ok(match self.shared()? {
            Some(shared) => builder.shared(&shared),
            None => builder,
        })
    }

    /// Service tokens for the configured scopes, requested once and renewed before their end.
    ///
    /// # Errors
    ///
    /// As for [`client`](Self::client), and if there are no scopes.
    pub fn token_source(&self) -> Result<CachedTokenSource, SettingsError> {
        Ok(self.client()?.token_source(self.scopes()?))
    }

    /// The org authorization server, also when a custom one is configured: management APIs take no
    /// other tokens.
    ///
    /// # Errors
    ///
    /// As for [`issuer`](Self::issuer).
    pub fn org(&self) -> Result<Issuer, SettingsError> {
        Ok(Issuer::parse(self.issuer()?.org())?)
    }

    /// Client id and private key.
    ///
    /// # Errors
    ///
    /// As for [`client`](Self::client).
    pub fn credentials(&self) -> Result<(&str, Key), SettingsError> {
        self.check_app()?;
        self.check_mode()?;
        Ok((self.client_id()?, self.key()?))
    }

    /// The official SDKs authenticate in several ways; this crate in one.
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
        let shown = text::setting(&mode.value);
        Err(SettingsError::new(format!("the authorization mode is {shown}, and {reason}"))
            .found_in(&mode.origin)
            .advise("set it to PrivateKey, and name the service app's client id and private key"))
    }
}
