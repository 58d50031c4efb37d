//! The `okta-introspect` command.
//!
//! Data flows one way; a module uses only those before it:
//!
//! text → files → settings → exit, failure → output → storage → input → api_scopes → args → command
//!
//! | module | what it has |
//! |---|---|
//! | `text` | notations: safe text, values for people, JSON |
//! | `files` | reading whole files, and making private ones |
//! | `settings` | flags, environment and `okta.yaml` merged, by a crate of its own |
//! | `exit`, `failure` | how a command ends |
//! | `output` | stdout and stderr |
//! | `storage` | what outlives a command |
//! | `input` | the token to work on |
//! | `args` | the command line |
//! | `command` | the commands, one file or folder each |

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod api_scopes;
mod args;
mod command;
mod exit;
mod failure;
mod files;
mod input;
mod output;
mod settings;
mod storage;
mod text;

use std::process::ExitCode;

fn main() -> ExitCode {
    let exit = command::run().unwrap_or_else(|failure| {
        output::failure(&failure);
        failure.exit()
    });
    exit.into()
}
