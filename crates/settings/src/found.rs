//! A value of a setting, and where it was found.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use okta_introspect::Secret;
use zeroize::Zeroizing;

use crate::files;

/// A value, and where it was found.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// Where it was found.
    pub origin: Origin,
}

impl<T> Found<T> {
    /// A value that was found there.
    pub fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }
}

impl Found<Source> {
    /// The file that holds the secret, which may be a settings file.
    pub(super) fn file(&self) -> Option<&Path> {
        match (&self.value, &self.origin) {
            (Source::File(path), _) | (Source::Text(_), Origin::File { path, .. }) => Some(path),
            (Source::Text(_) | Source::Stdin(_), _) => None,
        }
    }
}

/// Where a value was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// On the command line.
    Flag(&'static str),
    /// In an environment variable.
    Variable(&'static str),
    /// In a settings file.
    File {
        /// The file.
        path: PathBuf,
        /// Where it lies.
        place: Place,
        /// The member, from the root.
        member: &'static str,
    },
    /// In the record of a running sandbox.
    Sandbox,
}

/// Where a settings file lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// In the folder in which the program was started. Its author may be anybody: it may have come
    /// with a cloned repository.
    WorkingFolder,
    /// In the user's home folder.
    Home,
}

impl Origin {
    /// Whether both were found in the same layer.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { path, .. }, Self::File { path: other, .. }) => path == other,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// Whether it is a settings file in the working folder.
    pub(crate) fn is_working_folder(&self) -> bool {
        matches!(self, Self::File { place: Place::WorkingFolder, .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::File { path, member, .. } => write!(f, "{member} in {}", path.display()),
            Self::Sandbox => f.write_str("the running sandbox"),
        }
    }
}

/// A secret, or where it is.
#[derive(Clone, Debug)]
pub enum Source {
    /// The text itself.
    Text(Secret),
    /// The path of its file.
    File(PathBuf),
    /// Standard input.
    Stdin(Input),
}

impl Source {
    /// The file that a flag names; `-` is standard input.
    pub fn flag(path: PathBuf) -> Self {
        match path == Path::new("-") {
            true => Self::Stdin(Input::default()),
            false => Self::File(path),
        }
    }

    /// Reads the value of a key setting: the key in any notation, or the path of its file, relative
    /// to `folder`.
    pub fn key(value: &str, folder: &Path) -> Self {
        /// The shortest key is longer, in Base64 too, which may contain slashes but no dots.
        const MAX_PLAIN_PATH: usize = 100;

        let value = value.trim();
        let unquoted = match value.strip_prefix(['"', '\'']) {
            Some(rest) => rest.strip_suffix(['"', '\'']).unwrap_or(value),
            None => value,
        };
        let path = folder.join(expanded(unquoted));
        let is_text = unquoted.contains(['{', '\n']) || unquoted.contains("BEGIN ");
        let like_a_path = unquoted.contains('.') || unquoted.len() < MAX_PLAIN_PATH;
        match !is_text && (like_a_path || path.exists()) {
            true => Self::File(path),
            false => Self::Text(Secret::new(value)),
        }
    }
}

/// A secret on standard input, which may be binary. It is read once and kept, because a command may
/// ask for its key several times.
#[derive(Clone, Default)]
pub struct Input(Arc<OnceLock<Zeroizing<Vec<u8>>>>);

impl Input {
    /// The bytes; `content` says what they are.
    pub(crate) fn bytes(&self, content: &'static str) -> io::Result<&[u8]> {
        if let Some(bytes) = self.0.get() {
            return Ok(bytes);
        }
        let bytes = files::read_all(files::stdin(content)?.lock())?;
        Ok(self.0.get_or_init(|| bytes))
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The path with the home folder in place of a leading `~/`, which only shells expand.
pub(crate) fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => path.into(),
    }
}
