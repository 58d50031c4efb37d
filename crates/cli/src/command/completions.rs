//! `completions`: what a shell needs to complete our command lines.

use clap::CommandFactory;

use crate::args::{Args, CompletionsArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

pub(super) fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "okta-introspect", &mut script);
    let script = String::from_utf8_lossy(&script);
    // clap_complete 4.6 gives the commands of a name with a hyphen two labels in bash.
    let script = script.replace("okta__subcmd__introspect", "okta__introspect");
    output::data(script.trim_end())?;
    Ok(Exit::Done)
}
