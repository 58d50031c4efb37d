//! What surrounds a program: its variables, its working folder, the user's home folder.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

/// The user's own settings file, seen from the home folder.
pub(crate) const HOME_FILE: &str = ".okta/okta.yaml";

/// What surrounds a program: variables, working folder, home folder. `Debug` tells the variables'
/// names alone: their values may be secrets.
///
/// # Example: a test that does not touch the environment of its process
///
/// ```
/// use okta_introspect_settings::{Environment, Settings};
///
/// # fn main() -> Result<(), okta_introspect_settings::SettingsError> {
/// let environment = Environment::empty()
///     .variable("OKTA_CLIENT_ORGURL", "https://acme.okta.com")
///     .variable("OKTA_CLIENT_CLIENTID", "0oa1b2c3d4");
/// let settings = Settings::loader().environment(environment).load()?;
/// assert_eq!(settings.issuer()?.as_str(), "https://acme.okta.com");
/// assert_eq!(settings.client_id()?, "0oa1b2c3d4");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, Eq, PartialEq)]
#[must_use]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// `None` where there are no folders at all.
    folder: Option<PathBuf>,
    home: Option<PathBuf>,
}

impl Environment {
    /// That of this process, as it is now. The working folder is looked at when it is used.
    pub fn process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            folder: Some(PathBuf::new()),
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
        }
    }

    /// One without variables and folders.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Sets a variable.
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Sets the working folder, where `okta.yaml` or `.okta.yaml` may lie, and from which the paths
    /// in variables begin.
    pub fn working_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Sets the home folder, where `.okta/okta.yaml` may lie.
    pub fn home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// The value of a variable; `None` if it is not set.
    ///
    /// # Example
    ///
    /// ```
    /// use okta_introspect_settings::Environment;
    ///
    /// let environment = Environment::empty().variable("PORT", "9180");
    /// assert_eq!(environment.get("PORT").unwrap(), "9180");
    /// assert_eq!(environment.get("HOST"), None);
    /// ```
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The names of the variables that are set to something.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let set = self.variables.iter().filter(|(_, value)| !value.is_empty());
        set.filter_map(|(name, _)| name.to_str())
    }

    /// A file of the working folder.
    pub(crate) fn in_folder(&self, name: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(name))
    }

    /// A file of the home folder.
    pub(crate) fn in_home(&self, name: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(name))
    }

    /// Whether the working folder is the home folder.
    pub(crate) fn is_at_home(&self) -> bool {
        let folder = self.folder.as_deref().map(|folder| match folder == Path::new("") {
            true => std::env::current_dir().unwrap_or_default(),
            false => folder.to_owned(),
        });
        folder.is_some() && folder == self.home
    }

    /// A path as a variable has it: seen from the working folder, with the home folder in place of a
    /// leading `~/`, which only shells expand.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.path_from(self.folder.as_deref().unwrap_or_else(|| Path::new("")), path)
    }

    /// As [`path`](Self::path), seen from another folder.
    pub(crate) fn path_from(&self, folder: &Path, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => folder.join(path),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys().collect::<Vec<_>>())
            .field("folder", &self.folder)
            .field("home", &self.home)
            .finish()
    }
}
