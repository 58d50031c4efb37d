//! A value of a setting, and where it was found.

use std::fmt;
use std::path::{Path, PathBuf};

use okta_introspect::Secret;

/// A value, and where it was found.
#[derive(Clone, Debug)]
pub(crate) struct Found<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

impl<T> Found<T> {
    pub(crate) fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }
}

/// Where a value was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// On the command line.
    Flag(&'static str),
    /// In an environment variable.
    Variable(&'static str),
    /// In a settings file.
    File {
        /// The file.
        path: PathBuf,
        /// The member, from the root.
        member: &'static str,
    },
    /// In the record of a running sandbox.
    Sandbox,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::File { path, member } => write!(f, "{member} in {}", path.display()),
            Self::Sandbox => f.write_str("the running sandbox"),
        }
    }
}

/// A secret text, or the file that holds it.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The text itself.
    Text(Secret),
    /// The path of its file.
    File(PathBuf),
}

impl Source {
    /// Reads the value of a key setting: PEM (which many tools can only hold with `\n` for its
    /// line breaks), a JWK, or the path of a file, relative to `folder`.
    pub(crate) fn key(value: &str, folder: &Path) -> Self {
        let value = value.trim();
        if value.starts_with('{') {
            Self::Text(Secret::new(value))
        } else if value.starts_with("-----BEGIN") {
            Self::Text(Secret::new(value.replace("\\n", "\n")))
        } else {
            Self::File(folder.join(value))
        }
    }
}
