//! The store that the instances of a service share, opened.

use std::fmt;
use std::path::PathBuf;

use okta_introspect::shared::{Shared, SharedSecret};
use okta_introspect::{KeyOptions, Secret, SigningKey};
use openssl::sha::Sha256;
use zeroize::Zeroizing;

use crate::error::SettingsError;
use crate::files;
use crate::found::{Found, Origin, Source};
use crate::merged::Settings;

impl Settings {
    /// The store that the instances of a service share, for
    /// [`CheckerBuilder::shared`](okta_introspect::checker::CheckerBuilder::shared); `None` if the
    /// settings name none. Each call makes a new handle with connections of its own, which are opened
    /// once they are needed: make one for a process.
    ///
    /// # Errors
    ///
    /// If the store's settings are wrong or come from several sources, if a file of theirs cannot be
    /// read, if there is no secret and no key to derive one from, and without the feature `redis`.
    pub fn shared(&self) -> Result<Option<Shared>, SettingsError> {
        self.shared_settings()?.map(|settings| settings.open()).transpose()
    }

    /// What [`shared`](Self::shared) opens; read, and compared with what was read before.
    ///
    /// # Errors
    ///
    /// As for [`shared`](Self::shared).
    pub fn shared_settings(&self) -> Result<Option<SharedSettings>, SettingsError> {
        let Some(url) = self.layer.shared.url()? else { return Ok(None) };
        self.layer.check_shared()?;
        let layer = &self.layer.shared;
        let mut made_of = MadeOf::default();
        made_of.text(url.value.expose());
        made_of.option(layer.username.as_ref().map(|found| found.value.as_bytes()));
        let password = password(layer.password.as_ref(), &mut made_of)?;
        let ca = layer.ca.as_ref().map(ca).transpose()?;
        made_of.option(ca.as_deref());
        let secret = match &layer.secret {
            Some(found) => secret("secret", found, &mut made_of)?,
            None => {
                let key = self.key()?;
                let key = key.local().ok_or_else(nothing_to_derive_from)?;
                made_of.text(&key.public_jwk().thumbprint());
                SharedSecret::of_key(key)?
            }
        };
        let previous = layer.previous_secret.as_ref();
        let previous = previous.map(|found| secret_before(found, &mut made_of)).transpose()?;
        Ok(Some(SharedSettings {
            url: url.value.clone(),
            origin: url.origin.clone(),
            username: layer.username.as_ref().map(|found| found.value.clone()),
            password,
            ca,
            secret,
            previous,
            made_of: made_of.end(),
        }))
    }
}

/// How the shared store is reached, and what seals its entries. Two are equal if they say the same.
///
/// # Example: whether anything has changed
///
/// ```
/// use okta_introspect_settings::{Settings, SettingsError};
///
/// fn is_as_before(before: &Settings, now: &Settings) -> Result<bool, SettingsError> {
///     Ok(before.shared_settings()? == now.shared_settings()?)
/// }
/// ```
#[derive(Clone)]
#[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "Redis is opened with it"))]
pub struct SharedSettings {
    url: Secret,
    origin: Origin,
    username: Option<String>,
    password: Option<Password>,
    ca: Option<Vec<u8>>,
    secret: SharedSecret,
    previous: Option<SharedSecret>,
    /// A digest of all of it.
    made_of: [u8; 32],
}

#[derive(Clone)]
#[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "Redis is opened with it"))]
enum Password {
    Text(Secret),
    /// Read again for each connection, so that the password can be exchanged.
    File(PathBuf),
}

impl SharedSettings {
    /// A handle with connections of its own, which are opened once they are needed.
    ///
    /// # Errors
    ///
    /// If the URL is none of a store's, and without the feature `redis`.
    pub fn open(&self) -> Result<Shared, SettingsError> {
        let builder = Shared::builder(self.store()?, self.secret.clone());
        let builder = match &self.previous {
            Some(previous) => builder.previous(previous.clone()),
            None => builder,
        };
        Ok(builder.build()?)
    }

    #[cfg(feature = "redis")]
    fn store(&self) -> Result<okta_introspect_redis::RedisStore, SettingsError> {
        let mut builder = okta_introspect_redis::RedisStore::builder(self.url.expose());
        if let Some(username) = &self.username {
            builder = builder.username(username);
        }
        builder = match &self.password {
            Some(Password::Text(password)) => builder.password(password.clone()),
            Some(Password::File(path)) => builder.password_file(path),
            None => builder,
        };
        if let Some(ca) = &self.ca {
            builder = builder.ca(ca.as_slice());
        }
        builder.build().map_err(|error| SettingsError::from(error).found_in(&self.origin))
    }

    #[cfg(not(feature = "redis"))]
    fn store(&self) -> Result<okta_introspect::shared::InProcessStore, SettingsError> {
        Err(SettingsError::new("a shared store is named, and this program was built without one")
            .found_in(&self.origin)
            .advise("build it with the feature `redis` of okta-introspect-settings"))
    }
}

impl PartialEq for SharedSettings {
    fn eq(&self, other: &Self) -> bool {
        self.made_of == other.made_of
    }
}

impl Eq for SharedSettings {}

impl fmt::Debug for SharedSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSettings").field("origin", &self.origin).finish_non_exhaustive()
    }
}

fn password(
    found: Option<&Found<Source>>,
    made_of: &mut MadeOf,
) -> Result<Option<Password>, SettingsError> {
    let Some(found) = found else {
        made_of.option(None);
        return Ok(None);
    };
    match &found.value {
        Source::Text(text) => {
            made_of.text(text.expose());
            Ok(Some(Password::Text(text.clone())))
        }
        Source::File(path) => {
            made_of.text("file");
            made_of.bytes(path.as_os_str().as_encoded_bytes());
            // Where it cannot be read, that is told now and not at the first connection.
            read("password of the shared store", found)?;
            Ok(Some(Password::File(path.clone())))
        }
        Source::Stdin(_) | Source::Uri(_) => Err(no_input(found)),
    }
}

fn ca(found: &Found<Source>) -> Result<Vec<u8>, SettingsError> {
    let pem = read("certificate authorities of the shared store", found)?;
    match pem.trim_ascii().is_empty() {
        false => Ok(pem.to_vec()),
        true => Err(SettingsError::new("the shared store's certificate authorities are empty")
            .found_in(&found.origin)
            .advise("give PEM certificates, one or more, in one file")),
    }
}

fn secret_before(
    found: &Found<Source>,
    made_of: &mut MadeOf,
) -> Result<SharedSecret, SettingsError> {
    made_of.text("previous");
    secret("previous secret", found, made_of)
}

/// A secret as it is written, or the one that is derived from a private key.
fn secret(
    what: &str,
    found: &Found<Source>,
    made_of: &mut MadeOf,
) -> Result<SharedSecret, SettingsError> {
    let bytes = read(&format!("{what} of the shared store"), found)?;
    let is_key = std::str::from_utf8(&bytes).is_ok_and(SigningKey::is_key);
    let secret = match is_key {
        true => SigningKey::parse(&bytes, &KeyOptions::default()).and_then(|key| {
            made_of.text(&key.public_jwk().thumbprint());
            SharedSecret::of_key(&key)
        }),
        false => {
            made_of.bytes(bytes.trim_ascii());
            SharedSecret::parse(&bytes)
        }
    };
    secret.map_err(|error| SettingsError::from(error).found_in(&found.origin))
}

fn read(what: &str, found: &Found<Source>) -> Result<Zeroizing<Vec<u8>>, SettingsError> {
    match &found.value {
        Source::Text(text) => Ok(Zeroizing::new(text.expose().as_bytes().to_vec())),
        Source::File(path) => files::read(path).map_err(|cause| {
            SettingsError::unreadable(what, path).because(&cause).found_in(&found.origin)
        }),
        Source::Stdin(_) | Source::Uri(_) => Err(no_input(found)),
    }
}

/// A key elsewhere signs, and does nothing else.
fn nothing_to_derive_from() -> SettingsError {
    SettingsError::new("the shared store has no secret, and none can be derived from a key that never leaves its place")
        .advise("give all instances one secret for the store, such as `openssl rand -base64 32` prints")
}

fn no_input(found: &Found<Source>) -> SettingsError {
    SettingsError::new("what belongs to a shared store is not read from standard input")
        .found_in(&found.origin)
        .advise("name a file")
}

/// What settings are made of, as a digest that tells apart what differs.
#[derive(Default)]
struct MadeOf(Sha256);

impl MadeOf {
    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn option(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bytes(bytes),
            None => self.0.update(&[0]),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&[1]);
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn end(self) -> [u8; 32] {
        self.0.finish()
    }
}
