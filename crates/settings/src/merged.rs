//! All sources merged.

use std::path::Path;

use okta_introspect::{HttpConfig, Issuer, Scopes, SigningKey};

use crate::error::SettingsError;
use crate::found::{Found, Origin, Place};
use crate::layer::Layer;
use crate::notation::refuse_placeholder;
use crate::suspect::{self, Suspect};
use crate::{connection, environment, file, key};

/// The merged settings. Each is checked when it is asked for, so that a program fails only for
/// what it uses.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) layer: Layer,
    suspects: Vec<Suspect>,
}

impl Settings {
    /// Merges `flags` with all other sources. Remarks, such as on a misspelt name, go to `note`.
    pub fn gather(
        flags: impl Into<Layer>,
        note: &mut dyn FnMut(String),
    ) -> Result<Self, SettingsError> {
        let mut suspects = Vec::new();
        let layer = flags
            .into()
            .or_else(environment::read(|name| std::env::var_os(name))?)
            .or_else(file::read_first(Place::WorkingFolder, &mut suspects)?)
            .or_else(file::read_first(Place::Home, &mut suspects)?);
        suspects.extend(suspect::files());
        suspects.extend(suspect::variables(&environment::names()));
        suspects.iter().filter_map(Suspect::note).for_each(note);
        Ok(Self { layer, suspects })
    }

    /// These settings, and `below` wherever they say nothing.
    pub fn or_else(self, below: impl Into<Layer>) -> Self {
        Self { layer: self.layer.or_else(below.into()), ..self }
    }

    /// Whether nothing at all looks like a configuration: no server, no client id, no key, and
    /// nothing that may have been meant as one.
    pub fn are_none(&self) -> bool {
        self.layer.names_no_app() && self.suspects.is_empty()
    }

    /// The file in the working folder that decides which server is asked, if one does.
    pub fn server_of_working_folder(&self) -> Option<(&Path, &str)> {
        let server = self.layer.server.as_ref()?;
        match &server.origin {
            Origin::File { path, place: Place::WorkingFolder, .. } => {
                Some((path.as_path(), &server.value))
            }
            _ => None,
        }
    }

    /// The proxy that is used, without its credentials, and where it was found.
    pub fn proxy(&self) -> Result<Option<Found<String>>, SettingsError> {
        let proxy = connection::proxy(&self.layer)?;
        Ok(proxy.map(|found| Found::new(found.value.url, found.origin)))
    }

    /// What was perhaps meant to name the app.
    fn suspect(&self) -> Option<&Suspect> {
        let none = self.layer.names_no_app();
        self.suspects.iter().find(|suspect| none || suspect.note().is_some())
    }

    fn missing(&self, what: &str, places: &str) -> SettingsError {
        SettingsError::missing(what, places, self.suspect())
    }

    /// The authorization server.
    pub fn issuer(&self) -> Result<Issuer, SettingsError> {
        let Some(server) = &self.layer.server else {
            return Err(
                self.missing("issuer", "--issuer, OKTA_CLIENT_ORGURL or okta.client.orgUrl")
            );
        };
        self.layer.check_app()?;
        let issuer = Issuer::parse(&server.value)
            .map_err(|error| SettingsError::from(error).found_in(&server.origin))?;
        match &self.layer.auth_server {
            Some(id) => custom_server(&issuer, id),
            None => Ok(issuer),
        }
    }

    /// The client id of the app.
    pub fn client_id(&self) -> Result<&str, SettingsError> {
        let Some(id) = &self.layer.client_id else {
            return Err(self.missing(
                "client id",
                "--client-id, OKTA_CLIENT_CLIENTID or okta.client.clientId",
            ));
        };
        refuse_placeholder("client id", &id.value, &id.origin)?;
        Ok(&id.value)
    }

    /// The private key.
    pub fn key(&self) -> Result<SigningKey, SettingsError> {
        key::load(&self.layer, self.suspect())
    }

    /// Whether scopes are configured.
    pub fn has_scopes(&self) -> bool {
        self.layer.scopes.is_some()
    }

    /// The scopes to request.
    pub fn scopes(&self) -> Result<Scopes, SettingsError> {
        let Some(scopes) = &self.layer.scopes else {
            return Err(SettingsError::missing(
                "scope",
                "--scope, OKTA_CLIENT_SCOPES or okta.client.scopes",
                None,
            ));
        };
        refuse_placeholder("scope", &scopes.value, &scopes.origin)?;
        Scopes::parse(&scopes.value)
            .map_err(|error| SettingsError::from(error).found_in(&scopes.origin))
    }

    /// How servers are reached.
    pub fn http(&self) -> Result<HttpConfig, SettingsError> {
        connection::http(&self.layer)
    }

    /// Where the server, the key and its passphrase are named.
    pub fn origins(&self) -> Origins<'_> {
        let layer = &self.layer;
        Origins {
            server: layer.server.as_ref().map(|found| &found.origin),
            key: layer.key.as_ref().map(|found| &found.origin),
            key_file: layer.key.as_ref().and_then(Found::file),
            passphrase_file: layer.passphrase.as_ref().and_then(Found::file),
        }
    }
}

/// Where the settings of an app were found.
#[derive(Clone, Copy, Debug)]
pub struct Origins<'a> {
    /// The server.
    pub server: Option<&'a Origin>,
    /// The key.
    pub key: Option<&'a Origin>,
    /// The path of the key, if a file holds it.
    pub key_file: Option<&'a Path>,
    /// The path of its passphrase, if a file holds it.
    pub passphrase_file: Option<&'a Path>,
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
