//! One source of settings as it was read, and how sources lie over one another.

use std::fmt;
use std::path::{Path, PathBuf};

use okta_introspect::{Algorithm, DpopMode, Secret};

use super::proxy::ProxyLayer;

/// A value, and where it stands.
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

/// Where a value stands.
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
    /// In what a running sandbox left.
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

/// What one source says. Nothing is checked yet beyond its notation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    /// The org, or a custom authorization server.
    pub(crate) server: Option<Found<String>>,
    /// The id of a custom authorization server of that org.
    pub(crate) auth_server: Option<Found<String>>,
    pub(crate) client_id: Option<Found<String>>,
    pub(crate) key: Option<Found<Source>>,
    pub(crate) key_id: Option<Found<String>>,
    pub(crate) passphrase: Option<Found<Source>>,
    pub(crate) algorithm: Option<Found<Algorithm>>,
    /// Separated by blanks.
    pub(crate) scopes: Option<Found<String>>,
    /// In seconds; 0 is the default.
    pub(crate) timeout: Option<Found<u64>>,
    /// In seconds; 0 is the default.
    pub(crate) connect_timeout: Option<Found<u64>>,
    /// How often a call is repeated.
    pub(crate) retries: Option<Found<u32>>,
    /// The longest random pause before a call is repeated, in seconds; 0 is the default.
    pub(crate) max_backoff: Option<Found<u64>>,
    pub(crate) dpop: Option<Found<DpopMode>>,
    pub(crate) proxy: ProxyLayer,
    pub(crate) ca_file: Option<Found<PathBuf>>,
    /// How the official SDKs are told to authenticate.
    pub(crate) mode: Option<Found<String>>,
}

impl Layer {
    /// This layer, and `below` wherever this one says nothing.
    pub(crate) fn over(self, below: Self) -> Self {
        // A mode belongs to the credentials beside it: ~/.okta/okta.yaml may well tell other
        // programs to use an API token while this command has a key of its own.
        let own_credentials = self.client_id.is_some() && self.key.is_some();
        let mode_below = below.mode.filter(|_| !own_credentials);
        Self {
            mode: self.mode.or(mode_below),
            server: self.server.or(below.server),
            auth_server: self.auth_server.or(below.auth_server),
            client_id: self.client_id.or(below.client_id),
            key: self.key.or(below.key),
            key_id: self.key_id.or(below.key_id),
            passphrase: self.passphrase.or(below.passphrase),
            algorithm: self.algorithm.or(below.algorithm),
            scopes: self.scopes.or(below.scopes),
            timeout: self.timeout.or(below.timeout),
            connect_timeout: self.connect_timeout.or(below.connect_timeout),
            retries: self.retries.or(below.retries),
            max_backoff: self.max_backoff.or(below.max_backoff),
            dpop: self.dpop.or(below.dpop),
            proxy: self.proxy.over(below.proxy),
            ca_file: self.ca_file.or(below.ca_file),
        }
    }

    /// Whether nothing says who asks whom with which key.
    pub(crate) fn names_nobody(&self) -> bool {
        self.server.is_none() && self.client_id.is_none() && self.key.is_none()
    }
}
