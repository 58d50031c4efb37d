//! The secret of a fleet, and the keys that are made of it.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::{Error, redact};
use crate::key::SigningKey;
use crate::key::derive::hkdf_sha256;

/// Keeps these keys apart from whatever else is derived from the same secret.
const SALT: &[u8] = b"okta-introspect shared store 1";

/// What is derived from a private key.
const LABEL: &str = "shared store 1";

/// What the instances of a service have in common and the store does not know: names are made and
/// values are sealed with it. Cheap to clone; the memory is wiped with the last clone.
///
/// # Example: all instances have the same private key
///
/// ```
/// use okta_introspect::shared::SharedSecret;
/// use okta_introspect::{Error, SigningKey};
///
/// fn secret(key: &SigningKey) -> Result<SharedSecret, Error> {
///     SharedSecret::of_key(key)
/// }
/// ```
#[derive(Clone)]
pub struct SharedSecret(Arc<Zeroizing<Vec<u8>>>);

impl SharedSecret {
    /// The shortest text that is taken, in bytes.
    pub const MIN_LEN: usize = 32;

    /// The longest text that is taken, in bytes.
    pub const MAX_LEN: usize = 4096;

    /// Text with fewer different characters is no random one: of 32 random hexadecimal digits,
    /// fewer than nine are different once in ten thousand times.
    const MIN_VARIETY: usize = 9;

    /// Derives it from the private key that all instances sign with, so that there is nothing to
    /// configure. Instances with another key share nothing with these; a key in an HSM derives
    /// nothing, and wants [`from_file`](Self::from_file).
    ///
    /// # Errors
    ///
    /// [`Key`](crate::ErrorKind::Key) if OpenSSL fails.
    pub fn of_key(key: &SigningKey) -> Result<Self, Error> {
        Ok(Self(Arc::new(Zeroizing::new(key.derive_secret(LABEL)?.to_vec()))))
    }

    /// Reads a random text, such as `openssl rand -base64 32` prints: from
    /// [`MIN_LEN`](Self::MIN_LEN) to [`MAX_LEN`](Self::MAX_LEN) visible ASCII characters. White
    /// space around it does not count.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if it is shorter or longer, has other
    /// characters, is a key, or cannot be random.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii();
        match fault(text) {
            None => Ok(Self(Arc::new(Zeroizing::new(text.to_vec())))),
            Some(what) => Err(Error::configuration(format!("the shared secret {what}"))
                .advise("take what `openssl rand -base64 32` prints, the same for all instances")),
        }
    }

    /// Reads a file that has such a [text](Self::parse) in it, and nothing else.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the file cannot be read, is no
    /// regular one, or has no such text.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let unreadable = |cause: std::io::Error| {
            let what = format!("the file of the shared secret cannot be read: {}", shown(path));
            Error::configuration(what)
                .advise("check the path, and that this user may read the file")
                .because(cause)
        };
        // Looked at before it is opened: opening a pipe waits for its other end.
        if !path.metadata().map_err(unreadable)?.is_file() {
            let what = format!("the file of the shared secret is no file: {}", shown(path));
            return Err(Error::configuration(what).advise("name a regular file"));
        }
        let most = Self::MAX_LEN + 64;
        let mut text = Zeroizing::new(Vec::with_capacity(most));
        let file = File::open(path).map_err(unreadable)?;
        file.take(most as u64).read_to_end(&mut text).map_err(unreadable)?;
        Self::parse(&text)
    }

    /// A key for one purpose.
    pub(super) fn derive(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>, Error> {
        hkdf_sha256(&self.0, SALT, purpose.as_bytes())
            .map_err(|cause| Error::key("no key can be derived from the secret").because(cause))
    }
}

/// A path for a message, unless it may be the secret in place of its file.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_path = path.is_absolute() || text.starts_with(['.', '~']);
    match !is_path && fault(text.trim().as_bytes()).is_none() {
        true => redact::MASK.to_owned(),
        false => redact::excerpt(redact::path(path).as_bytes(), &[]),
    }
}

/// What is wrong with a text as a secret.
fn fault(text: &[u8]) -> Option<&'static str> {
    let variety: BTreeSet<&u8> = text.iter().collect();
    Some(match text.len() {
        0 => "is empty",
        _ if text.starts_with(b"-----BEGIN") || text.starts_with(b"{") => {
            "is a private key, from which a secret can be derived, and not one itself"
        }
        _ if !text.iter().all(u8::is_ascii_graphic) => {
            "has characters other than visible ASCII ones"
        }
        1..SharedSecret::MIN_LEN => "is too short: it needs 32 characters",
        len if len > SharedSecret::MAX_LEN => "is longer than 4096 characters",
        _ if variety.len() < SharedSecret::MIN_VARIETY => "repeats a few characters",
        _ => return None,
    })
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::key::{Algorithm, KeyOptions};

    const TEXT: &str = "kO3sJ0vXn1Qe8rT5yU2iPa7dF4gH6jL9";

    fn key_of(secret: &SharedSecret) -> Zeroizing<[u8; 32]> {
        secret.derive("seal").unwrap()
    }

    #[test]
    fn a_secret_has_32_to_4096_visible_characters_that_may_be_random() {
        let taken = |text: &str| SharedSecret::parse(text.as_bytes()).is_ok();
        assert_eq!(TEXT.len(), SharedSecret::MIN_LEN);
        assert!(taken(TEXT) && !taken(&TEXT[1..]));
        let long = TEXT.repeat(SharedSecret::MAX_LEN / SharedSecret::MIN_LEN);
        assert!(taken(&long) && !taken(&format!("{long}x")));
        assert!(taken(&"abcdefghi".repeat(4)) && !taken(&"abcdefgh".repeat(5)));
    }

    #[test]
    fn what_is_no_secret_is_named_and_not_repeated() {
        for (text, says) in [
            (String::new(), "is empty"),
            (" \n".to_owned(), "is empty"),
            ("s3cret".to_owned(), "too short"),
            (format!("{TEXT} {TEXT}"), "visible ASCII"),
            (format!("{TEXT}\u{e9}"), "visible ASCII"),
            ("x".repeat(64), "repeats"),
            (format!("-----BEGIN PRIVATE KEY-----\n{TEXT}"), "is a private key"),
            (format!("{{\"kty\":\"{TEXT}\"}}"), "is a private key"),
            ("s3cret!".repeat(1_000), "longer than 4096"),
        ] {
            let error = SharedSecret::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            let said = format!("{error} {error:?}");
            assert!(said.contains(says), "{said}");
            assert!(!said.contains("s3cret") && !said.contains(&TEXT[..8]), "{said}");
        }
    }

    #[test]
    fn white_space_and_a_mark_around_it_make_no_difference() {
        let plain = key_of(&SharedSecret::parse(TEXT.as_bytes()).unwrap());
        for text in [format!("{TEXT}\n"), format!("\u{feff} {TEXT}\r\n")] {
            assert_eq!(key_of(&SharedSecret::parse(text.as_bytes()).unwrap()), plain);
        }
        let other = key_of(&SharedSecret::parse(TEXT.to_lowercase().as_bytes()).unwrap());
        assert_ne!(other, plain);
        assert_ne!(SharedSecret::parse(TEXT.as_bytes()).unwrap().derive("names").unwrap(), plain);
    }

    #[test]
    fn whoever_has_the_private_key_has_the_secret() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let own = key_of(&SharedSecret::of_key(&key).unwrap());
        assert_eq!(key_of(&SharedSecret::of_key(&key.clone().with_key_id(None)).unwrap()), own);
        let sample = include_bytes!("../../keys/sample-p256.pem");
        let other = SigningKey::parse(sample, &KeyOptions::default()).unwrap();
        assert_ne!(key_of(&SharedSecret::of_key(&other).unwrap()), own);
    }

    #[test]
    fn a_file_has_the_text_and_a_folder_or_a_pipe_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, format!("{TEXT}\n")).unwrap();
        let read = SharedSecret::from_file(&path).unwrap();
        assert_eq!(key_of(&read), key_of(&SharedSecret::parse(TEXT.as_bytes()).unwrap()));
        for (path, says) in
            [(folder.path(), "is no file"), (&folder.path().join("none"), "cannot be read")]
        {
            let error = SharedSecret::from_file(path).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        let by_mistake = SharedSecret::from_file(TEXT).unwrap_err().to_string();
        assert!(by_mistake.contains("[masked]") && !by_mistake.contains(&TEXT[..8]));
        let endless = SharedSecret::from_file("/dev/zero").unwrap_err().to_string();
        assert!(endless.contains("is no file"), "{endless}");
        std::fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
        let long = SharedSecret::from_file(&path).unwrap_err().to_string();
        assert!(long.contains("longer than 4096"), "{long}");
    }
}
