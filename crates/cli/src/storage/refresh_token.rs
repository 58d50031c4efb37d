//! What keeps a user's refresh token: it must survive whatever becomes of the command that replaces it.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use okta_introspect::Token;
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{self, Exclusive, Readers};
use crate::text;

use super::runtime_folder::RuntimeFolder;

/// The file that holds the refresh token to use, before, while and after it is replaced.
pub(crate) struct Kept {
    /// As it was named; it may be a link.
    path: PathBuf,
    file: Exclusive,
    is_new: bool,
}

impl Kept {
    /// Takes the file for this process alone: two that use one refresh token use it twice.
    pub(crate) fn lock(path: &Path) -> Result<Self, Failure> {
        let target = target_of(path).map_err(|cause| unusable(path, &cause))?;
        let is_new = fs::symlink_metadata(&target).is_err();
        let kept = Self { path: path.to_owned(), file: Exclusive::recoverable(&target), is_new };
        kept.file.lock().map_err(|cause| kept.unusable(&cause))?;
        kept.file.recover(is_line).map_err(|cause| kept.unusable(&cause))?;
        Ok(kept)
    }

    /// Sees before the request that the file can be replaced after it. One that is not there is made
    /// with the token that is about to be used.
    pub(crate) fn prepare(&self, token: &Token) -> Result<(), Failure> {
        let made = if self.is_new { self.file.replace(&line(token)) } else { Ok(()) };
        let tried = made.and_then(|()| self.file.try_replace(Token::MAX_LEN));
        tried.map_err(|cause| self.unusable(&cause))
    }

    /// Has the file hold this token, in one step and for its owner's eyes.
    pub(crate) fn replace(&self, token: &Token) -> Result<(), Failure> {
        self.file.replace(&line(token)).map_err(|cause| {
            let what = format!("the new refresh token cannot be written: {}", text::path(&self.path));
            Failure::new(Exit::Unknown, what).because(&cause).advise(
                "make the file writable, and try again within the app's grace period, while the old one is taken",
            )
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn unusable(&self, cause: &io::Error) -> Failure {
        unusable(&self.path, cause)
    }
}

fn unusable(path: &Path, cause: &io::Error) -> Failure {
    let what = format!("the refresh token file cannot be used: {}", text::path(path));
    let exit = match cause.kind() {
        ErrorKind::WouldBlock => Exit::Unknown,
        _ => Exit::Usage,
    };
    Failure::new(exit, what).because(cause).advise(match cause.kind() {
        ErrorKind::WouldBlock => {
            "wait for the other run: a refresh token is good for one use at a time"
        }
        ErrorKind::Other => "name a file",
        _ => {
            "check that its folder exists and may be written to, also where it is a link to another"
        }
    })
}

/// Where a path leads by links, whether or not there is a file yet: what is replaced is the file, and
/// the links stay.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    /// As many as Linux follows.
    const MAX_LINKS: usize = 40;
    let mut target = path.to_owned();
    // The links of devices and pipes lead to no path.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Ok(target);
    }
    for _ in 0..MAX_LINKS {
        match fs::read_link(&target) {
            Ok(next) => target = target.with_file_name("").join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::other("its links lead in a circle"))
}

/// A place for a refresh token for which none was named, in the user's runtime folder.
pub(crate) struct Spare(RuntimeFolder);

impl Spare {
    /// Sees before the request that there is such a place.
    pub(crate) fn prepare() -> Result<Self, Failure> {
        let folder = RuntimeFolder::locate();
        folder.create().map_err(|failure| {
            let advice = format!("{}, or name a file with --refresh-token-file", failure.advice());
            failure.advise(advice)
        })?;
        Ok(Self(folder))
    }

    /// Keeps a token in a file of its own, and gives its path.
    pub(crate) fn keep(&self, token: &Token) -> Result<PathBuf, Failure> {
        let hash = openssl::sha::sha256(token.expose().as_bytes());
        let name: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.0.path(&format!("refresh-token-{name}.txt"));
        let written = files::replace(&path, &line(token), Readers::Owner);
        written.map(|()| path.clone()).map_err(|cause| {
            let what = format!("the new refresh token cannot be written: {}", text::path(&path));
            Failure::new(Exit::Unknown, what).because(&cause).advise(
                "name a file with --refresh-token-file, and try again within the app's grace period, while the \
                 old one is taken",
            )
        })
    }
}

/// Whether this is a whole [`line`].
fn is_line(content: &[u8]) -> bool {
    let token = content.strip_suffix(b"\n").and_then(|token| str::from_utf8(token).ok());
    token.is_some_and(|token| Token::parse(token).is_ok())
}

fn line(token: &Token) -> Zeroizing<Vec<u8>> {
    let text = token.expose();
    let mut line = Zeroizing::new(Vec::with_capacity(text.len().saturating_add(1)));
    line.extend_from_slice(text.as_bytes());
    line.push(b'\n');
    line
}
