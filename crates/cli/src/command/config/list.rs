//! `config list`: the profiles of the settings files, and which one is in use, and why.

use okta_introspect_settings::Profile;
use serde::Serialize;

use crate::args::ConfigListArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::settings::{Flags, Settings};
use crate::text::human;

use super::super::setup;

pub(super) fn run(args: ConfigListArgs) -> Result<Exit, Failure> {
    let settings = setup::keyless(Flags::from(args.source))?;
    let profiles = settings.profiles();
    let other = other_source(&settings, &profiles);
    if args.json {
        output::json(&ListJson { profiles: &profiles, other: other.as_deref() })?;
        return Ok(Exit::Done);
    }
    if !profiles.is_empty() {
        let lines = human::aligned(profiles.iter().map(|it| (it.name.as_str(), line(it))));
        output::data(lines.trim_start_matches('\n'))?;
    }
    match other {
        Some(other) if profiles.is_empty() => {
            output::note(format_args!("there are no profiles; {other} names the app"));
        }
        Some(other) => {
            output::note(format_args!("none of these is in use: {other} names the app"));
        }
        None if profiles.is_empty() => output::note(
            "there are no profiles; make one with `okta-introspect config init --profile NAME`",
        ),
        None if !profiles.iter().any(|it| it.in_use) => output::note(
            "none of these is in use; choose one with `okta-introspect config use NAME`",
        ),
        None => {}
    }
    Ok(Exit::Done)
}

fn line(profile: &Profile) -> String {
    let issuer = profile.issuer.as_deref().unwrap_or("no org");
    let client_id = profile.client_id.as_deref().unwrap_or("no client id");
    let line = format!("{issuer}  {client_id}  {}", profile.file.display());
    match (profile.in_use, &profile.chosen_by) {
        (false, _) => line,
        (true, Some(by)) => format!("{line}  (in use, by {by})"),
        (true, None) => format!("{line}  (in use: nothing chooses another)"),
    }
}

/// What names the app, if no profile does.
fn other_source(settings: &Settings, profiles: &[Profile]) -> Option<String> {
    let origins = settings.origins();
    let named = origins.server.or(origins.key);
    let is_profile = profiles.iter().any(|it| it.in_use);
    named.filter(|_| !is_profile).map(ToString::to_string)
}

/// The names are stable.
#[derive(Serialize)]
struct ListJson<'a> {
    profiles: &'a [Profile],
    /// What names the app in their place.
    other: Option<&'a str>,
}
