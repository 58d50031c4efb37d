//! `config init`: write down an app, as the only one of a new file or as a profile.

use std::path::{self, Path, PathBuf};

use okta_introspect::{Issuer, KeyOptions, SigningKey};
use okta_introspect_settings::edit::{self, NewApp};
use okta_introspect_settings::is_key_uri;
use serde::Serialize;

use crate::args::{ConfigInitArgs, NewAppArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::answer;
use crate::output;
use crate::text;

use super::switch;

pub(super) fn run(args: ConfigInitArgs) -> Result<Exit, Failure> {
    let file = switch::file(args.config.as_ref())?;
    let profile = args.profile.as_deref();
    let is_there = edit::exists(&file);
    if is_there && args.force && profile.is_some() {
        return Err(other_apps(&file));
    }
    let is_kept = is_there && !args.force;
    if is_kept && profile.is_none() {
        return Err(there_already(&file));
    }
    let app = app(args.app)?;
    match profile {
        Some(name) if is_kept => edit::add_profile(&file, name, &app)?,
        _ => edit::create(&file, profile, &app, args.force)?,
    }
    if args.json {
        output::json(&InitJson { file: &file, profile })?;
    }
    note(&file, args.config.is_some(), profile, &app);
    Ok(Exit::Done)
}

fn there_already(file: &Path) -> Failure {
    let file = text::path(file);
    Failure::usage(format!("the settings file {file} is there already"))
        .advise("add the app with --profile NAME, or replace the whole file with --force")
}

/// Replacing one profile is not meant to lose the rest.
fn other_apps(file: &Path) -> Failure {
    let file = text::path(file);
    Failure::usage(format!("--force would remove the other apps of {file} as well"))
        .advise("choose another name, change the profile in the file, or leave out --profile")
}

/// What was given, and what the user answers for the rest.
fn app(given: NewAppArgs) -> Result<NewApp, Failure> {
    // Asked for in one go, or not at all: a script must not wait for answers.
    let asks = given.issuer.is_none() || given.client_id.is_none() || given.key_file.is_none();
    let ask = |question| if asks { answer::optional(question) } else { Ok(None) };
    let issuer = match given.issuer {
        Some(issuer) => issuer,
        None => answer::required("The org, such as https://acme.okta.com", "--issuer")?,
    };
    let issuer = Issuer::parse(&issuer)?;
    let client_id = match given.client_id {
        Some(id) => id,
        None => answer::required("The client id of the service app", "--client-id")?,
    };
    let key_file = match given.key_file {
        Some(path) => path,
        None => answer::required("The file with its private key", "--key-file")?.into(),
    };
    let is_uri = key_file.to_str().is_some_and(is_key_uri);
    let key_file = if is_uri { key_file } else { absolute(&key_file)? };
    let key_id = match given.key_id {
        Some(id) => Some(id),
        None => ask("The id under which the key is registered, if it has one")?,
    };
    let scopes = match given.scopes.is_empty() {
        true => ask("Scopes to request, such as okta.users.read, if any")?,
        false => Some(given.scopes.join(" ")),
    };
    Ok(NewApp { issuer: issuer.to_string(), client_id, key_file, key_id, scopes })
}

/// The path of the key, which is used from other folders as well.
fn absolute(key_file: &Path) -> Result<PathBuf, Failure> {
    let shown = text::path(key_file);
    if !key_file.is_file() {
        return Err(Failure::usage(format!("there is no key file: {shown}"))
            .advise("name a file; `okta-introspect keygen FILE` makes a key"));
    }
    path::absolute(key_file)
        .map_err(|cause| Failure::usage(format!("this is no path: {shown}")).because(&cause))
}

/// Says what was written, and how it is used.
fn note(file: &Path, is_named: bool, profile: Option<&str>, app: &NewApp) {
    let file = file.display();
    let config = if is_named { format!(" --config {file}") } else { String::new() };
    match profile {
        Some(name) => output::note(format_args!(
            "the profile {name} is in {file}; use it with{config} --profile {name}, or always after \
             `okta-introspect config use{config} {name}`"
        )),
        None if is_named => output::note(format_args!("the app is in {file}; use it with{config}")),
        None => output::note(format_args!("the app is in {file}")),
    }
    let is_uri = app.key_file.to_str().is_some_and(is_key_uri);
    if !is_uri && SigningKey::from_file(&app.key_file, &KeyOptions::default()).is_err() {
        output::note("the key cannot be loaded without more: see `okta-introspect doctor`");
    }
}

/// The names are stable.
#[derive(Serialize)]
struct InitJson<'a> {
    file: &'a Path,
    profile: Option<&'a str>,
}
