//! Private keys from bytes in every notation, and errors that name what is not one.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind as IoErrorKind, Read, Write};
use std::path::Path;

use openssl::pkey::{PKey, Private};
use zeroize::Zeroizing;

use super::accept::accept;
use super::notation::{self, DER, Notation};
use super::options::KeyOptions;
use super::{PublicJwk, SigningKey, der, jwk_text, pem, private_jwk, unsupported};
use crate::error::{Error, redact};

/// A key, and a set of keys, is shorter; a device that never ends must not fill the memory.
pub(super) const MAX_LEN: usize = 1024 * 1024;

/// Base64 of Base64 occurs where a secret store encodes what was encoded already.
const MAX_ENCODINGS: usize = 2;

pub(super) fn parse(bytes: &[u8], options: &KeyOptions) -> Result<SigningKey, Error> {
    if bytes.len() > MAX_LEN {
        return Err(Error::key("the private key is longer than 1 MiB")
            .advise("give the file of the key alone"));
    }
    read(bytes, options, MAX_ENCODINGS)
}

fn read(bytes: &[u8], options: &KeyOptions, encodings: usize) -> Result<SigningKey, Error> {
    let key = match notation::recognise(bytes) {
        Notation::Json(json) => return private_jwk::from_json(&json, options),
        Notation::Encoded(inner) if encodings > 0 => return read(&inner, options, encodings - 1),
        Notation::Pem(text) => pem::private_key(&text, options.passphrase.as_ref())?,
        Notation::Binary if bytes.starts_with(DER) => {
            der::private_key(bytes, options.passphrase.as_ref())?
        }
        Notation::Binary => {
            return Err(unsupported::binary(bytes).unwrap_or_else(unsupported::unknown));
        }
        Notation::Several => return Err(unsupported::several()),
        Notation::Unknown(text) => return Err(unsupported::text(&text)),
        Notation::Encoded(_) => return Err(unsupported::text("")),
        Notation::Empty => {
            return Err(Error::key("the private key is empty")
                .advise("check that the file was written whole"));
        }
    };
    accept(key, options.algorithm, options.key_id.clone())
}

pub(super) fn from_file(path: &Path, options: &KeyOptions) -> Result<SigningKey, Error> {
    let text = content(path).map_err(|cause| unreadable(path, cause))?;
    parse(&text, options)
}

pub(super) fn unreadable(path: &Path, cause: io::Error) -> Error {
    let what = format!("the key file cannot be read: {}", redact::path(path));
    let advice = match cause.kind() {
        IoErrorKind::NotFound => "check the path; `okta-introspect keygen` makes a key",
        IoErrorKind::PermissionDenied => {
            "run as the file's owner, or give this user the right to read it"
        }
        _ => "check that the path names a file",
    };
    Error::key(what).advise(advice).because(cause)
}

/// One byte more than is taken is enough to refuse the file.
fn content(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // Room for a key at once: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(16 * 1024));
    File::open(path)?.take(MAX_LEN as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

pub(super) fn from_env(variable: &str, options: &KeyOptions) -> Result<SigningKey, Error> {
    let value = std::env::var(variable).map(Zeroizing::new).map_err(|cause| {
        let name = variable_name(variable);
        let what = format!("the environment variable is not set, or not text: {name}");
        Error::key(what)
            .advise("set it to the private key, or to the path of its file")
            .because(cause)
    })?;
    if notation::is_key(value.as_bytes()) {
        return parse(value.as_bytes(), options);
    }
    let path = notation::unquoted(value.trim());
    if Path::new(&*path).exists() {
        return from_file(Path::new(&*path), options);
    }
    // The value may be a key without its first line, so it is not repeated.
    let what = format!(
        "the environment variable holds neither PEM, nor a JWK, nor the path of a file: {}",
        variable_name(variable)
    );
    let error = Error::key(what).advise("set it to the private key, or to the path of its file");
    Err(match parse(value.as_bytes(), options) {
        Ok(_) => error,
        Err(cause) => error.because(cause),
    })
}

/// The name for a message, unless it may be the value that should have been named.
fn variable_name(name: &str) -> &str {
    let is_usual = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if name.chars().all(is_usual) { name } else { redact::MASK }
}

pub(super) fn write_new_file(key: &PKey<Private>, path: &Path) -> Result<(), Error> {
    let pem = key
        .private_key_to_pem_pkcs8()
        .map(Zeroizing::new)
        .map_err(|cause| Error::key("the private key cannot be written as PEM").because(cause))?;
    write_new(path, &pem)
}

pub(super) fn write_new_jwk_file(
    key: &PKey<Private>,
    public: &PublicJwk,
    path: &Path,
) -> Result<(), Error> {
    let jwk = jwk_text::private_jwk(key, public)
        .map_err(|cause| Error::key("the private key cannot be written as a JWK").because(cause))?;
    write_new(path, jwk.as_bytes())
}

fn write_new(path: &Path, content: &[u8]) -> Result<(), Error> {
    new_file(path, |file| file.write_all(content)).map_err(|cause| {
        let advice = match cause.kind() {
            IoErrorKind::AlreadyExists => {
                "choose another name; an existing file is never overwritten"
            }
            _ => "check that the folder exists and may be written to",
        };
        Error::key(format!("the key file cannot be written: {}", redact::path(path)))
            .advise(advice)
            .because(cause)
    })
}

/// Makes a file that its owner alone may read, and writes it to the disk: all of it or nothing. A
/// part of a key would block the name.
fn new_file(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut open = OpenOptions::new();
    open.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    let mut file = open.open(path)?;
    let written = write(&mut file).and_then(|()| file.sync_all());
    if written.is_err() {
        // Nothing was there before. What cannot be removed was told already.
        let _ = std::fs::remove_file(path);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_leaves_no_part_of_a_key_and_what_was_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let full = |file: &mut File| {
            file.write_all(b"-----BEGIN")?;
            Err(io::Error::from(IoErrorKind::StorageFull))
        };
        assert_eq!(new_file(&path, full).unwrap_err().kind(), IoErrorKind::StorageFull);
        assert!(!path.exists());
        new_file(&path, |file| file.write_all(b"key")).unwrap();
        assert_eq!(new_file(&path, full).unwrap_err().kind(), IoErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"key");
    }
}
