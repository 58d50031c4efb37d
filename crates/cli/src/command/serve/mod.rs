//! `serve`: the sidecar, and what belongs to it.

mod demo;
mod probe;
mod snippet;

use std::path::Path;

use okta_introspect_serve::{Config, Fault, config, log};
use okta_introspect_settings::Environment;
use tokio::runtime::Runtime;

use crate::args::{ServeArgs, ServeCommand};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

pub(super) fn run(args: ServeArgs) -> Result<Exit, Failure> {
    match (args.command, args.config) {
        (Some(ServeCommand::Snippet(args)), _) => snippet::run(&args),
        (Some(ServeCommand::Probe(args)), _) => probe::run(&args),

        (Some(ServeCommand::Schema), _) => {
            output::data(config::json_schema())?;
            Ok(Exit::Done)
        }
        (None, Some(file)) if args.check => check(&file),
        (None, Some(file)) => serve(&file),
        (None, None) => demo::run(),
    }
}

/// Tells what the configuration says.
fn check(file: &Path) -> Result<Exit, Failure> {
    let config = load(file)?;
    okta_introspect_serve::check(&config).map_err(first_but_last)?;
    output::data(config.check_lines().trim_end())?;
    Ok(Exit::Done)
}

/// Runs the sidecar until it is told to end.
fn serve(file: &Path) -> Result<Exit, Failure> {
    let config = load(file)?;
    runtime()?.block_on(run_sidecar(file, config))
}

fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|cause| {
        Failure::new(Exit::Unknown, "the runtime cannot be started").because(&cause)
    })
}

async fn run_sidecar(file: &Path, config: Config) -> Result<Exit, Failure> {
    // It can only be there already if a test has set one.
    let _writing = log::install(config.log.format, config.log.level);
    let serving = okta_introspect_serve::run(file.to_owned(), config, Environment::process());
    serving.await.map_err(first_but_last)?;
    Ok(Exit::Done)
}

/// Reads the configuration, and tells what is doubtful in it.
fn load(file: &Path) -> Result<Config, Failure> {
    let (config, warnings) = config::load(file, &Environment::process()).map_err(first_but_last)?;
    warnings.iter().for_each(output::note);
    Ok(config)
}

/// Prints all faults but the last, a line each, and returns that one: it is printed in the end.
fn first_but_last(faults: Vec<Fault>) -> Failure {
    let mut failures = faults.iter().map(|fault| Failure::usage(fault.to_string()));
    let Some(last) = failures.next_back() else {
        return Failure::usage("the configuration cannot be used");
    };
    failures.for_each(|failure| output::failure(&failure));
    last
}
