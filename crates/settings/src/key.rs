//! The private key that the settings name.

use std::path::Path;

use okta_introspect::{KeyOptions, Secret, SigningKey};

use crate::files;

use crate::error::SettingsError;
use crate::found::{Found, Origin, Source};
use crate::layer::Layer;
use crate::notation::refuse_placeholder;
use crate::suspect::Suspect;

/// The private key.
pub(crate) fn load(layer: &Layer, suspect: Option<&Suspect>) -> Result<SigningKey, SettingsError> {
    let Some(key) = &layer.key else {
        return Err(SettingsError::missing(
            "private key",
            "set OKTA_CLIENT_PRIVATEKEY or okta.client.privateKey (in okta.yaml)",
            suspect,
        ));
    };
    let options = options(layer)?;
    let loaded = match &key.value {
        Source::Text(text) => {
            refuse_placeholder("private key", text.expose(), &key.origin)?;
            SigningKey::parse(text.expose().as_bytes(), &options)
        }
        Source::File(path) => {
            refuse_non_path(path, &key.origin)?;
            SigningKey::from_file(path, &options)
        }
    };
    loaded.map_err(|error| SettingsError::from(error).found_in(&key.origin))
}

fn options(layer: &Layer) -> Result<KeyOptions, SettingsError> {
    let mut options = KeyOptions::default();
    options.algorithm = layer.algorithm.as_ref().map(|found| found.value);
    if let Some(id) = &layer.key_id {
        refuse_placeholder("key id", &id.value, &id.origin)?;
        options.key_id = Some(id.value.clone());
    }
    options.passphrase = layer.passphrase.as_ref().map(passphrase).transpose()?;
    Ok(options)
}

fn passphrase(found: &Found<Source>) -> Result<Secret, SettingsError> {
    match &found.value {
        Source::Text(text) => Ok(text.clone()),
        Source::File(path) => {
            let text = files::read_text(path).map_err(|cause| {
                SettingsError::unreadable("passphrase", path)
                    .because(&cause)
                    .found_in(&found.origin)
            })?;
            // Editors end files with a line break; passphrases do not.
            Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
        }
    }
}

/// Refuses, without repeating it, what was taken for a path and is none: it may be a key in a
/// notation that was not recognised.
fn refuse_non_path(path: &Path, origin: &Origin) -> Result<(), SettingsError> {
    let typed = matches!(origin, Origin::Flag(_) | Origin::Sandbox);
    if typed || path.exists() {
        return Ok(());
    }
    Err(SettingsError::new("the private key is neither PEM, nor a JWK, nor the path of a file")
        .found_in(origin)
        .advise("give a PEM text with `BEGIN PRIVATE KEY`, a JWK, or the path of a key file"))
}
