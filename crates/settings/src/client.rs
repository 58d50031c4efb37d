//! The clients that the settings describe. Making one sends no request.

use okta_introspect::checker::CheckerBuilder;
use okta_introspect::{
    CachedTokenSource, Checker, Client, ClientAuth, ClientBuilder, Issuer, SecretFile,
};

use crate::auth_mode::{self, AuthMode};
use crate::error::SettingsError;
use crate::found::Found;
use crate::key::Key;
use crate::merged::Settings;

impl Settings {
    /// The client of the configured server.
    ///
    /// # Errors
    ///
    /// If the server, the client id, or the key or secret is missing, wrong, or from another source than
    /// the others.
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
        self.check_app()?;
        let client_id = self.client_id()?;
        Ok(Client::builder(issuer, client_id, self.client_auth()?)
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

    /// Client id and private key, of an app that authenticates by its key.
    ///
    /// # Errors
    ///
    /// As for [`client`](Self::client), and if the app authenticates otherwise.
    pub fn credentials(&self) -> Result<(&str, Key), SettingsError> {
        self.check_app()?;
        match self.auth_mode()? {
            AuthMode::PrivateKeyJwt => Ok((self.client_id()?, self.key()?)),
            _ => Err(SettingsError::new("this takes a private key, and the app has none")
                .advise("see the authorization mode, and whether a client secret is set")),
        }
    }

    /// How the app authenticates.
    ///
    /// # Errors
    ///
    /// If the mode is none, or one of the official SDKs that is not possible here.
    pub fn auth_mode(&self) -> Result<AuthMode, SettingsError> {
        match &self.layer.mode {
            Some(mode) => auth_mode::read(mode),
            None if self.layer.key.is_none() && self.layer.secret.is_some() => {
                Ok(AuthMode::ClientSecretBasic)
            }
            None => Ok(AuthMode::PrivateKeyJwt),
        }
    }

    /// What the app authenticates with. A key or a secret in a file is taken up anew when the file is
    /// replaced.
    ///
    /// # Errors
    ///
    /// As for [`client`](Self::client).
    pub fn client_auth(&self) -> Result<ClientAuth, SettingsError> {
        self.check_app()?;
        let mode = self.auth_mode()?;
        if mode == AuthMode::PrivateKeyJwt {
            return Ok(ClientAuth::from(self.key()?));
        }
        if mode == AuthMode::None {
            return Ok(ClientAuth::None);
        }
        let secret = self.client_secret()?;
        let file = self.layer.secret.as_ref().and_then(Found::own_file);
        Ok(match (mode, file) {
            (AuthMode::ClientSecretPost, Some(path)) => SecretFile::post(path).into(),
            (AuthMode::ClientSecretPost, None) => ClientAuth::ClientSecretPost(secret),
            (AuthMode::ClientSecretJwt(algorithm), Some(path)) => {
                SecretFile::jwt(path, algorithm).into()
            }
            (AuthMode::ClientSecretJwt(algorithm), None) => {
                ClientAuth::client_secret_jwt(secret, algorithm)
            }
            (_, Some(path)) => SecretFile::basic(path).into(),
            (_, None) => ClientAuth::ClientSecretBasic(secret),
        })
    }
}
