//! A client secret in a file that is replaced while it is in use.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::{Error, redact};
use crate::jws::HmacAlgorithm;
use crate::key::follow::{self, Followed};
use crate::secret::Secret;

/// A client secret in a file, by which a client authenticates also when the file is replaced: an app
/// of Okta's may have two secrets, so that one can follow the other.
///
/// As with [`KeyFile`](crate::KeyFile), the file is looked at when a request is made and the last look
/// is [`interval`](Self::interval) ago, and when the server refuses the secret; then the request is made
/// once more, if the file has another one. A file that is no secret leaves the one before in use,
/// which the log tells once. The client's own clock tells the time.
///
/// # Example
///
/// ```
/// use okta_introspect::{Client, ClientAuth, Issuer, SecretFile};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("client-secret");
/// # std::fs::write(&path, "a sample, and no app's secret\n").unwrap();
/// let issuer = Issuer::parse("https://acme.okta.com/oauth2/default")?;
/// let auth = ClientAuth::SecretFile(SecretFile::basic(&path));
/// let client = Client::builder(issuer, "0oa1b2c3d4", auth).build()?;
/// # let _ = client;
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SecretFile {
    path: PathBuf,
    pub(super) form: Form,
    pub(crate) interval: Duration,
}

/// How the secret is sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Basic,
    Post,
    Jwt(HmacAlgorithm),
}

impl SecretFile {
    /// How often the file is looked at unless [`interval`](Self::interval) says otherwise.
    pub const DEFAULT_INTERVAL: Duration = Followed::DEFAULT_INTERVAL;

    /// The longest file taken, in bytes: a secret with a line break around it.
    const MAX_LEN: usize = 64 * 1024;

    /// The secret is sent as [`ClientSecretBasic`](crate::ClientAuth::ClientSecretBasic) does it.
    pub fn basic(path: impl Into<PathBuf>) -> Self {
        Self::new(path.into(), Form::Basic)
    }

    /// The secret is sent as [`ClientSecretPost`](crate::ClientAuth::ClientSecretPost) does it.
    pub fn post(path: impl Into<PathBuf>) -> Self {
        Self::new(path.into(), Form::Post)
    }

    /// The secret signs, as with [`ClientSecretJwt`](crate::ClientAuth::ClientSecretJwt).
    pub fn jwt(path: impl Into<PathBuf>, algorithm: HmacAlgorithm) -> Self {
        Self::new(path.into(), Form::Jwt(algorithm))
    }

    /// Looks at the file when so much time has passed since the last look. Default:
    /// [`DEFAULT_INTERVAL`](Self::DEFAULT_INTERVAL); zero looks before each request.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    fn new(path: PathBuf, form: Form) -> Self {
        Self { path, form, interval: Self::DEFAULT_INTERVAL }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn method(&self) -> &'static str {
        match self.form {
            Form::Basic => "client_secret_basic",
            Form::Post => "client_secret_post",
            Form::Jwt(_) => "client_secret_jwt",
        }
    }

    pub(super) fn sends_secret(&self) -> bool {
        matches!(self.form, Form::Basic | Form::Post)
    }

    /// The content of the file as it is now.
    pub(crate) fn read(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        follow::read(&self.path, Self::MAX_LEN).map_err(|cause| {
            let path = redact::path(&self.path);
            Error::configuration(format!("the file of the client secret cannot be read: {path}"))
                .advise("check the path, and that this user may read the file")
                .because(cause)
        })
    }

    /// The secret in a content of the file.
    pub(super) fn secret(content: &[u8]) -> Result<Secret, Error> {
        let text = std::str::from_utf8(content).map_err(|_| {
            Error::configuration("the file of the client secret is not text")
                .advise("write the secret into it, and nothing else")
        })?;
        // Editors begin files with a mark and end them with a line break.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\r', '\n']);
        Ok(Secret::new(text))
    }

    pub(crate) const fn max_len() -> usize {
        Self::MAX_LEN
    }
}
