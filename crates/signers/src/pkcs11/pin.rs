//! Where the PIN is read from: never from the URI itself.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use cryptoki::types::RawAuthPin;
use okta_introspect::Secret;
use zeroize::Zeroizing;

use super::fault::Fault;

/// Where a PIN is. It is read for each login, so that a PIN that was changed is taken up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum PinSource {
    File(PathBuf),
    Variable(String),
    /// The name of a systemd credential.
    Credential(String),
}

/// PINs have some hundred bytes at most.
const MAX_LEN: usize = 1024;

impl PinSource {
    /// Reads the value of `pin-source`: `file:/path`, a bare path, `env:NAME` or `credential:NAME`.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let is_name = |name: &str| {
            let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            !name.is_empty() && name.chars().all(usual) && !name.starts_with('.')
        };
        match text.split_once(':') {
            Some(("env", name)) if is_name(name) => Ok(Self::Variable(name.to_owned())),
            Some(("credential", name)) if is_name(name) => Ok(Self::Credential(name.to_owned())),
            _ => file_path(text).map(Self::File).ok_or_else(|| {
                // Not repeated: it may be the PIN.
                Fault::new(
                    "`pin-source` of the `pkcs11:` URI names no place of a PIN",
                    "write pin-source=file:/path/of/pin, pin-source=env:VARIABLE or pin-source=credential:NAME",
                )
            }),
        }
    }

    /// The PIN as it is now.
    fn read(&self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        match self {
            Self::File(path) => read_file(path),
            Self::Credential(name) => {
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                    Fault::new(
                        format!("the PIN is the credential {name}, and the service manager passed none on"),
                        "write LoadCredential= or SetCredentialEncrypted= in the unit, or name a file",
                    )
                })?;
                read_file(&Path::new(&folder).join(name))
            }
            Self::Variable(name) => match std::env::var(name).map(Zeroizing::new) {
                Ok(value) => Ok(without_break(value.as_bytes())),
                Err(_) => Err(Fault::new(
                    format!("the variable of the PIN is not set, or not text: {name}"),
                    "set it, or name a file with pin-source=file:/path/of/pin",
                )),
            },
        }
    }
}

/// The PIN for a login, from the URI's source or else from the setting for passphrases.
#[derive(Clone, Debug)]
pub(super) struct Pin {
    pub(super) source: Option<PinSource>,
    pub(super) given: Option<Secret>,
}

impl Pin {
    /// `None` if none is configured.
    pub(super) fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
        let pin = match (&self.source, &self.given) {
            (Some(source), _) => source.read()?,
            (None, Some(secret)) => Zeroizing::new(secret.expose().as_bytes().to_vec()),
            (None, None) => return Ok(None),
        };
        match pin.len() {
            0 => Err(Fault::new("the PIN is empty", "check that its file was written whole")),
            1..=MAX_LEN => Ok(Some(pin)),
            _ => Err(Fault::new(
                "the PIN is longer than 1024 bytes",
                "give the file of the PIN alone",
            )),
        }
    }
}

/// As the module's wrapper takes it; wiped when dropped.
pub(super) fn raw(pin: &[u8]) -> RawAuthPin {
    RawAuthPin::new(Box::new(pin.to_vec()))
}

/// The absolute path of a `file:` URI (RFC 8089), or of a bare path.
pub(super) fn file_path(text: &str) -> Option<PathBuf> {
    let path = text.strip_prefix("file:").unwrap_or(text);
    let path = match path.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => path,
    };
    let path = PathBuf::from(path);
    path.is_absolute().then_some(path)
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let read = || -> io::Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * MAX_LEN));
        // A line break more than a PIN may have, and a byte more.
        File::open(path)?.take(MAX_LEN as u64 + 3).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|cause| {
        Fault::new(
            format!("the file of the PIN cannot be read: {} ({cause})", path.display()),
            "check the path and the right to read it",
        )
    })?;
    Ok(without_break(&bytes))
}

/// Editors end files with a line break; PINs have none.
fn without_break(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
    Zeroizing::new(bytes[..end].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_others_are_refused() {
        for (text, source) in [
            ("file:/run/pin", Some(PinSource::File("/run/pin".into()))),
            ("/run/pin", Some(PinSource::File("/run/pin".into()))),
            ("env:TOKEN_PIN", Some(PinSource::Variable("TOKEN_PIN".to_owned()))),
            ("credential:pin", Some(PinSource::Credential("pin".to_owned()))),
            ("credential:../pin", None),
            ("credential:..", None),
            ("env:", None),
            ("|/usr/bin/pin", None),
            ("1234", None),
            ("https://example.com/pin", None),
        ] {
            assert_eq!(PinSource::parse(text).ok(), source, "{text}");
        }
    }

    #[test]
    fn a_pin_is_what_its_file_holds_without_the_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        let pin = Pin { source: Some(PinSource::File(path.clone())), given: None };
        for (content, expected) in [
            ("1234", Some("1234")),
            ("1234\r\n", Some("1234")),
            (" 12 34 \n", Some(" 12 34 ")),
            ("\n", None),
            ("", None),
            (&"1".repeat(MAX_LEN), Some(&*"1".repeat(MAX_LEN))),
            (&"1".repeat(MAX_LEN + 1), None),
        ] {
            std::fs::write(&path, content).unwrap();
            let read = pin.read().ok().flatten();
            assert_eq!(read.as_deref().map(Vec::as_slice), expected.map(str::as_bytes));
        }
        std::fs::remove_file(&path).unwrap();
        assert!(pin.read().unwrap_err().to_string().contains("cannot be read"));
        let given = Pin { source: None, given: Some(Secret::new("1234")) };
        assert_eq!(given.read().unwrap().unwrap().as_slice(), b"1234");
        assert!(!format!("{given:?}").contains("1234"));
    }

    #[test]
    fn file_uris_are_paths() {
        for (text, path) in [
            ("file:/etc/pin", Some("/etc/pin")),
            ("file:///etc/pin", Some("/etc/pin")),
            ("file://localhost/etc/pin", Some("/etc/pin")),
            ("/etc/pin", Some("/etc/pin")),
            ("file://host/etc/pin", None),
            ("file:pin", None),
            ("", None),
        ] {
            assert_eq!(file_path(text), path.map(PathBuf::from), "{text}");
        }
    }
}
