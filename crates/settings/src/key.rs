//! The private key that the settings name.

use std::path::Path;

use okta_introspect::{KeyOptions, Secret, SigningKey};

use crate::files;

use crate::error::SettingsError;
use crate::found::{Found, Input, Origin, Source};
use crate::layer::Layer;
use crate::notation::refuse_placeholder;
use crate::suspect::Suspect;
use crate::text::BYTE_ORDER_MARK;

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
            let parsed = SigningKey::parse(text.expose().as_bytes(), &options);
            if parsed.is_err() {
                // Attributes around a key may be in braces, too.
                refuse_placeholder("private key", text.expose(), &key.origin)?;
            }
            parsed
        }
        Source::File(path) => {
            refuse_non_path(path, &key.origin)?;
            SigningKey::from_file(path, &options)
        }
        Source::Stdin(input) => SigningKey::parse(bytes(input, "the private key")?, &options),
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
            Ok(passphrase_of(&text))
        }
        Source::Stdin(input) => std::str::from_utf8(bytes(input, "the passphrase")?)
            .map(passphrase_of)
            .map_err(|_| SettingsError::new("the passphrase on standard input is not text")),
    }
}

/// Editors begin files with a mark and end them with a line break; passphrases have neither.
fn passphrase_of(text: &str) -> Secret {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    Secret::new(text.trim_end_matches(['\r', '\n']))
}

fn bytes<'a>(input: &'a Input, content: &'static str) -> Result<&'a [u8], SettingsError> {
    input.bytes(content).map_err(|cause| {
        SettingsError::new(format!("{content} cannot be read from standard input"))
            .because(&cause)
            .advise("give standard input to one thing, and name files for the others")
    })
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
