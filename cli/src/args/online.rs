//! The commands that call a server.

use okta_introspect::TokenTypeHint;

use crate::exit::Exit;

use super::shared::{ClientArgs, DpopArgs, TokenInputArgs, hint};

/// Request a service token and print it
///
/// The token goes to stdout, alone on a line.
#[derive(Debug, clap::Args)]
#[command(after_help = Exit::ONLINE_HELP)]
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
}

/// Ask the server whether a token is good right now
///
/// Reads one token from stdin or a file. Prints `active` or `inactive` and what the server says
/// about the token.
#[derive(Debug, clap::Args)]
#[command(after_help = Exit::VERDICT_HELP)]
pub(crate) struct IntrospectArgs {
    #[command(flatten)]
    pub(crate) token: TokenInputArgs,
    /// What kind of token it is, if known
    #[arg(long, value_name = "HINT", value_parser = hint())]
    pub(crate) hint: Option<TokenTypeHint>,
    /// Print the answer as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// Revoke a token of this app
///
/// Reads one token from stdin or a file. A server says the same for tokens that it does not know,
/// so ask it with --confirm when it matters.
#[derive(Debug, clap::Args)]
#[command(after_help = Exit::REVOKE_HELP)]
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
}
