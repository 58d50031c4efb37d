//! All sources merged.

use std::path::Path;

use okta_introspect::{DpopConfig, DpopMode, HttpConfig, Issuer, RetryConfig, Scopes};

use crate::connection::AmbientProxy;
use crate::error::SettingsError;
use crate::file::SettingsFile;
use crate::found::{Found, Origin, Place};
use crate::key::Key;
use crate::layer::Layer;
use crate::notation::refuse_placeholder;
use crate::suspect::Suspect;
use crate::{connection, key};

/// The merged settings. Each is checked when it is asked for, so that a program fails only for
/// what it uses.
///
/// # Example: a service in three lines
///
/// ```no_run
/// use okta_introspect::Checker;
/// use okta_introspect_settings::{Settings, SettingsError};
///
/// fn checker() -> Result<Checker, SettingsError> {
///     let settings = Settings::load()?;
///     settings.notes().for_each(|note| eprintln!("{note}"));
///     Ok(settings.checker_builder()?.build()?)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) layer: Layer,
    /// The profile that a flag or a variable chooses.
    pub(crate) profile: Option<Found<String>>,
    pub(crate) files: Vec<SettingsFile>,
    pub(crate) suspects: Vec<Suspect>,
    pub(crate) ambient_proxy: AmbientProxy,
    /// Why the app is not used: its key is another org's.
    pub(crate) foreign_key: Option<SettingsError>,
    /// Whether the program was told where to look.
    pub(crate) is_told_where: bool,
}

impl Settings {
    /// These settings, and `below` wherever they say nothing.
    #[must_use]
    pub fn or_else(self, below: impl Into<Layer>) -> Self {
        Self { layer: self.layer.or_else(below.into()), ..self }
    }

    /// Whether nothing at all looks like a configuration: no server, no client id, no key, nothing
    /// that may have been meant as one, and no word of where to look.
    pub fn are_none(&self) -> bool {
        self.layer.names_no_app() && self.suspects.is_empty() && !self.is_told_where
    }

    /// Remarks for people, such as on a misspelt name.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.suspects.iter().filter_map(Suspect::note)
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

    /// The proxy that is used, without its credentials, and where it was found. For the server it may
    /// be [passed over](Self::proxy_bypass).
    ///
    /// # Errors
    ///
    /// If it is none, or if its credentials come from another source.
    pub fn proxy(&self) -> Result<Option<Found<String>>, SettingsError> {
        let proxy = connection::proxy(&self.layer, &self.ambient_proxy)?;
        Ok(proxy.map(|found| Found::new(found.value.url, found.origin)))
    }

    /// Why the proxy is not used for the server; `None` if it is, or if one of them is not named.
    /// Servers on this computer and those of `NO_PROXY` are called directly.
    pub fn proxy_bypass(&self) -> Option<String> {
        let proxy = connection::proxy(&self.layer, &self.ambient_proxy).ok()??;
        connection::bypass(&proxy.value, &self.issuer().ok()?)
    }

    /// What was perhaps meant to name the app.
    fn suspect(&self) -> Option<&Suspect> {
        let none = self.layer.names_no_app();
        self.suspects.iter().find(|suspect| none || suspect.note().is_some())
    }

    fn missing(&self, what: &str, cure: &str) -> SettingsError {
        SettingsError::missing(what, cure, self.suspect())
    }

    /// Refuses a server, a client id and a key that do not belong together.
    pub(crate) fn check_app(&self) -> Result<(), SettingsError> {
        self.layer.check_app()?;
        self.foreign_key.clone().map_or(Ok(()), Err)
    }

    /// The authorization server.
    ///
    /// # Errors
    ///
    /// If none is named, if it is none, or if another source names the client id or the key.
    pub fn issuer(&self) -> Result<Issuer, SettingsError> {
        let Some(server) = &self.layer.server else {
            return Err(self
                .missing("issuer", "set OKTA_CLIENT_ORGURL or okta.client.orgUrl (in okta.yaml)"));
        };
        self.check_app()?;
        let issuer = Issuer::parse(&server.value)
            .map_err(|error| SettingsError::from(error).found_in(&server.origin))?;
        match &self.layer.auth_server {
            Some(id) => custom_server(&issuer, id),
            None => Ok(issuer),
        }
    }

    /// The client id of the app.
    ///
    /// # Errors
    ///
    /// If there is none, or a placeholder of one.
    pub fn client_id(&self) -> Result<&str, SettingsError> {
        let Some(id) = &self.layer.client_id else {
            return Err(self.missing(
                "client id",
                "set OKTA_CLIENT_CLIENTID or okta.client.clientId (in okta.yaml)",
            ));
        };
        refuse_placeholder("client id", &id.value, &id.origin)?;
        Ok(&id.value)
    }

    /// The private key. One that lives elsewhere is looked for, which blocks.
    ///
    /// # Errors
    ///
    /// If there is none, if it cannot be read or reached, or if the feature for its place is off.
    pub fn key(&self) -> Result<Key, SettingsError> {
        key::load(&self.layer, self.suspect())
    }

    /// Whether scopes are configured.
    pub fn has_scopes(&self) -> bool {
        self.layer.scopes.is_some()
    }

    /// The scopes to request.
    ///
    /// # Errors
    ///
    /// If there are none, or if they are none.
    pub fn scopes(&self) -> Result<Scopes, SettingsError> {
        let Some(scopes) = &self.layer.scopes else {
            return Err(SettingsError::missing(
                "scope",
                "set OKTA_CLIENT_SCOPES or okta.client.scopes (in okta.yaml)",
                None,
            ));
        };
        refuse_placeholder("scope", &scopes.value, &scopes.origin)?;
        Scopes::parse(&scopes.value)
            .map_err(|error| SettingsError::from(error).found_in(&scopes.origin))
    }

    /// How servers are reached.
    ///
    /// # Errors
    ///
    /// If the certificate authorities cannot be read, or the proxy is none.
    pub fn http(&self) -> Result<HttpConfig, SettingsError> {
        connection::http(&self.layer, &self.ambient_proxy)
    }

    /// How calls are repeated.
    ///
    /// # Errors
    ///
    /// If a pause is longer than an hour.
    pub fn retry(&self) -> Result<RetryConfig, SettingsError> {
        connection::retry(&self.layer)
    }

    /// Whether tokens are bound to a key.
    pub fn dpop(&self) -> DpopConfig {
        let mode = self.layer.dpop.as_ref().map_or_else(DpopMode::default, |found| found.value);
        DpopConfig::new(mode)
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
///
/// # Example: told in a log
///
/// ```
/// use okta_introspect_settings::Settings;
///
/// fn told(settings: &Settings) -> String {
///     let server = settings.origins().server;
///     server.map_or_else(|| "nowhere".to_owned(), |origin| origin.to_string())
/// }
/// ```
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
