//! The private key that the settings name.

use std::path::Path;
use std::sync::Arc;

use okta_introspect::{
    Algorithm, BoxError, BoxFuture, KeyFile, KeyOptions, PublicJwk, Secret, Signer, SignerLimits,
    SigningKey,
};

use crate::elsewhere;
use crate::files;

use crate::error::SettingsError;
use crate::found::{Found, Input, Origin, Source};
use crate::layer::Layer;
use crate::notation::refuse_placeholder;
use crate::suspect::Suspect;
use crate::text::BYTE_ORDER_MARK;

/// The client's private key, wherever it lives: in this process, or where it never leaves. It is a
/// [`Signer`], and so goes where a [`SigningKey`] goes. One in a file is taken up anew when the file is
/// replaced, as [`KeyFile`] does it. Cheap to clone; clones share the key.
///
/// # Example: what only a key at hand can do
///
/// ```
/// use okta_introspect_settings::{Key, Settings, SettingsError};
///
/// fn can_derive_secrets(settings: &Settings) -> Result<bool, SettingsError> {
///     Ok(settings.key()?.local().is_some())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Key(Place);

#[derive(Clone, Debug)]
enum Place {
    Here(SigningKey),
    /// In a file that may be replaced.
    File(Arc<KeyFile>),
    Elsewhere(Arc<dyn Signer>),
}

impl Key {
    /// A key that never enters the process.
    pub fn elsewhere(signer: Arc<dyn Signer>) -> Self {
        Self(Place::Elsewhere(signer))
    }

    /// The key itself, which can do more than sign, if it is in this process; of a file that was
    /// replaced since, the one that was there first.
    pub fn local(&self) -> Option<&SigningKey> {
        match &self.0 {
            Place::Here(key) => Some(key),
            Place::File(file) => Some(file.first()),
            Place::Elsewhere(_) => None,
        }
    }

    /// What signs with it.
    pub fn signer(&self) -> &dyn Signer {
        match &self.0 {
            Place::Here(key) => key,
            Place::File(file) => &**file,
            Place::Elsewhere(signer) => &**signer,
        }
    }
}

impl From<SigningKey> for Key {
    fn from(key: SigningKey) -> Self {
        Self(Place::Here(key))
    }
}

impl Signer for Key {
    fn algorithm(&self) -> Algorithm {
        self.signer().algorithm()
    }

    fn key_id(&self) -> Option<&str> {
        self.signer().key_id()
    }

    fn public_jwk(&self) -> Option<&PublicJwk> {
        self.signer().public_jwk()
    }

    fn sign<'a>(&'a self, signing_input: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        self.signer().sign(signing_input)
    }

    fn current(&self) -> BoxFuture<'_, Option<Arc<dyn Signer>>> {
        self.signer().current()
    }

    fn refused<'a>(&'a self, refused: &'a Arc<dyn Signer>) -> BoxFuture<'a, bool> {
        self.signer().refused(refused)
    }

    fn limits(&self) -> SignerLimits {
        self.signer().limits()
    }
}

/// The private key.
pub(crate) fn load(layer: &Layer, suspect: Option<&Suspect>) -> Result<Key, SettingsError> {
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
            if key.own_file().is_some() {
                let opened = KeyFile::open(path, options);
                return opened
                    .map(|file| Key(Place::File(Arc::new(file))))
                    .map_err(|error| SettingsError::from(error).found_in(&key.origin));
            }
            SigningKey::from_file(path, &options)
        }
        Source::Stdin(input) => SigningKey::parse(bytes(input, "the private key")?, &options),
        Source::Uri(uri) => {
            refuse_placeholder("private key", uri.expose(), &key.origin)?;
            refuse_foreign_code(uri, &key.origin)?;
            let opened = elsewhere::open(uri, &options);
            return opened.map(Key::elsewhere).map_err(|error| error.found_in(&key.origin));
        }
    };
    loaded.map(Key::from).map_err(|error| SettingsError::from(error).found_in(&key.origin))
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
        Source::Uri(_) => Err(SettingsError::new("the passphrase is the URI of a key")
            .found_in(&found.origin)
            .advise("name the file that holds the passphrase, or the PIN")),
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

/// A file in the working folder may have come with a cloned repository: it may name a key, and no code
/// that is run to reach it, nor a file of the user as its PIN.
fn refuse_foreign_code(uri: &Secret, origin: &Origin) -> Result<(), SettingsError> {
    match origin.is_working_folder() && elsewhere::runs_code(uri) {
        false => Ok(()),
        true => Err(SettingsError::new(
            "a settings file in the working folder does not say which code is run, which PIN is tried or which server is asked to reach a key",
        )
        .found_in(origin)
        .advise("name the key in ~/.okta/okta.yaml, in OKTA_CLIENT_PRIVATEKEY or by --key-file")),
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

#[cfg(test)]
mod tests;
