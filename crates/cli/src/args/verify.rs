//! What `verify` takes.

use std::path::PathBuf;

use crate::exit::Exit;

use super::shared::{ClientArgs, TokenInputArgs};

#[derive(Debug, clap::Args)]
#[command(after_help = [Exit::VERIFY_HELP, EXAMPLES].join("\n\n"))]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) token: TokenInputArgs,
    /// For whom the access token must be, such as api://default
    #[arg(long, value_name = "AUDIENCE", conflicts_with = "id_token")]
    pub(crate) audience: Option<String>,
    /// A scope that the access token must have; repeat it, or separate scopes with blanks
    #[arg(long = "scope", value_name = "SCOPE", conflicts_with = "id_token")]
    pub(crate) scopes: Vec<String>,
    /// Verify an ID token, which must be for --client-id
    #[arg(long)]
    pub(crate) id_token: bool,
    /// The nonce that was sent with the sign-in's request; without it the ID token may have none
    #[arg(long, value_name = "NONCE", requires = "id_token", allow_hyphen_values = true)]
    pub(crate) nonce: Option<String>,
    /// By how much the clocks may differ, at most 300
    #[arg(long, value_name = "SECONDS", default_value = "120")]
    pub(crate) leeway: u64,
    /// Verify with the keys in this file, a JWK Set or a JWK, and ask nobody
    #[arg(long, value_name = "FILE")]
    pub(crate) jwks: Option<PathBuf>,
    /// Verify the signature and look at NO claim: for test vectors, never to accept a token
    #[arg(long, requires = "jwks", conflicts_with_all = ["audience", "id_token", "scopes"])]
    pub(crate) signature_only: bool,
    /// Print the outcome as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

const EXAMPLES: &str = "\
Examples:
  okta-introspect verify --auth-server default --audience api://default < token.txt
  okta-introspect verify --id-token --client-id 0oa1 --nonce n-0S6 --token-file id.txt
  okta-introspect verify --jwks keys.json --signature-only < vector.txt";
