//! A value of a setting, and where it was found.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use okta_introspect::Secret;
use zeroize::Zeroizing;

use crate::elsewhere::is_key_uri;
use crate::files;

/// A value, and where it was found.
///
/// # Example: a value of a program's own flag
///
/// ```
/// use okta_introspect_settings::{Found, Origin};
///
/// let timeout = Found::new(5, Origin::Flag("--okta-timeout"));
/// assert_eq!(timeout.origin.to_string(), "--okta-timeout");
/// ```
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
            (Source::Text(_) | Source::Stdin(_) | Source::Uri(_), _) => None,
        }
    }
}

/// Where a value was found. `Display` is what messages say.
///
/// # Example: which source names the key
///
/// ```
/// use okta_introspect_settings::{Origin, Settings};
///
/// fn is_of_the_environment(settings: &Settings) -> bool {
///     matches!(settings.origins().key, Some(Origin::Variable(_)))
/// }
/// ```
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
        /// The profile that has it; `None` if it is a member of `okta.client`.
        profile: Option<String>,
        /// The member, from the root, such as `okta.client.orgUrl`.
        member: String,
    },
    /// In the record of a running sandbox.
    Sandbox,
}

/// Where a settings file lies.
///
/// # Example: a service that takes nothing from its working folder
///
/// ```
/// use okta_introspect_settings::{Origin, Place, Settings};
///
/// fn is_trusted(settings: &Settings) -> bool {
///     let server = settings.origins().server;
///     !matches!(server, Some(Origin::File { place: Place::WorkingFolder, .. }))
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// In the folder in which the program was started. Its author may be anybody: it may have come
    /// with a cloned repository.
    WorkingFolder,
    /// In the user's home folder.
    Home,
    /// Where the program was told to look.
    Named,
}

impl Origin {
    /// Whether both were found in the same layer. A profile is one of its own.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        let same_profile = match (self, other) {
            (Self::File { profile, .. }, Self::File { profile: other, .. }) => profile == other,
            _ => true,
        };
        same_profile && self.is_in_file_of(other)
    }

    /// Whether both were found in the same file, or the same source that is none.
    pub(crate) fn is_in_file_of(&self, other: &Self) -> bool {
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

/// A secret, or where it is. `Debug` shows no secret.
///
/// # Example: a file, and standard input
///
/// ```
/// use okta_introspect_settings::Source;
///
/// assert!(matches!(Source::flag("app.pem".into()), Source::File(_)));
/// assert!(matches!(Source::flag("-".into()), Source::Stdin(_)));
/// ```
#[derive(Clone, Debug)]
pub enum Source {
    /// The text itself.
    Text(Secret),
    /// The path of its file.
    File(PathBuf),
    /// Standard input.
    Stdin(Input),
    /// The URI of a key that lives elsewhere, see [`is_key_uri`]. It may hold a secret by mistake.
    Uri(Secret),
}

impl Source {
    /// The file that a flag names; `-` is standard input.
    pub fn flag(path: PathBuf) -> Self {
        match path == Path::new("-") {
            true => Self::Stdin(Input::default()),
            false => Self::File(path),
        }
    }

    /// The key that a flag names: a file, `-` for standard input, or a [URI](is_key_uri).
    pub fn key_flag(path: PathBuf) -> Self {
        match path.to_str().filter(|text| is_key_uri(text)) {
            Some(uri) => Self::Uri(Secret::new(uri)),
            None => Self::flag(path),
        }
    }

    /// Reads the value of a key setting: the key in any notation, the path of its file, or a URI. `path`
    /// gives the path for a text.
    pub(crate) fn key(value: &str, path: impl FnOnce(&str) -> PathBuf) -> Self {
        /// The shortest key is longer, in Base64 too, which may contain slashes but no dots.
        const MAX_PLAIN_PATH: usize = 100;

        let value = value.trim();
        let unquoted = match value.strip_prefix(['"', '\'']) {
            Some(rest) => rest.strip_suffix(['"', '\'']).unwrap_or(value),
            None => value,
        };
        if is_key_uri(unquoted) {
            return Self::Uri(Secret::new(unquoted));
        }
        let path = path(unquoted);
        let is_text = unquoted.contains(['{', '\n']) || unquoted.contains("BEGIN ");
        let like_a_path = unquoted.contains('.') || unquoted.len() < MAX_PLAIN_PATH;
        match !is_text && (like_a_path || path.exists()) {
            true => Self::File(path),
            false => Self::Text(Secret::new(value)),
        }
    }
}

/// A secret on standard input, which may be binary. It is read once and kept, because a program may
/// ask for its key several times.
///
/// # Example: nothing is read until the secret is needed
///
/// ```
/// use okta_introspect_settings::{Input, Source};
///
/// assert_eq!(format!("{:?}", Source::Stdin(Input::default())), "Stdin([redacted])");
/// ```
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
