//! Which profile is used.

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
        let server = variables.server.as_ref().map(|found| &found.origin);
        let client_id = variables.client_id.as_ref().map(|found| &found.origin);
        let key = variables.key.as_ref().map(|found| &found.origin);
        match (self.by, server.or(client_id).or(key)) {
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
    let names: Vec<_> = file.all().map(|(name, _)| name).collect();
    let what = format!("{by} names a profile that this file does not have");
    SettingsError::new(what).advise(match names.is_empty() {
        true => "remove it there; OKTA_PROFILE chooses among the profiles of all files".to_owned(),
        false => format!("choose one of {}", names.join(", ")),
    })
}

/// The name is not repeated: it may be something else, pasted in the wrong place.
fn unknown(by: &Origin, files: &[SettingsFile]) -> SettingsError {
    let mut names: Vec<_> =
        files.iter().flat_map(SettingsFile::all).map(|(name, _)| name).collect();
    names.dedup();
    let what = SettingsError::new(format!("no settings file has the profile that {by} names"));
    match names.is_empty() {
        true => what.advise("write profiles below okta.profiles in ~/.okta/okta.yaml"),
        false => what.advise(format!("choose one of {}", names.join(", "))),
    }
}
