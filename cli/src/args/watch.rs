//! The command that asks again and again.

use std::time::Duration;

use okta_introspect::TokenTypeHint;

use crate::exit::Exit;

use super::duration::duration;
use super::help;
use super::shared::{ClientArgs, TokenInputArgs, hint};

/// Watch a token, and tell each change until it becomes inactive
///
/// Reads one token from stdin or a file and asks the server about it again and again. Prints a line
/// for its first state and one for each change: `active`, `inactive`, or `unknown` when the server
/// cannot be asked or cannot say, which is never taken for inactive: the cause goes to stderr, and
/// the next question follows after a pause. Refused credentials end it at once.
///
/// With --json, each line is a JSON object: `time` (when the server was asked), `token` (its
/// fingerprint: Base64 of SHA-256), `active` (true, false, or null for unknown), `changed` (the
/// names of what is new, `active` or members of the answer such as `scope` and `exp`; empty in the
/// first line), and `introspection` or `error`.
///
/// Without --until-inactive and --for it goes on until Ctrl-C, also beyond inactive: a user who was
/// suspended may come back. It keeps within the server's rate limit, and asks at a token's end
/// without waiting for its next turn.
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
    /// How old an answer may become before the server is asked again: 500ms, 5s, 10m, 2h
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) max_age: Duration,
    /// End, with exit code 1, as soon as the token is inactive
    #[arg(long)]
    pub(crate) until_inactive: bool,
    /// End after so long, with the exit code of the last answer
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub(crate) limit: Option<Duration>,
    /// Print a line of JSON for each change (JSON Lines)
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}
