//! The `okta-introspect` command.

mod api_scopes;
mod args;
mod command;
mod exit;
mod failure;
mod input_file;
mod json_path;
mod json_text;
mod jwt;
mod link;
mod output;
mod patience;
mod private;
mod runtime_folder;
mod settings;
mod token_cache;
mod token_input;
mod usage;
mod words;

use std::process::ExitCode;

fn main() -> ExitCode {
    let exit = command::run().unwrap_or_else(|failure| {
        output::failure(&failure);
        failure.exit()
    });
    exit.into()
}
