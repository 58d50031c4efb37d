//! The command that asks again and again.

use std::time::Duration;

use okta_introspect::TokenTypeHint;

use crate::exit::Exit;

use super::duration::{duration, interval};
use super::shared::{ClientArgs, TokenInputArgs, help, hint};

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::WATCH_HELP, &[
    "watch --max-age 5s --until-inactive < token.txt",
    "watch --until-inactive --for 10m --token-file token.txt || echo revoked",
    "watch --json < token.txt | jq -c '[.time, .active, .changed]'",
]))]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) token: TokenInputArgs,
    /// What kind of token it is, if known
    #[arg(long, value_name = "HINT", value_parser = hint())]
    pub(crate) hint: Option<TokenTypeHint>,
    /// How old an answer may become before the server is asked again: 500ms, 5s, 10m, 2h; at least
    /// 100ms
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = interval, allow_negative_numbers = true)]
    pub(crate) max_age: Duration,
    /// End, with exit code 1, as soon as the token is inactive
    #[arg(long)]
    pub(crate) until_inactive: bool,
    /// End after so long, with the exit code of the last answer
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub(crate) limit: Option<Duration>,
    /// Print a line of JSON for each change (JSON Lines)
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}
