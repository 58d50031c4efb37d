//! All sources merged.

use std::path::Path;

use okta_introspect::{HttpConfig, Issuer, Scopes, SigningKey};

use super::error::SettingsError;
use super::found::{Found, Origin, Source};
use super::layer::Layer;
use super::notation::refuse_placeholder;
use super::{connection, environment, file, key, misspelt};

/// The merged settings. Each is checked when it is asked for, so that a program fails only for
/// what it uses.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(super) layer: Layer,
}

impl Settings {
    /// Merges `flags` with all other sources. Remarks, such as on a misspelt name, go to `note`.
    pub(crate) fn gather(
        flags: impl Into<Layer>,
        note: &mut dyn FnMut(String),
    ) -> Result<Self, SettingsError> {
        let home = std::env::home_dir().map(|home| home.join(".okta").join("okta.yaml"));
        let layer = flags
            .into()
            .or_else(environment::read(|name| std::env::var_os(name))?)
            .or_else(file::read_first(&["okta.yaml".into(), ".okta.yaml".into()], note)?)
            .or_else(file::read_first(home.as_slice(), note)?);
        misspelt::variables(&environment::names()).into_iter().for_each(note);
        Ok(Self { layer })
    }

    /// These settings, and `below` wherever they say nothing.
    pub(crate) fn or_else(self, below: impl Into<Layer>) -> Self {
        Self { layer: self.layer.or_else(below.into()) }
    }

    /// Whether neither a server nor a client id nor a key is named.
    pub(crate) fn names_no_app(&self) -> bool {
        self.layer.names_no_app()
    }

    /// The authorization server.
    pub(crate) fn issuer(&self) -> Result<Issuer, SettingsError> {
        let Some(server) = &self.layer.server else {
            return Err(SettingsError::missing(
                "issuer",
                "--issuer, OKTA_CLIENT_ORGURL or okta.client.orgUrl",
            ));
        };
        let issuer = Issuer::parse(&server.value)
            .map_err(|error| SettingsError::from(error).found_in(&server.origin))?;
        match &self.layer.auth_server {
            Some(id) => custom_server(&issuer, id),
            None => Ok(issuer),
        }
    }

    /// The client id of the app.
    pub(crate) fn client_id(&self) -> Result<&str, SettingsError> {
        let Some(id) = &self.layer.client_id else {
            return Err(SettingsError::missing(
                "client id",
                "--client-id, OKTA_CLIENT_CLIENTID or okta.client.clientId",
            ));
        };
        refuse_placeholder("client id", &id.value, &id.origin)?;
        Ok(&id.value)
    }

    /// The private key.
    pub(crate) fn key(&self) -> Result<SigningKey, SettingsError> {
        key::load(&self.layer)
    }

    /// Whether scopes are configured.
    pub(crate) fn has_scopes(&self) -> bool {
        self.layer.scopes.is_some()
    }

    /// The scopes to request.
    pub(crate) fn scopes(&self) -> Result<Scopes, SettingsError> {
        let Some(scopes) = &self.layer.scopes else {
            return Err(SettingsError::missing(
                "scope",
                "--scope, OKTA_CLIENT_SCOPES or okta.client.scopes",
            ));
        };
        refuse_placeholder("scope", &scopes.value, &scopes.origin)?;
        Scopes::parse(&scopes.value)
            .map_err(|error| SettingsError::from(error).found_in(&scopes.origin))
    }

    /// How servers are reached.
    pub(crate) fn http(&self) -> Result<HttpConfig, SettingsError> {
        connection::http(&self.layer)
    }

    /// Where the server, and the key are named.
    pub(crate) fn origins(&self) -> Origins<'_> {
        let layer = &self.layer;
        Origins {
            server: layer.server.as_ref().map(|found| &found.origin),
            key: layer.key.as_ref().map(|found| &found.origin),
            key_file: layer.key.as_ref().and_then(|found| match &found.value {
                Source::File(path) => Some(path.as_path()),
                Source::Text(_) => None,
            }),
        }
    }
}

/// Where the settings of an app were found.
pub(crate) struct Origins<'a> {
    pub(crate) server: Option<&'a Origin>,
    pub(crate) key: Option<&'a Origin>,
    pub(crate) key_file: Option<&'a Path>,
}

fn custom_server(issuer: &Issuer, id: &Found<String>) -> Result<Issuer, SettingsError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !id.value.bytes().all(plain) {
        return Err(SettingsError::new("this is not the id of a custom authorization server")
            .found_in(&id.origin)
            .advise("copy the id from the server's issuer, after /oauth2/, such as default"));
    }
    Issuer::parse(&format!("{}/oauth2/{}", issuer.org(), id.value))
        .map_err(|error| SettingsError::from(error).found_in(&id.origin))
}
