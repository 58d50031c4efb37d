//! The profiles there are, and the one in use.

use std::path::PathBuf;

use serde::Serialize;

use crate::file::{DEFAULT_PROFILE, SettingsFile};
use crate::found::{Found, Origin};
use crate::merged::Settings;
use crate::text;

/// A profile of a settings file: one app of one org. `okta.client` is the profile `default`.
///
/// # Example: which one is in use
///
/// ```no_run
/// use okta_introspect_settings::Settings;
///
/// # fn main() -> Result<(), okta_introspect_settings::SettingsError> {
/// let settings = Settings::load()?;
/// if let Some(profile) = settings.profiles().into_iter().find(|profile| profile.in_use) {
///     println!("{} of {}", profile.name, profile.file.display());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The org, or the custom authorization server, as it is written there.
    pub issuer: Option<String>,
    /// The client id of the app.
    pub client_id: Option<String>,
    /// The file that has it.
    pub file: PathBuf,
    /// Whether its app is the one that is used.
    pub in_use: bool,
    /// What has chosen it: a flag, a variable or the member of a file. `None` if nothing has.
    pub chosen_by: Option<String>,
}

impl Settings {
    /// The profile that is chosen, and what has chosen it. `None` if nothing chooses one.
    pub fn profile(&self) -> Option<&Found<String>> {
        let of_file = || {
            let origin = self.app_origin()?;
            let file = self.files.iter().find(|file| is_of(origin, file))?;
            file.profile.as_ref()
        };
        self.profile.as_ref().or_else(of_file)
    }

    /// The profiles of all files that were read, in the order in which the files count.
    pub fn profiles(&self) -> Vec<Profile> {
        let all = self.files.iter().flat_map(|file| file.all().map(move |it| (file, it)));
        all.map(|(file, (name, layer))| {
            let value =
                |found: &Option<Found<String>>| found.as_ref().map(|it| text::setting(&it.value));
            let in_use = self.app_origin().is_some_and(|origin| is_profile(origin, file, name));
            let choice = self.profile().filter(|choice| in_use && choice.value == name);
            Profile {
                name: name.to_owned(),
                issuer: value(&layer.server),
                client_id: value(&layer.client_id),
                file: file.path.clone(),
                in_use,
                chosen_by: choice.map(|choice| choice.origin.to_string()),
            }
        })
        .collect()
    }

    /// Where the app is named, but for what flags say.
    fn app_origin(&self) -> Option<&Origin> {
        self.layer.app_origins().find(|origin| !matches!(origin, Origin::Flag(_)))
    }
}

fn is_of(origin: &Origin, file: &SettingsFile) -> bool {
    matches!(origin, Origin::File { path, .. } if *path == file.path)
}

fn is_profile(origin: &Origin, file: &SettingsFile, name: &str) -> bool {
    let Origin::File { profile, .. } = origin else { return false };
    is_of(origin, file) && profile.as_deref().unwrap_or(DEFAULT_PROFILE) == name
}
