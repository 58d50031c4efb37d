//! The commands that call a server.

use std::path::PathBuf;

use okta_introspect::TokenTypeHint;

use crate::api_scopes;
use crate::exit::Exit;

use super::shared::{ClientArgs, DpopArgs, OtherServerArgs, TokenInputArgs, help, hint};

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::ONLINE_HELP, &[
    "token --scope okta.users.read",
    "token --scope okta.users.read --json | jq .expires_in",
    "token --auth-server default --scope orders.read",
    "token --issuer https://id.example/realms/a --discover --audience issuer --scope read",
]))]
pub(crate) struct TokenArgs {
    /// A scope to request; repeat it, or separate scopes with blanks
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// Print the token with its type, lifetime and scopes as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(flatten)]
    pub(crate) dpop: DpopArgs,
    #[command(flatten)]
    pub(crate) server: OtherServerArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::INTROSPECT_HELP, &[
    "introspect --json < token.txt",
    "introspect --batch tokens.txt --resume state.json >> answers.jsonl",
    "introspect --batch --concurrency 16 < tokens.jsonl",
]))]
pub(crate) struct IntrospectArgs {
    #[command(flatten)]
    pub(crate) token: TokenInputArgs,
    /// What kind of token it is, if known
    #[arg(long, value_name = "HINT", value_parser = hint())]
    pub(crate) hint: Option<TokenTypeHint>,
    /// Print the answer as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Introspect the tokens in a file, one on each line; without a name, or with -, those on stdin
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        default_missing_value = "-",
        conflicts_with_all = ["file", "token_file"]
    )]
    pub(crate) batch: Option<PathBuf>,
    /// How many tokens of a batch to ask about at once
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8,
        value_parser = clap::value_parser!(u8).range(1..=64),
        allow_negative_numbers = true,
        requires = "batch"
    )]
    pub(crate) concurrency: u8,
    /// Keep the state of a batch in this file, and go on where an earlier run has stopped
    #[arg(
        long,
        value_name = "STATE",
        requires = "batch",
        // Without this, a file of one token would take the need for --batch away.
        conflicts_with_all = ["file", "token_file"]
    )]
    pub(crate) resume: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(flatten)]
    pub(crate) server: OtherServerArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = api_help(), override_usage = "okta-introspect api [OPTIONS] [METHOD] <PATH>")]
pub(crate) struct ApiArgs {
    /// The method, if it is not GET, and the path: /api/v1/users
    #[arg(value_name = "PATH", num_args = 1..=2, required = true)]
    pub(crate) request: Vec<String>,
    /// The method, if it is not given before the path
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// A parameter; repeat it for more
    #[arg(short, long = "field", value_name = "KEY=VALUE")]
    pub(crate) fields: Vec<String>,
    /// Send this file as the JSON body; - is stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Get every page of a list, joined into one
    #[arg(long)]
    pub(crate) paginate: bool,
    /// Print each item of a list on a line of its own (JSON Lines)
    #[arg(long, conflicts_with = "filter")]
    pub(crate) lines: bool,
    /// Print what is at this path, a value on each line: .[].profile.login
    #[arg(long, value_name = "PATH")]
    pub(crate) filter: Option<String>,
    /// Do not indent; with --filter, print texts without their quotes
    #[arg(long)]
    pub(crate) raw: bool,
    /// Print status and headers first
    #[arg(short, long, conflicts_with_all = ["paginate", "lines", "filter"])]
    pub(crate) include: bool,
    /// A scope to request instead of the one that the path wants; repeat it for more
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// Keep the service token for the next calls, encrypted under the app's key in the user's cache
    /// folder; a token that is bound to a key (DPoP) is never kept
    #[arg(long)]
    pub(crate) token_cache: bool,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(flatten)]
    pub(crate) dpop: DpopArgs,
}

fn api_help() -> String {
    let examples = [
        "api /api/v1/users --paginate --filter '.[].profile.login' --raw",
        "api /api/v1/logs -f since=2026-01-01T00:00:00Z -f limit=1000 --lines",
        "api POST /api/v1/groups -f profile.name=Auditors",
        "api POST /api/v1/apps/0oa1/credentials/jwks --input next.jwk",
        "api --token-cache /api/v1/users/ada@example.com --filter .status --raw",
    ];
    [help(Exit::ONLINE_HELP, &examples), api_scopes::help()].join("\n\n")
}

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::DOCTOR_HELP, &[
    "doctor --scope okta.users.read --fix-hints",
    "doctor --signals",
    "doctor --json | jq '.checks[] | select(.status == \"fail\")'",
]))]
pub(crate) struct DoctorArgs {
    /// A scope to try; repeat it for more
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// Find out also whether the System Log tells this app of revocations, and how late
    #[arg(long)]
    pub(crate) signals: bool,
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

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::VERDICT_HELP, &[
    "explain < token.txt",
    "explain --json < token.txt | jq .reasons[0]",
]))]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) token: TokenInputArgs,
    /// Print the explanation as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::REVOKE_HELP, &[
    "revoke < token.txt",
    "revoke --confirm --token-file token.txt",
]))]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    pub(crate) token: TokenInputArgs,
    /// What kind of token it is, if known
    #[arg(long, value_name = "HINT", value_parser = hint())]
    pub(crate) hint: Option<TokenTypeHint>,
    /// Introspect the token afterwards
    #[arg(long)]
    pub(crate) confirm: bool,
    /// Print the outcome as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(flatten)]
    pub(crate) server: OtherServerArgs,
}
