//! The command that puts another key in the place of the app's.

use std::path::PathBuf;
use std::time::Duration;

use crate::exit::Exit;

use super::duration::overlap;
use super::shared::{ClientArgs, DpopArgs, help};

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::ROTATE_HELP, &[
    "rotate --dry-run",
    "rotate --key-file service-app.jwk --overlap 10m --delete",
    "rotate --as admin --new-key-file next.pem",
]))]
pub(crate) struct RotateArgs {
    /// Print what there is and what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take the new key from this file instead of making one of the same kind
    #[arg(long, value_name = "FILE")]
    pub(crate) new_key_file: Option<PathBuf>,
    /// How long both keys stay good after the switch, so that every program takes up the new one: 0s,
    /// 30s, 10m, 2h
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = overlap, allow_negative_numbers = true)]
    pub(crate) overlap: Duration,
    /// Delete the old key from the app in the end; without this it stays there, inactive
    #[arg(long)]
    pub(crate) delete: bool,
    /// The profile of the app that changes the keys, if it is not the app itself
    #[arg(long = "as", value_name = "PROFILE")]
    pub(crate) admin: Option<String>,
    /// Print the outcome as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(flatten)]
    pub(crate) dpop: DpopArgs,
}
