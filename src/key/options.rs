//! How a private key is to be read.

use super::Algorithm;
use crate::secret::Secret;

/// How a private key is to be read. Everything is optional.
///
/// # Example: an encrypted key with its registered id
///
/// ```
/// use okta_introspect::{KeyOptions, Secret, Signer, SigningKey};
///
/// let options = KeyOptions::default().key_id("k1").passphrase(Secret::new("sample"));
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/keys/sample-p256-encrypted.pem");
/// let key = SigningKey::from_file(path, &options)?;
/// assert_eq!(key.key_id(), Some("k1"));
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct KeyOptions {
    /// The algorithm to sign with. Default: what the JWK says, or ES256/384/512 by the curve, or
    /// RS256.
    pub algorithm: Option<Algorithm>,
    /// The id under which the key is registered; picks the key from a JWK Set. Default: the
    /// JWK's own `kid`.
    pub key_id: Option<String>,
    /// What the key is encrypted under. Default: not encrypted.
    pub passphrase: Option<Secret>,
}

impl KeyOptions {
    /// Signs with `algorithm`.
    #[must_use]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Names, or picks, the key.
    #[must_use]
    pub fn key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// Decrypts the key.
    #[must_use]
    pub fn passphrase(mut self, passphrase: Secret) -> Self {
        self.passphrase = Some(passphrase);
        self
    }
}
