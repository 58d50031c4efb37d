//! Which profile is used.

use std::collections::BTreeSet;

use crate::error::SettingsError;
use crate::file::SettingsFile;
use crate::found::{Found, Origin};
use crate::layer::Layer;

/// A profile that a flag or a variable chooses.
#[derive(Debug)]
pub(crate) struct Chosen<'a> {
    pub(crate) by: &'a Origin,
    pub(crate) layer: &'a Layer,
}

impl<'a> Chosen<'a> {
    /// Finds the profile in the files.
    pub(crate) fn find(
        name: &'a Found<String>,
        files: &'a [SettingsFile],
    ) -> Result<Self, SettingsError> {
        let mut found = files.iter().filter_map(|file| Some((file, file.get(&name.value)?)));
        let Some((file, layer)) = found.next() else {
            return Err(unknown(&name.origin, files));
        };
        if let Some((other, _)) = found.next() {
            return Err(SettingsError::new(format!(
                "the profile {} is in {} and in {}",
                name.value,
                file.path.display(),
                other.path.display()
            ))
            .found_in(&name.origin)
            .advise("rename one of them, or name the file to use"));
        }
        Ok(Self { by: &name.origin, layer })
    }

    /// Refuses a choice by variable beside variables that name the app themselves: they are two
    /// sets, and nothing says which is meant.
    pub(crate) fn check_alone(&self, variables: &Layer) -> Result<(), SettingsError> {
        match (self.by, variables.app_origins().next()) {
            (Origin::Variable(by), Some(other)) => Err(SettingsError::new(format!(
                "the variable {by} chooses a profile, and {other} is set as well: they are two sets \
                 of settings"
            ))
            .advise("unset one of them")),
            _ => Ok(()),
        }
    }
}

impl SettingsFile {
    /// The layer of the file: `okta.client`, with the file's own choice of profile above it.
    pub(crate) fn layer(&self) -> Result<Layer, SettingsError> {
        let Some(name) = &self.profile else { return Ok(self.client.clone()) };
        match self.get(&name.value) {
            Some(profile) => Ok(profile.clone().or_else(self.client.clone())),
            None => Err(unknown_here(&name.origin, self)),
        }
    }
}

/// A file chooses among its own profiles, whatever another file has.
fn unknown_here(by: &Origin, file: &SettingsFile) -> SettingsError {
    SettingsError::new(format!("{by} names a profile that this file does not have")).advise(among(
        std::slice::from_ref(file),
        "remove it there; OKTA_PROFILE chooses among the profiles of all files",
    ))
}

/// The name is not repeated: it may be something else, pasted in the wrong place.
fn unknown(by: &Origin, files: &[SettingsFile]) -> SettingsError {
    SettingsError::new(format!("no settings file has the profile that {by} names"))
        .advise(among(files, "write profiles below okta.profiles in ~/.okta/okta.yaml, or name none: then okta.client is used"))
}

/// The advice to choose one of the profiles that the files have; `none` if they have none.
pub(crate) fn among(files: &[SettingsFile], none: &str) -> String {
    let names: BTreeSet<_> =
        files.iter().flat_map(SettingsFile::all).map(|(name, _)| name).collect();
    match names.is_empty() {
        true => none.to_owned(),
        false => format!("choose one of {}", Vec::from_iter(names).join(", ")),
    }
}
