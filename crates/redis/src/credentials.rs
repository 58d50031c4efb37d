//! As whom Redis is asked.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use okta_introspect::{Error, ErrorKind, Secret};

/// The longest password file, in bytes.
const MAX_FILE: u64 = 16 * 1024;

/// A user of Redis.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    /// `None` is Redis' user `default`.
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Password>,
}

/// Where the password is.
#[derive(Clone, Debug)]
pub(crate) enum Password {
    Given(Secret),
    /// Read at each connection, so that it can be exchanged.
    File(PathBuf),
}

impl Credentials {
    /// The password as it is now.
    pub(crate) fn password(&self) -> Result<Option<Secret>, Error> {
        match &self.password {
            None => Ok(None),
            Some(Password::Given(password)) => Ok(Some(password.clone())),
            Some(Password::File(path)) => Ok(Some(Secret::new(read_text(path)?))),
        }
    }
}

/// The bytes of a regular file.
pub(crate) fn read_file(path: &PathBuf, longest: u64) -> Result<Vec<u8>, Error> {
    let failed = |what: &str| {
        let text = format!("{} {what}", path.display());
        Error::from_store(ErrorKind::Configuration, text)
    };
    let unreadable = |error: std::io::Error| failed(&format!("cannot be read: {error}"));
    // A pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(failed("is not a regular file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(longest + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match bytes.len() as u64 <= longest {
        true => Ok(bytes),
        false => Err(failed(&format!("is longer than {longest} bytes"))),
    }
}

fn read_text(path: &PathBuf) -> Result<String, Error> {
    let failed = |what: &str| {
        let text = format!("{}: the password {what}", path.display());
        Error::from_store(ErrorKind::Configuration, text)
    };
    let text = String::from_utf8(read_file(path, MAX_FILE)?).map_err(|_| failed("is not UTF-8"))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(failed("is empty")),
        password => Ok(password.to_owned()),
    }
}
