//! What was typed: plain data, without environment, files or network.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};
use clap_complete::Shell;
use okta_introspect::{Algorithm, TokenTypeHint};

use crate::exit::Exit;

/// Knows whether an Okta token is still good right now.
///
/// Acts as an Okta service app (private_key_jwt): requests service tokens, introspects and
/// revokes tokens. Settings are taken from flags, then from the environment (OKTA_CLIENT_…), then
/// from ./okta.yaml or ./.okta.yaml, then from ~/.okta/okta.yaml. Where none of them names an
/// org, a client or a key, a running `okta-introspect sandbox` is used.
///
/// Keys, tokens and passphrases come from files, the environment or standard input, never from
/// the command line. Data goes to stdout, words for people to stderr.
#[derive(Debug, Parser)]
#[command(name = "okta-introspect", version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  okta-introspect demo
  okta-introspect sandbox
  okta-introspect token --scope okta.users.read
  okta-introspect introspect --json < token.txt

Exit codes are the same for every command and listed in its --help: 0 active or done,
1 inactive, 2 usage or configuration, 3 could not find out, 4 our credentials were refused.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(DemoArgs),
    Sandbox(SandboxArgs),
    Token(TokenArgs),
    Introspect(IntrospectArgs),
    Revoke(RevokeArgs),
    Assertion(AssertionArgs),
    Decode(DecodeArgs),
    Keygen(KeygenArgs),
    Jwk(JwkArgs),
    Completions(CompletionsArgs),
}

/// Show the whole story on an embedded sandbox: no configuration, no network
#[derive(Debug, clap::Args)]
#[command(after_help = Exit::DEMO_HELP)]
pub(crate) struct DemoArgs {
    /// Print the steps as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Run an authorization server on loopback that behaves as Okta does
///
/// Prints `export` lines for the other commands and for your own programs, and runs until Ctrl-C.
/// Commands in other terminals find it by themselves as long as nothing else is configured.
#[derive(Debug, clap::Args)]
#[command(after_help = Exit::LOCAL_HELP)]
pub(crate) struct SandboxArgs {
    /// The loopback address to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Apps, users and custom servers to begin with, besides the sandbox's own: JSON or YAML
    #[arg(long, value_name = "FILE")]
    pub(crate) seed: Option<PathBuf>,
    /// Print one line of JSON instead of `export` lines
    #[arg(long)]
    pub(crate) json: bool,
}

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

/// Make a client assertion and print it
///
/// It is good for one request to one endpoint within five minutes. Send it in a form body, never
/// in a URL.
#[derive(Debug, clap::Args)]
#[command(after_help = Exit::LOCAL_HELP)]
pub(crate) struct AssertionArgs {
    /// For which endpoint: token, introspect, revoke, or a URL
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) endpoint: String,
    /// Print its header and claims as one line of JSON instead
    #[arg(long)]
    pub(crate) claims: bool,
    /// Print it with its endpoint and end as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// Show what a JWT says, without verifying anything
///
/// Reads one JWT from stdin or a file. Nothing is checked and no server is asked: whatever it
/// says, anybody could have written.
#[derive(Debug, clap::Args)]
#[command(after_help = Exit::LOCAL_HELP)]
pub(crate) struct DecodeArgs {
    #[command(flatten)]
    pub(crate) token: TokenInputArgs,
    /// Print header and claims as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Make a private key and print its public half for registration
///
/// Makes an ES256 key unless told otherwise: it signs ten times as fast as RSA. The file is
/// readable by its owner alone; an existing file is never overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = Exit::LOCAL_HELP)]
pub(crate) struct KeygenArgs {
    /// Make an RSA key of this many bits
    #[arg(long, value_name = "BITS", value_parser = ["2048", "3072", "4096"])]
    pub(crate) rsa: Option<String>,
    /// The algorithm to sign with; default ES256, or RS256 with --rsa
    #[arg(long, value_name = "ALG", value_parser = algorithm())]
    pub(crate) alg: Option<Algorithm>,
    /// The key id; default: the key's RFC 7638 thumbprint
    #[arg(long, value_name = "ID")]
    pub(crate) key_id: Option<String>,
    /// Print file, key id and public key as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The file to write
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Print the public half of a private key as a JWK
#[derive(Debug, clap::Args)]
#[command(after_help = Exit::LOCAL_HELP)]
pub(crate) struct JwkArgs {
    /// Print a JWK Set: {"keys":[…]}
    #[arg(long)]
    pub(crate) set: bool,
    /// Print the RFC 7638 thumbprint instead
    #[arg(long, conflicts_with = "set")]
    pub(crate) thumbprint: bool,
    /// Print JSON in every case: a JWK is JSON as it is, the thumbprint becomes {"thumbprint":…}
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = Exit::LOCAL_HELP)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

/// Where the token to work on comes from.
#[derive(Debug, clap::Args)]
pub(crate) struct TokenInputArgs {
    /// Read the token from a file instead of stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// Who asks whom.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct ClientArgs {
    /// The org, such as `https://acme.okta.com`, or one of its custom authorization servers
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: Option<String>,
    /// A custom authorization server of the org, by its id, such as default
    #[arg(long, value_name = "ID")]
    pub(crate) auth_server: Option<String>,
    /// The client id of the service app
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// How long one call may take in all; 0 is the default of 30 s
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
    /// Certificate authorities to trust besides the system's, as PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// The private key.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct KeyArgs {
    /// The private key: PEM, JWK or JWK Set
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// The id under which the key is registered; picks the key from a JWK Set
    #[arg(long, value_name = "ID")]
    pub(crate) key_id: Option<String>,
    /// The file with the key's passphrase
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// The algorithm to sign with; default: what fits the key
    #[arg(long, value_name = "ALG", value_parser = algorithm())]
    pub(crate) algorithm: Option<Algorithm>,
}

fn algorithm() -> impl TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name))
        .try_map(|name| name.parse::<Algorithm>())
}

fn hint() -> impl TypedValueParser<Value = TokenTypeHint> {
    PossibleValuesParser::new(TokenTypeHint::ALL.map(TokenTypeHint::as_str))
        .try_map(|name| name.parse::<TokenTypeHint>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
