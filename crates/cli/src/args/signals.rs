//! The commands about signals of revocations.

use std::path::PathBuf;
use std::time::Duration;

use crate::exit::Exit;

use super::duration::{duration, look_back, poll_interval};
use super::shared::{ClientArgs, DpopArgs, help};

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::SIGNALS_WATCH_HELP, &[
    "signals test",
    "signals watch",
    "signals watch --json --cursor log.cursor >> revocations.jsonl",
]))]
pub(crate) struct SignalsArgs {
    #[command(subcommand)]
    pub(crate) command: SignalsCommand,
}

// What to do with signals.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum SignalsCommand {
    /// Print what is revoked in the org, as its System Log tells
    ///
    /// Follows the log and prints a line for each event about tokens: when it happened, its source
    /// and type, whom it names (a token by its id, a user, a client, a server), and how long it took
    /// to get here. What it prints is what a checker that follows the log would ask about again;
    /// nothing is revoked or changed.
    ///
    /// With --json, each line is a JSON object: `time` (when it happened), `seen`, `source`, `id`,
    /// `event`, `names` (objects with `type`: token, user, client, server or everything, and what
    /// tells which), and `lag_ms` (null for what happened before the start).
    ///
    /// It needs the scope okta.logs.read and a role that may read the log. Okta allows an org 120
    /// calls a minute to its log and one app half of them; what other programs use is left to them.
    /// With --cursor nothing is lost while it does not run, however it ended: what may have been is
    /// told as a line that names everything.
    Watch(SignalsWatchArgs),
    /// Find out whether signals reach this app, and how late
    ///
    /// Checks what `doctor` checks of server, key and app as far as signals need it, and then: the
    /// scope okta.logs.read, a poll of the System Log, what of its rate limit is left to this app and
    /// how often that lets it ask, and how late a revocation comes into the log. For the last it
    /// requests a token and revokes it. `doctor --signals` does the same at the end of all checks.
    Test(SignalsTestArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::SIGNALS_WATCH_HELP, &[
    "signals watch",
    "signals watch --since 1h --for 1s --json | jq -c '[.time, .event, .names]'",
    "signals watch --json --cursor log.cursor >> revocations.jsonl",
]))]
pub(crate) struct SignalsWatchArgs {
    /// How long to wait between two questions, as far as the rate limit permits: 1s, 2s, 1m; at
    /// least 1s
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = poll_interval, allow_negative_numbers = true)]
    pub(crate) interval: Duration,
    /// Remember in this file where the log goes on, and go on there at the next start
    #[arg(long, value_name = "FILE")]
    pub(crate) cursor: Option<PathBuf>,
    /// Begin with what happened this long ago, where no cursor says otherwise; at most 90d; default:
    /// a minute
    #[arg(long, value_name = "DURATION", value_parser = look_back, allow_negative_numbers = true)]
    pub(crate) since: Option<Duration>,
    /// End after so long
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub(crate) limit: Option<Duration>,
    /// Print a line of JSON for each signal (JSON Lines)
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(flatten)]
    pub(crate) dpop: DpopArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::DOCTOR_HELP, &[
    "signals test --fix-hints",
    "signals test --json | jq '.checks[] | select(.status == \"fail\")'",
]))]
pub(crate) struct SignalsTestArgs {
    /// Tell also where or with which command to mend what is wrong
    #[arg(long)]
    pub(crate) fix_hints: bool,
    /// Print the checks as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(flatten)]
    pub(crate) dpop: DpopArgs,
}
