//! Finds the settings in every source, and merges them.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::choice::Chosen;
use crate::environment::Environment;
use crate::error::SettingsError;
use crate::file::SettingsFile;
use crate::found::{Found, Origin, Place};
use crate::layer::Layer;
use crate::merged::Settings;
use crate::setting::Setting;
use crate::suspect::{self, Suspect};
use crate::variables::{self, Given};
use crate::{owner, proxy_environment};

/// Where settings are looked for, and what the program itself gives. Setters never fail;
/// [`load`](Self::load) checks.
///
/// # Example: a service with flags of its own
///
/// ```
/// use okta_introspect_settings::{Environment, Setting, Settings, SettingsError};
///
/// fn settings(org: Option<&str>, profile: Option<&str>) -> Result<Settings, SettingsError> {
///     let mut loader = Settings::loader();
///     if let Some(org) = org {
///         loader = loader.set(Setting::Issuer, "--okta-org", org);
///     }
///     if let Some(profile) = profile {
///         loader = loader.profile("--okta-profile", profile);
///     }
/// #   loader = loader.environment(Environment::empty());
///     loader.load()
/// }
///
/// # fn main() -> Result<(), SettingsError> {
/// let settings = settings(Some("https://acme.okta.com"), None)?;
/// assert_eq!(settings.issuer()?.as_str(), "https://acme.okta.com");
/// assert_eq!(settings.shown()[0].origin, "--okta-org");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Loader {
    environment: Environment,
    layer: Layer,
    given: Vec<Given>,
    profile: Option<Found<String>>,
    file: Option<PathBuf>,
}

impl Settings {
    /// Reads what the environment and the settings files say: `OKTA_CLIENT_…`, then `./okta.yaml` or
    /// `./.okta.yaml`, then `~/.okta/okta.yaml`.
    ///
    /// # Errors
    ///
    /// As for [`Loader::load`].
    pub fn load() -> Result<Self, SettingsError> {
        Self::loader().load()
    }

    /// The same with values that the program gives, with a profile, or with another file.
    pub fn loader() -> Loader {
        Loader {
            environment: Environment::process(),
            layer: Layer::default(),
            given: Vec::new(),
            profile: None,
            file: None,
        }
    }
}

impl Loader {
    /// What surrounds the program. Default: what surrounds this process.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// Sets a value that wins over all sources, in the notation that the setting's variable has.
    /// `name` is how messages call it, such as the flag's name. A later value wins.
    pub fn set(mut self, setting: Setting, name: &'static str, value: impl Into<OsString>) -> Self {
        self.given.push(Given { setting, name, value: value.into() });
        self
    }

    /// As [`set`](Self::set), for values that are not texts. It gives way to what is set there.
    pub fn layer(mut self, layer: impl Into<Layer>) -> Self {
        self.layer = layer.into();
        self
    }

    /// Chooses a profile, which wins over the environment. `name` is how messages call the choice,
    /// such as a flag's name. Default: what `OKTA_PROFILE` says, or else `profile` in a file.
    pub fn profile(mut self, name: &'static str, profile: impl Into<String>) -> Self {
        self.profile = Some(Found::new(profile.into(), Origin::Flag(name)));
        self
    }

    /// Reads this file in place of those of the working folder and the home folder. It must be there.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Reads all sources, and merges them.
    ///
    /// # Errors
    ///
    /// Where a variable or a file is malformed, where another user could have written a file, and
    /// where the chosen profile is not there. What is missing, or does not go together, is told by
    /// the method that needs it. No error quotes a value that may be a secret.
    pub fn load(self) -> Result<Settings, SettingsError> {
        let mut suspects = Vec::new();
        let files = self.files(&mut suspects)?;
        let environment = &self.environment;
        let given = variables::given(&self.given, environment)?.or_else(self.layer);
        let variables = variables::read(environment)?;
        let is_told_where = self.profile.is_some() || self.file.is_some();
        let profile = match self.profile {
            Some(profile) => Some(profile),
            None => variables::profile(environment)?,
        };
        let layer = match &profile {
            Some(name) => with_profile(given, variables, &Chosen::find(name, &files)?, &files)?,
            None => {
                let mut layer = given.or_else(variables);
                for file in &files {
                    layer = layer.or_else(file.layer()?);
                }
                layer
            }
        };
        suspects.extend(suspect::files(environment));
        suspects.extend(suspect::variables(environment, &variables::names()));
        Ok(Settings {
            foreign_key: owner::check(&layer, &files).err(),
            ambient_proxy: proxy_environment::read(environment),
            layer,
            profile,
            files,
            suspects,
            is_told_where,
        })
    }

    fn files(&self, suspects: &mut Vec<Suspect>) -> Result<Vec<SettingsFile>, SettingsError> {
        let environment = &self.environment;
        if let Some(path) = &self.file {
            let file = SettingsFile::read(path.clone(), Place::Named, environment, suspects)?;
            return file.map(|file| vec![file]).ok_or_else(|| {
                SettingsError::unreadable("settings", path).advise("check the path of the file")
            });
        }
        let places = [Place::WorkingFolder, Place::Home].into_iter();
        places
            .filter_map(|place| SettingsFile::read_first(place, environment, suspects).transpose())
            .collect()
    }
}

/// A chosen profile stands where its choice stands: right below the flags, or right below the
/// variables.
fn with_profile(
    given: Layer,
    variables: Layer,
    chosen: &Chosen<'_>,
    files: &[SettingsFile],
) -> Result<Layer, SettingsError> {
    let profile = chosen.layer.clone();
    let above = match chosen.by {
        Origin::Flag(_) => given.or_else(profile).or_else(variables),
        _ => {
            chosen.check_alone(&variables)?;
            given.or_else(variables).or_else(profile)
        }
    };
    Ok(files.iter().fold(above, |above, file| above.or_else(file.client.clone())))
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given: Vec<_> = self.given.iter().map(|given| given.setting).collect();
        f.debug_struct("Loader")
            .field("environment", &self.environment)
            .field("layer", &self.layer)
            .field("given", &given)
            .field("profile", &self.profile)
            .field("file", &self.file)
            .finish()
    }
}
