//! A key in a file that is replaced while it is in use.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::follow::{self, Followed};
use super::rotating::{Keys, is_same};
use super::{Algorithm, KeyOptions, PublicJwk, Signer, SigningKey, load};
use crate::clock::{Clock, SystemClock};
use crate::error::BoxError;
use crate::error::{Error, redact};
use crate::support::boxed_future::BoxFuture;

/// Signs with the key in a file, also when the file is replaced: by `okta-introspect rotate`, by a
/// secret store, or by Kubernetes, which changes where a link leads.
///
/// The file is looked at when something is to be signed and the last look is
/// [`interval`](Self::with_interval) ago, and when the server refuses the key; there is neither a
/// thread nor a timer. A new key is taken as soon as it can be read; a file that is half written, or
/// no key, leaves the one before in use, and the log says so once. That one is kept beside the new one,
/// and tried when the server refuses that, as [`RotatingSigner`](super::RotatingSigner) does.
///
/// A key under another id has to say so itself: as a JWK with a `kid`. [`KeyOptions::key_id`] is for the
/// key with which it begins, and for those that follow without an id.
///
/// # Example: a key that may be rotated
///
/// ```
/// use okta_introspect::{Client, Issuer, KeyFile, KeyOptions};
///
/// # use okta_introspect::{Algorithm, SigningKey};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("service-app.jwk");
/// # SigningKey::generate(Algorithm::Es256)?.write_new_jwk_file(&path)?;
/// let key = KeyFile::open(&path, KeyOptions::default())?;
/// let issuer = Issuer::parse("https://acme.okta.com")?;
/// let client = Client::builder(issuer, "0oa1b2c3d4", key).build()?;
/// # let _ = client;
/// # Ok::<(), okta_introspect::Error>(())
/// ```
pub struct KeyFile {
    path: PathBuf,
    /// What the fixed answers of a [`Signer`] are about.
    first: SigningKey,
    keys: Arc<Keys>,
    file: Followed,
}

impl KeyFile {
    /// How often the file is looked at unless [`with_interval`](Self::with_interval) says otherwise.
    pub const DEFAULT_INTERVAL: Duration = Followed::DEFAULT_INTERVAL;

    /// Reads the key, in any notation that [`SigningKey::parse`] takes.
    ///
    /// # Errors
    ///
    /// As [`SigningKey::from_file`], and [`Key`](crate::ErrorKind::Key) if it is not a regular file:
    /// what came through a pipe cannot be read again.
    pub fn open(path: impl AsRef<Path>, options: KeyOptions) -> Result<Self, Error> {
        let path = path.as_ref();
        let content = follow::read(path, load::MAX_LEN).map_err(|it| load::unreadable(path, it))?;
        let first = SigningKey::parse(&content, &options)?;
        let keys = Arc::new(Keys::new(Arc::new(first.clone()), None));
        let (taken, mut known) = (Arc::clone(&keys), first.public_jwk().clone());
        let take = move |content: &[u8]| {
            let key = replacement(content, &options)?;
            if key.public_jwk() != &known {
                known = key.public_jwk().clone();
                let key_id = key.key_id();
                tracing::info!(key_id, "the key file was replaced; signing with the new key");
                taken.replace(Arc::new(key));
            }
            Ok(())
        };
        let clock = Arc::new(SystemClock);
        let file = Followed::new(clock, path, "key", load::MAX_LEN, &content, Box::new(take));
        Ok(Self { path: path.to_owned(), first, keys, file })
    }

    /// Looks at the file when so much time has passed since the last look. Default:
    /// [`DEFAULT_INTERVAL`](Self::DEFAULT_INTERVAL); zero looks before each signature.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.file.set_interval(interval);
        self
    }

    /// Tells the time by `clock`. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.file.set_clock(Arc::new(clock));
        self
    }

    /// The key with which it began.
    pub fn first(&self) -> &SigningKey {
        &self.first
    }

    /// The id of the key that signs next, unless the file has another one by then.
    pub fn key_id_in_use(&self) -> Option<String> {
        self.keys.in_use().key_id().map(str::to_owned)
    }
}

/// The key that follows: under the id that it gives itself, or else under the one of the options.
fn replacement(content: &[u8], options: &KeyOptions) -> Result<SigningKey, BoxError> {
    let own = KeyOptions { key_id: None, ..options.clone() };
    match (SigningKey::parse(content, &own), &options.key_id) {
        (Ok(key), Some(configured)) if key.key_id().is_some_and(|id| id != configured) => {
            tracing::warn!(
                key_id = key.key_id(),
                configured,
                "the key file gives the key another id than the settings do, which would be wrong after a restart: leave it out there"
            );
            Ok(key)
        }
        (Ok(key), _) if key.key_id().is_some() => Ok(key),
        // Without an id of its own, or a set that needs one to pick from.
        _ => Ok(SigningKey::parse(content, options)?),
    }
}

/// What does not change is said of the key with which it began; requests are signed with
/// [`current`](Signer::current).
impl Signer for KeyFile {
    fn algorithm(&self) -> Algorithm {
        self.first.algorithm()
    }

    fn key_id(&self) -> Option<&str> {
        self.first.key_id()
    }

    fn public_jwk(&self) -> Option<&PublicJwk> {
        Some(self.first.public_jwk())
    }

    fn sign<'a>(&'a self, signing_input: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        self.first.sign(signing_input)
    }

    fn current(&self) -> BoxFuture<'_, Option<Arc<dyn Signer>>> {
        Box::pin(async {
            self.file.look_if_due().await;
            Some(self.keys.in_use())
        })
    }

    fn refused<'a>(&'a self, refused: &'a Arc<dyn Signer>) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let is_replaced = || !is_same(&self.keys.in_use(), refused);
            self.file.look_after_refusal(is_replaced).await || self.keys.refused(refused)
        })
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("path", &redact::path(&self.path))
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
