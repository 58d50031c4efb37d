//! Settings files that are written: a new app, another profile, the choice of one.
//!
//! A file that people keep is changed by a line or a few, so that its comments stay; and only if the
//! outcome says what it said before, and the new besides.

mod lines;

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::slice;

use okta_introspect::Issuer;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::choice;
use crate::environment::{Environment, HOME_FILE};
use crate::error::SettingsError;
use crate::file::{self, DEFAULT_PROFILE, SettingsFile, fault};
use crate::files::{self, Exclusive, Readers, private};
use crate::found::Place;
use crate::owner;
use crate::text::BYTE_ORDER_MARK;

/// An app to be written down. Its key stays in a file of its own.
#[derive(Clone, Debug, Default)]
pub struct NewApp {
    /// The org, or a custom authorization server.
    pub issuer: String,
    /// The client id of the service app.
    pub client_id: String,
    /// The path of the private key; absolute, since a settings file's own folder counts otherwise.
    pub key_file: PathBuf,
    /// The id under which the key is registered.
    pub key_id: Option<String>,
    /// The scopes to request, separated by blanks.
    pub scopes: Option<String>,
}

impl NewApp {
    /// The members as lines of YAML. Every value is a JSON text, which is YAML for the same one.
    fn lines(&self, indent: &str) -> Vec<String> {
        let key_file = self.key_file.display().to_string();
        // Okta's SDKs read `orgUrl` as well, and take it for an org.
        let is_custom = Issuer::parse(&self.issuer).is_ok_and(|issuer| !issuer.is_org());
        let members = [
            (if is_custom { "issuer" } else { "orgUrl" }, Some(&self.issuer)),
            ("clientId", Some(&self.client_id)),
            ("privateKey", Some(&key_file)),
            ("keyId", self.key_id.as_ref()),
            ("scopes", self.scopes.as_ref()),
        ];
        let line = |(name, value): (&str, Option<&String>)| {
            Some(format!("{indent}{name}: {}", lines::quoted(value?)))
        };
        members.into_iter().filter_map(line).collect()
    }
}

/// The user's own settings file, `~/.okta/okta.yaml`.
///
/// # Errors
///
/// If the user has no home folder.
pub fn home_file(environment: &Environment) -> Result<PathBuf, SettingsError> {
    environment.in_home(HOME_FILE).ok_or_else(|| {
        SettingsError::new("there is no home folder").advise("set HOME, or name the file")
    })
}

/// Whether there is something at this path.
pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Writes a new file with one app: as `okta.client`, or as a profile. Its owner alone may read it.
///
/// # Errors
///
/// If the file is there, unless it is to be replaced, and if it cannot be written.
pub fn create(
    path: &Path,
    profile: Option<&str>,
    app: &NewApp,
    replace: bool,
) -> Result<(), SettingsError> {
    let text = match profile {
        None => lines::document("client", &app.lines("    ")),
        Some(name) => lines::document("profiles", &lines::profile(name, app.lines("      "))?),
    };
    let text = text + "\n";
    parsed(&text, path)?;
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        private::make_folders(folder).map_err(|cause| unchanged(path, &cause))?;
    }
    let target = Exclusive::new(path);
    let written = match replace {
        // Also a link that leads to no file, and so to nothing that could be locked.
        true => target.lock().and_then(|()| files::replace(path, text.as_bytes(), Readers::Owner)),
        false => target.replace(text.as_bytes()),
    };
    written.map_err(|cause| match cause.kind() {
        ErrorKind::WouldBlock if !replace => fault(path, "is there already"),
        _ => unchanged(path, &cause),
    })
}

/// Adds a profile to a file.
///
/// # Errors
///
/// If the file has a profile of this name, if the app's key is that of another org's profile, and if
/// the file is of a form that cannot be added to, or cannot be written.
pub fn add_profile(path: &Path, name: &str, app: &NewApp) -> Result<(), SettingsError> {
    change(path, |text, file| {
        if name == DEFAULT_PROFILE {
            return Err(SettingsError::new("`default` is the name of okta.client")
                .advise("name the profile otherwise, or write okta.client into the file"));
        }
        if file.get(name).is_some() {
            return Err(fault(path, "has a profile of this name already")
                .advise("choose another name, or change the profile in the file"));
        }
        let added = lines::with_profile(text, name, |indent| app.lines(indent))?;
        let now = parsed(&added, path).map_err(|_| lines::unchangeable(path))?;
        let layer = now.get(name).filter(|layer| {
            let id = layer.client_id.as_ref().map(|found| found.value.as_str());
            id == Some(app.client_id.as_str())
                && now.profiles.len() == file.profiles.len() + 1
                && is_same_but(text, &added, |it| lines::without_profile(it, name))
        });
        owner::check(layer.ok_or_else(|| lines::unchangeable(path))?, slice::from_ref(&now))?;
        Ok(added)
    })
}

/// Chooses the profile that the file's programs use from now on.
///
/// # Errors
///
/// If the file has no such profile, and if it is of a form that cannot be changed, or cannot be
/// written.
pub fn choose(path: &Path, name: &str) -> Result<(), SettingsError> {
    change(path, |text, file| {
        if file.get(name).is_none() {
            return Err(fault(path, "has no such profile").advise(choice::among(
                slice::from_ref(file),
                "it has none; add one with `okta-introspect config init --profile NAME`",
            )));
        }
        let chosen = lines::with_choice(text, name);
        let now = parsed(&chosen, path).map_err(|_| lines::unchangeable(path))?;
        let is_chosen = now.profile.is_some_and(|profile| profile.value == name);
        match is_chosen && is_same_but(text, &chosen, lines::without_choice) {
            true => Ok(chosen),
            false => Err(lines::unchangeable(path)),
        }
    })
}

/// Replaces the text of a file, which no other run of ours changes meanwhile. A link to it stays.
fn change(
    path: &Path,
    edit: impl FnOnce(&str, &SettingsFile) -> Result<String, SettingsError>,
) -> Result<(), SettingsError> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let exclusive = Exclusive::new(&target);
    if target.is_file() {
        exclusive.lock().map_err(|cause| unchanged(path, &cause))?;
    }
    let Some(text) = file::text(path, Place::Named)? else {
        return Err(
            fault(path, "is not there").advise("make it with `okta-introspect config init`")
        );
    };
    // Some editors put a mark before UTF-8, and look for it.
    let body = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    let mark = &text[..text.len() - body.len()];
    let edited = Zeroizing::new(edit(body, &parsed(body, path)?)?);
    let changed = Zeroizing::new(format!("{mark}{}", *edited));
    exclusive.replace(changed.as_bytes()).map_err(|cause| unchanged(path, &cause))
}

/// Whether two documents say the same, once what is new in them is taken away.
fn is_same_but(before: &str, after: &str, strip: impl Fn(&mut Value)) -> bool {
    let document = |text: &str| {
        let options = serde_saphyr::options! { with_snippet: false };
        let mut value: Value = serde_saphyr::from_str_with_options(text, options).ok()?;
        strip(&mut value);
        lines::prune(&mut value);
        Some(value)
    };
    match (document(before), document(after)) {
        (Some(before), Some(after)) => before == after,
        // An empty file is no document.
        (None, Some(after)) => before.trim().is_empty() && after.is_null(),
        _ => false,
    }
}

/// What the text says. The home folder counts: keys may be named as seen from there.
fn parsed(text: &str, path: &Path) -> Result<SettingsFile, SettingsError> {
    SettingsFile::parse(text, path.to_owned(), Place::Named, &Environment::process())
}

/// Why a file is as it was.
fn unchanged(path: &Path, cause: &io::Error) -> SettingsError {
    match cause.kind() {
        ErrorKind::WouldBlock => fault(path, "is being changed by another run").advise("try again"),
        _ => fault(path, "cannot be written")
            .because(cause)
            .advise("check the right to write to its folder, and the room there"),
    }
}

#[cfg(test)]
mod tests;
