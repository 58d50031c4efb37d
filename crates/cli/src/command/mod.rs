//! The commands, one file or folder each, and what they share. They return how they ended, and print through
//! [`output`].

mod api;
mod assertion;
mod batch;
mod completions;
mod config;
mod cures;
mod decode;
mod demo;
mod destination;
mod doctor;
mod explain;
mod introspect;
mod jwk;
mod keygen;
mod man;
mod other_server;
mod plan;
mod rate_limit;
mod revoke;
mod rotate;
mod running_sandbox;
mod runtime;
mod sandbox;
mod serve;
mod setup;
mod signals;
mod times;
mod token;
mod verdict;
mod verify;
mod watch;

use clap::error::ErrorKind;

use crate::args::{Args, Command, usage};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// Reads the command line and does what it says.
pub(crate) fn run() -> Result<Exit, Failure> {
    match Args::read(std::env::args_os()) {
        Ok(args) => {
            if args.quiet {
                output::be_quiet();
            }
            // The sidecar's own log is set up by its configuration.
            if !matches!(args.command, Command::Serve(_)) {
                output::log_requests(args.verbose, args.trace);
            }
            dispatch(args.command)
        }
        // Help and version come as errors too, but are what was asked for.
        Err(asked) if !asked.use_stderr() => {
            print_help(&asked)?;
            Ok(Exit::Done)
        }
        // Not exit code 0: of a command in an empty variable, it would say that a token is active.
        Err(error) => {
            if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                print_help(&error)?;
            }
            Err(usage::failure(&error))
        }
    }
}
/// Prints a help, or the version.
fn print_help(help: &clap::Error) -> Result<(), Failure> {
    let text = help.render();
    // Rendered without colours where none are wanted, instead of stripping them afterwards.
    let text = match output::stdout_has_colours() {
        true => text.ansi().to_string(),
        false => text.to_string(),
    };
    output::data(text.trim_end())
}

fn dispatch(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::Sandbox(args) => sandbox::run(&args),
        Command::Token(args) => token::run(args),
        Command::Introspect(args) => introspect::run(args),
        Command::Watch(args) => watch::run(args),
        Command::Revoke(args) => revoke::run(args),
        Command::Rotate(args) => rotate::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Api(args) => api::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Signals(args) => signals::run(args),
        Command::Assertion(args) => assertion::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Decode(args) => decode::run(&args),
        Command::Keygen(args) => keygen::run(args),
        Command::Jwk(args) => jwk::run(args),
        Command::Completions(args) => completions::run(&args),
        Command::Config(args) => config::run(args),
        Command::Plan(args) => plan::run(&args),
        Command::Man(args) => man::run(&args),
    }
}
