//! The client secret that the settings name.

use okta_introspect::Secret;

use crate::error::SettingsError;
use crate::files;
use crate::found::{Found, Source};
use crate::layer::Layer;
use crate::notation::{self, refuse_placeholder};
use crate::suspect::Suspect;
use crate::text::BYTE_ORDER_MARK;

/// The client secret.
pub(crate) fn load(layer: &Layer, suspect: Option<&Suspect>) -> Result<Secret, SettingsError> {
    let Some(found) = &layer.secret else {
        return Err(SettingsError::missing(
            "client secret",
            "set OKTA_CLIENT_CLIENTSECRET or okta.client.clientSecret (in okta.yaml), or name its file by OKTA_CLIENT_CLIENTSECRETFILE",
            suspect,
        ));
    };
    let secret = match &found.value {
        Source::Text(text) => text.clone(),
        Source::File(path) => {
            let text = files::read_text(path).map_err(|cause| {
                SettingsError::unreadable("client secret", path)
                    .because(&cause)
                    .found_in(&found.origin)
            })?;
            of_file(&text)
        }
        Source::Stdin(input) => {
            let content = "the client secret";
            let bytes = input.bytes(content).map_err(|cause| {
                SettingsError::new(format!("{content} cannot be read from standard input"))
                    .because(&cause)
                    .advise("give standard input to one thing, and name files for the others")
            })?;
            let text = std::str::from_utf8(bytes).map_err(|_| {
                SettingsError::new("the client secret on standard input is not text")
            })?;
            of_file(text)
        }
        Source::Uri(_) => {
            return Err(SettingsError::new("the client secret is the URI of a key")
                .found_in(&found.origin)
                .advise("name the file that holds the secret"));
        }
    };
    refuse_placeholder("client secret", secret.expose(), &found.origin)?;
    if notation::is_quoted(secret.expose()) {
        return Err(SettingsError::new(format!("the client secret {}", notation::QUOTED))
            .found_in(&found.origin)
            .advise("set it without them"));
    }
    Ok(secret)
}

/// Editors begin files with a mark and end them with a line break; secrets have neither.
fn of_file(text: &str) -> Secret {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    Secret::new(text.trim_end_matches(['\r', '\n']))
}

/// The secret: itself, or its file, and not both.
pub(crate) fn one(
    text: Option<Found<Secret>>,
    file: Option<Found<Source>>,
) -> Result<Option<Found<Source>>, SettingsError> {
    match (text, file) {
        (Some(text), Some(file)) => Err(SettingsError::new(format!(
            "the client secret is named twice: by {} and by {}",
            text.origin, file.origin
        ))
        .advise("keep one of them")),
        (Some(text), None) => Ok(Some(Found::new(Source::Text(text.value), text.origin))),
        (None, file) => Ok(file),
    }
}

#[cfg(test)]
mod tests;
