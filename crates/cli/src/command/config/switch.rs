//! `config use`: choose the profile that is used from now on.

use std::path::PathBuf;

use okta_introspect_settings::{Environment, edit};
use serde::Serialize;

use crate::args::ConfigUseArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::settings::{Flags, Settings};

pub(super) fn run(args: &ConfigUseArgs) -> Result<Exit, Failure> {
    let file = file(args.config.as_ref())?;
    edit::choose(&file, &args.name)?;
    if args.json {
        output::json(&UseJson { profile: &args.name, file: &file })?;
    }
    output::note(format_args!("{} now chooses the profile {}", file.display(), args.name));
    // It is chosen all the same, so what is wrong elsewhere is no failure here.
    let flags = Flags { config: args.config.clone(), ..Flags::default() };
    let Ok(settings) = Settings::gather(flags) else { return Ok(Exit::Done) };
    let is_used = settings.profiles().iter().any(|it| it.in_use && it.name == args.name);
    match settings.profile().map(|it| &it.origin).or_else(|| settings.origins().server) {
        Some(other) if !is_used => {
            output::note(format_args!("in this place it is not used: {other} decides"));
        }
        _ => {}
    }
    Ok(Exit::Done)
}

/// The file to write to: the one that was named, or the user's own.
pub(super) fn file(named: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    match named {
        Some(file) => Ok(file.clone()),
        None => Ok(edit::home_file(&Environment::process())?),
    }
}

/// The names are stable.
#[derive(Serialize)]
struct UseJson<'a> {
    profile: &'a str,
    file: &'a PathBuf,
}
