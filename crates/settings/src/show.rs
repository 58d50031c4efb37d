//! The settings for display: of secrets, fingerprints or nothing.

use okta_introspect::{DpopMode, PublicJwk, Signer as _};
use serde::Serialize;

use crate::elsewhere;
use crate::error::SettingsError;
use crate::found::{Found, Source};
use crate::merged::Settings;

/// A setting, as `config show` tells it: of secrets, fingerprints or nothing. The names are stable.
///
/// # Example: the settings in a log
///
/// ```
/// use okta_introspect_settings::{Environment, Settings};
///
/// # fn main() -> Result<(), okta_introspect_settings::SettingsError> {
/// let environment = Environment::empty().variable("OKTA_CLIENT_PROXY_PASSWORD", "s3cret");
/// for shown in Settings::loader().environment(environment).load()?.shown() {
///     let line = format!("{} = {} (from {})", shown.name, shown.value, shown.origin);
///     assert!(!line.contains("s3cret"));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Serialize)]
pub struct Shown {
    /// The name of the setting.
    pub name: &'static str,
    /// The value; of a secret, a fingerprint or `[set]`.
    pub value: String,
    /// Where it was found.
    pub origin: String,
}

impl Settings {
    /// All settings, checked or not.
    pub fn shown(&self) -> Vec<Shown> {
        let layer = &self.layer;
        let proxy = &layer.proxy;
        let shown = [
            text("profile", self.profile()),
            text("issuer", layer.server.as_ref()),
            text("auth_server", layer.auth_server.as_ref()),
            text("client_id", layer.client_id.as_ref()),
            layer.key.as_ref().map(|found| shown("key", self.describe_key(found), found)),
            self.refused_app(),
            text("key_id", layer.key_id.as_ref()),
            layer.passphrase.as_ref().map(|found| shown("passphrase", secret(&found.value), found)),
            layer
                .algorithm
                .as_ref()
                .map(|found| shown("algorithm", found.value.to_string(), found)),
            text("scopes", layer.scopes.as_ref()),
            layer.timeout.as_ref().map(|found| shown("timeout", seconds(found.value), found)),
            layer
                .connect_timeout
                .as_ref()
                .map(|found| shown("connect_timeout", seconds(found.value), found)),
            layer.retries.as_ref().map(|found| shown("retries", found.value.to_string(), found)),
            layer
                .max_backoff
                .as_ref()
                .map(|found| shown("max_backoff", seconds(found.value), found)),
            layer.dpop.as_ref().map(|found| shown("dpop", dpop(found.value).to_owned(), found)),
            self.proxy_in_use(),
            text("proxy_host", proxy.host.as_ref()),
            proxy.port.as_ref().map(|found| shown("proxy_port", found.value.to_string(), found)),
            text("proxy_username", proxy.username.as_ref()),
            proxy.password.as_ref().map(|found| shown("proxy_password", HIDDEN.to_owned(), found)),
            layer
                .ca_file
                .as_ref()
                .map(|found| shown("ca_file", crate::text::path(&found.value), found)),
        ];
        let mode = text("authorization_mode", layer.mode.as_ref());
        shown.into_iter().flatten().chain(self.shown_store()).chain(mode).collect()
    }

    /// The store that is shared, and why it cannot be used, if that is so.
    fn shown_store(&self) -> impl Iterator<Item = Shown> {
        let store = &self.layer.shared;
        let of = |found: &Option<Found<Source>>, text, file| {
            let found = found.as_ref()?;
            let name = if matches!(found.value, Source::File(_)) { file } else { text };
            Some(shown(name, secret(&found.value), found))
        };
        let url = store.url.as_ref();
        let url = url.map(|url| shown("shared_url", crate::text::setting(url.value.expose()), url));
        let refused = self.layer.check_shared().and_then(|()| store.url().map(drop)).err();
        let previous = "shared_previous_secret_file";
        [
            refused.map(|error| not_usable("shared", &error)),
            url,
            text("shared_username", store.username.as_ref()),
            of(&store.password, "shared_password", "shared_password_file"),
            of(&store.ca, "shared_ca", "shared_ca_file"),
            of(&store.secret, "shared_secret", "shared_secret_file"),
            of(&store.previous_secret, "shared_previous_secret", previous),
        ]
        .into_iter()
        .flatten()
    }

    /// Why server, client id and key are not used together, where they are not.
    fn refused_app(&self) -> Option<Shown> {
        let error = self.check_app().err()?;
        Some(not_usable("app", &error))
    }

    /// The proxy that calls go through, whatever names it.
    fn proxy_in_use(&self) -> Option<Shown> {
        match self.proxy() {
            Ok(found) => found.map(|found| {
                let bypass = self.proxy_bypass().map(|why| format!(", {why}"));
                shown("proxy", found.value.clone() + &bypass.unwrap_or_default(), &found)
            }),
            Err(error) => Some(not_usable("proxy", &error)),
        }
    }

    /// Algorithm and thumbprint of the key, or its source if it cannot be loaded.
    fn describe_key(&self, found: &Found<Source>) -> String {
        match self.key() {
            Ok(key) => {
                let thumbprint = key.public_jwk().map(PublicJwk::thumbprint);
                let thumbprint =
                    thumbprint.map_or_else(String::new, |it| format!(", thumbprint {it}"));
                let place = match key.local() {
                    Some(_) => String::new(),
                    None => format!(" at {}", secret(&found.value)),
                };
                format!("{} key{place}{thumbprint}", key.algorithm())
            }
            Err(_) => format!("{}, which cannot be loaded", secret(&found.value)),
        }
    }
}

const HIDDEN: &str = "[set]";

fn text(name: &'static str, found: Option<&Found<String>>) -> Option<Shown> {
    found.map(|found| shown(name, crate::text::setting(&found.value), found))
}

fn shown<T>(name: &'static str, value: String, found: &Found<T>) -> Shown {
    Shown { name, value, origin: found.origin.to_string() }
}

fn not_usable(name: &'static str, error: &SettingsError) -> Shown {
    let origin = "the settings for it".to_owned();
    Shown { name, value: format!("not usable: {error}"), origin }
}

fn secret(source: &Source) -> String {
    match source {
        Source::Text(_) => HIDDEN.to_owned(),
        Source::File(path) => crate::text::path(path),
        Source::Stdin(_) => "standard input".to_owned(),
        Source::Uri(uri) => elsewhere::shown(uri),
    }
}

fn seconds(seconds: u64) -> String {
    match seconds {
        0 => "the default".to_owned(),
        seconds => format!("{seconds} s"),
    }
}

fn dpop(mode: DpopMode) -> &'static str {
    match mode {
        DpopMode::Always => "always",
        DpopMode::Never => "never",
        _ => "auto",
    }
}
