//! The files of a rotation: the key file, and beside it the key to come and the key before.
//!
//! Every change is one rename, so that a program which reads the key file finds a whole key, and so that
//! a rotation which was interrupted can tell from the names how far it came.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use okta_introspect::{KeyOptions, SigningKey};

use crate::failure::Failure;
use crate::files::rename;
use crate::settings::Settings;
use crate::text;

/// Where the keys are.
#[derive(Debug)]
pub(super) struct Files {
    /// The key file, behind all links.
    pub(super) current: PathBuf,
    /// The new key, before it is in use.
    pub(super) next: PathBuf,
    /// The old key, until the app has it no more, or only inactive.
    pub(super) retiring: PathBuf,
    /// The old key after that.
    pub(super) previous: PathBuf,
    draft: PathBuf,
}

impl Files {
    /// Those of the configured key.
    pub(super) fn of(settings: &Settings) -> Result<Self, Failure> {
        let Some(path) = settings.key_file() else {
            return match settings.origins().key {
                None => Err(settings.key().map_or_else(Failure::from, |_| no_file())),
                Some(origin) => Err(no_file().found_in(origin)),
            };
        };
        let current = path.canonicalize().map_err(|cause| unusable(path, &cause))?;
        let beside = |suffix: &str| {
            let mut name = current.file_name().map(OsString::from).unwrap_or_default();
            name.push(suffix);
            current.with_file_name(name)
        };
        let [next, retiring, previous] = [".next", ".retiring", ".previous"].map(beside);
        Ok(Self { draft: beside(".draft"), next, retiring, previous, current })
    }

    /// Keeps other rotations away until the lock is dropped.
    #[cfg(unix)]
    pub(super) fn lock(&self) -> Result<File, Failure> {
        let folder = self.current.parent().unwrap_or_else(|| Path::new("/"));
        let lock = File::open(folder).map_err(|cause| unusable(folder, &cause))?;
        match lock.try_lock() {
            Err(fs::TryLockError::WouldBlock) => {
                let folder = text::path(folder);
                Err(Failure::usage(format!("another rotation is under way in {folder}"))
                    .advise("wait for it; one that was killed leaves no lock behind"))
            }
            // A file system without locks has none.
            _ => Ok(lock),
        }
    }

    /// Elsewhere, a folder cannot be locked.
    #[cfg(not(unix))]
    pub(super) fn lock(&self) -> Result<(), Failure> {
        Ok(())
    }

    pub(super) fn current_key(&self) -> Result<SigningKey, Failure> {
        read(&self.current)?.ok_or_else(no_file)
    }

    pub(super) fn next_key(&self) -> Result<Option<SigningKey>, Failure> {
        read(&self.next)
    }

    pub(super) fn retiring_key(&self) -> Result<Option<SigningKey>, Failure> {
        read(&self.retiring)
    }

    /// Writes the key file anew, with the id of its key.
    pub(super) fn name(&self, key: &SigningKey) -> Result<(), Failure> {
        self.write(key, &self.current)
    }

    /// Puts the new key beside the key file.
    pub(super) fn put_next(&self, key: &SigningKey) -> Result<(), Failure> {
        self.write(key, &self.next)
    }

    /// Gives the new key the name of the key file, in one step; the old one has another name by then.
    pub(super) fn switch(&self) -> Result<(), Failure> {
        // One of an earlier attempt, which is this key or one whose retirement is over.
        remove(&self.retiring)?;
        fs::hard_link(&self.current, &self.retiring)
            .map_err(|cause| unusable(&self.retiring, &cause))?;
        rename(&self.next, &self.current).map_err(|cause| unusable(&self.current, &cause))
    }

    /// Tells by its name that the old key is done with.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        rename(&self.retiring, &self.previous).map_err(|cause| unusable(&self.previous, &cause))
    }

    /// Writes a key under another name first: what has its own name is whole. It belongs to the owner
    /// of the key file, and has the same readers.
    fn write(&self, key: &SigningKey, target: &Path) -> Result<(), Failure> {
        remove(&self.draft)?;
        key.write_new_jwk_file(&self.draft)?;
        like(&self.current, &self.draft).map_err(|cause| unusable(&self.draft, &cause))?;
        rename(&self.draft, target).map_err(|cause| unusable(target, &cause))
    }
}

#[cfg(unix)]
fn like(one: &Path, other: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};

    let (one, now) = (one.metadata()?, other.metadata()?);
    if (one.uid(), one.gid()) != (now.uid(), now.gid()) {
        chown(other, Some(one.uid()), Some(one.gid()))?;
    }
    fs::set_permissions(other, one.permissions())
}

/// Elsewhere, the folder decides who reads a file.
#[cfg(not(unix))]
fn like(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}

fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => Err(unusable(path, &cause)),
        _ => Ok(()),
    }
}

/// The key in a file, if there is one.
fn read(path: &Path) -> Result<Option<SigningKey>, Failure> {
    match path.symlink_metadata() {
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        _ => key_in(path).map(Some),
    }
}

/// The key in a file, under the id that the file gives it. A passphrase is not used: the new key could
/// not be written under it.
pub(super) fn key_in(path: &Path) -> Result<SigningKey, Failure> {
    SigningKey::from_file(path, &KeyOptions::default()).map_err(|error| {
        let failure = Failure::from(error).found_in(text::path(path));
        match failure.what().contains("passphrase") {
            false => failure,
            true => failure.advise(
                "an encrypted key cannot be rotated, since the new one would stand beside it in the clear: decrypt it, or use `keygen` and register the key by hand",
            ),
        }
    })
}

fn no_file() -> Failure {
    Failure::usage("the private key is in no file that could be replaced")
        .advise("put it into a file, and name that with --key-file")
}

fn unusable(path: &Path, cause: &io::Error) -> Failure {
    Failure::usage(format!("the key's files cannot be changed: {}", text::path(path)))
        .because(cause)
        .advise("run it as the owner of the key file; where a secret store writes the file, rotate there")
}
