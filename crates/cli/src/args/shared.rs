//! The options that several commands have: server, client, key, token.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use okta_introspect::{Algorithm, DpopMode, TokenTypeHint};

use crate::input::token;
use crate::settings::{DPOP_MODES, dpop_mode};

// Where the token to work on comes from.
#[derive(Debug, clap::Args)]
pub(crate) struct TokenInputArgs {
    /// Read the token from this file instead of stdin; - is stdin
    #[arg(value_name = "FILE", conflicts_with = "token_file")]
    file: Option<PathBuf>,
    /// Read the token from a file instead of stdin
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl TokenInputArgs {
    pub(crate) fn source(&self) -> token::Source<'_> {
        match (&self.file, &self.token_file) {
            (Some(path), _) if path != Path::new("-") => token::Source::Argument(path),
            (None, Some(path)) if path != Path::new("-") => token::Source::File(path),
            _ => token::Source::Stdin,
        }
    }
}

// Server and client.
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
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) timeout: Option<u64>,
    /// Certificate authorities to trust besides the system's, as PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

// How tokens are requested.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct DpopArgs {
    /// Whether to bind tokens to a key (DPoP): auto does it when the server demands it
    #[arg(long, value_name = "MODE", value_parser = dpop())]
    pub(crate) dpop: Option<DpopMode>,
}

// Where settings are looked for.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct SourceArgs {
    /// A profile of the settings files, which wins over the environment; default is okta.client
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Read this settings file in place of ./okta.yaml and ~/.okta/okta.yaml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

// The private key.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct KeyArgs {
    /// The private key: PEM, JWK, JWK Set, or a pkcs11: URI; - is stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// The id under which the key is registered; picks the key from a JWK Set
    // One thumbprint in 64 begins with a hyphen.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) key_id: Option<String>,
    /// The file with the key's passphrase; - is stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// The algorithm to sign with; default: what fits the key
    #[arg(long, value_name = "ALG", value_parser = algorithm())]
    pub(crate) algorithm: Option<Algorithm>,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

pub(super) fn algorithm() -> impl TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name))
        .try_map(|name| name.parse::<Algorithm>())
}

fn dpop() -> impl TypedValueParser<Value = DpopMode> {
    // Every one of these words is a mode.
    PossibleValuesParser::new(DPOP_MODES).map(|word| dpop_mode(&word).unwrap_or_default())
}

pub(super) fn hint() -> impl TypedValueParser<Value = TokenTypeHint> {
    PossibleValuesParser::new(TokenTypeHint::ALL.map(TokenTypeHint::as_str))
        .try_map(|name| name.parse::<TokenTypeHint>())
}

/// What a help has below the options: exit codes and examples.
pub(super) fn help(exit_codes: &str, examples: &[&str]) -> String {
    let lines: String = examples.iter().map(|line| format!("\n  okta-introspect {line}")).collect();
    format!("{exit_codes}\n\nExamples:{lines}")
}
