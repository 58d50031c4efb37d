//! `config show`: which settings there are, and where each comes from.

use serde::Serialize;

use crate::args::ConfigShowArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::settings::Shown;
use crate::text::human;

use super::super::setup;

pub(super) fn run(args: ConfigShowArgs) -> Result<Exit, Failure> {
    let flags = args.client.requesting(&args.scopes, &args.dpop);
    let settings = setup::settings(flags)?.shown();
    if args.json {
        output::json(&ConfigJson { settings: &settings })?;
    } else if settings.is_empty() {
        output::note("nothing is configured; see `okta-introspect --help`");
    } else {
        let line = |it: &Shown| format!("{} (from {})", it.value, it.origin);
        let lines = human::aligned(settings.iter().map(|it| (it.name, line(it))));
        output::report(lines.trim_start_matches('\n'))?;
    }
    Ok(Exit::Done)
}

/// The names are stable.
#[derive(Serialize)]
struct ConfigJson<'a> {
    settings: &'a [Shown],
}
