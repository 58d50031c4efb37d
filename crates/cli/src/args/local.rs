//! The commands that call no server, and those that are one.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Subcommand, ValueHint};
use clap_complete::Shell;
use okta_introspect::Algorithm;

use crate::exit::Exit;

use super::Command;
use super::shared::{ClientArgs, DpopArgs, KeyArgs, SourceArgs, TokenInputArgs, algorithm, help};

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::DEMO_HELP, &[
    "demo",
    "demo --json | jq .steps",
]))]
pub(crate) struct DemoArgs {
    /// Print the steps as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::LOCAL_HELP, &[
    "sandbox",
    "sandbox --tls --listen 127.0.0.1:8443",
    "sandbox --seed apps.yaml --json",
]))]
pub(crate) struct SandboxArgs {
    /// The loopback address to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Apps, users and custom servers to begin with, besides the sandbox's own: JSON or YAML
    #[arg(long, value_name = "FILE")]
    pub(crate) seed: Option<PathBuf>,
    /// Speak TLS with a certificate made for this run; other commands here trust it
    #[arg(long, conflicts_with = "tls_cert")]
    pub(crate) tls: bool,
    /// Speak TLS with this certificate and its chain, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's unencrypted key, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Print one line of JSON instead of `export` lines
    #[arg(long)]
    pub(crate) json: bool,
}

impl SandboxArgs {
    /// On any free port of loopback.
    pub(crate) fn anywhere() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { listen, seed: None, tls: false, tls_cert: None, tls_key: None, json: false }
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::LOCAL_HELP, &[
    "assertion --endpoint token --claims",
    "assertion --endpoint introspect --json",
]))]
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

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::LOCAL_HELP, &[
    "decode < token.txt",
    "decode --json --token-file token.txt | jq .claims.exp",
]))]
pub(crate) struct DecodeArgs {
    #[command(flatten)]
    pub(crate) token: TokenInputArgs,
    /// Print header and claims as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::LOCAL_HELP, &[
    "keygen service-app.pem",
    "keygen service-app.pem --rsa 3072 --key-id 2026-11",
    "keygen --pkcs11 'pkcs11:object=app?pin-source=env:PIN'",
]))]
pub(crate) struct KeygenArgs {
    /// Make an RSA key of this many bits
    #[arg(long, value_name = "BITS", value_parser = ["2048", "3072", "4096"])]
    pub(crate) rsa: Option<String>,
    /// The algorithm to sign with; default ES256, or RS256 with --rsa
    // Under the name that the other commands have for it; `--alg` was the first.
    #[arg(long, alias = "alg", value_name = "ALG", value_parser = algorithm())]
    pub(crate) algorithm: Option<Algorithm>,
    /// The key id; default: the key's RFC 7638 thumbprint
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) key_id: Option<String>,
    /// Print file, key id and public key as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Make the key in the HSM or other token that this pkcs11: URI names, and under its `object`;
    /// it never leaves there
    #[arg(long, value_name = "URI", conflicts_with = "file")]
    pub(crate) pkcs11: Option<String>,
    /// The file to write
    #[arg(value_name = "FILE", required_unless_present = "pkcs11")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::LOCAL_HELP, &[
    "jwk service-app.pem",
    "jwk service-app.pem --set > jwks.json",
]))]
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
    /// The private key; - is stdin; the same as --key-file. Without it, that of the settings
    #[arg(value_name = "FILE", conflicts_with = "key_file")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::LOCAL_HELP, &[
    "completions bash > ~/.local/share/bash-completion/completions/okta-introspect",
    "completions fish > ~/.config/fish/completions/okta-introspect.fish",
]))]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::LOCAL_HELP, &["man | man -l -", "man --out-dir ~/.local/share/man/man1"]))]
pub(crate) struct ManArgs {
    /// Write all pages into this folder instead
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, conflicts_with = "page")]
    pub(crate) out_dir: Option<PathBuf>,
    /// One of the commands, such as token, or config show
    #[arg(value_name = "COMMAND", num_args = 0..=2, value_parser = names(), hide_possible_values = true)]
    pub(crate) page: Vec<String>,
}

/// The names of all commands, and of those below them.
fn names() -> PossibleValuesParser {
    let commands =
        ConfigCommand::augment_subcommands(Command::augment_subcommands(clap::Command::new("")));
    PossibleValuesParser::new(
        commands.get_subcommands().map(|it| it.get_name().to_owned()).collect::<Vec<_>>(),
    )
}

#[derive(Debug, clap::Args)]
#[command(after_help = help(Exit::LOCAL_HELP, &[
    "config show --json | jq '.settings[].origin'",
    "config init --profile staging",
    "config list",
    "config use staging",
]))]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

// What to do with the settings.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show the settings, and where each comes from
    #[command(after_help = help(Exit::LOCAL_HELP, &["config show", "config show --json"]))]
    Show(ConfigShowArgs),
    /// List the profiles, and tell which one is in use, and why
    #[command(after_help = help(Exit::LOCAL_HELP, &[
        "config list",
        "config list --json | jq -r '.profiles[].name'",
    ]))]
    List(ConfigListArgs),
    /// Choose the profile that is used from now on
    ///
    /// Writes `profile:` into ~/.okta/okta.yaml, or into the file that --config names. --profile,
    /// OKTA_PROFILE and OKTA_CLIENT_… win over it.
    #[command(after_help = help(Exit::LOCAL_HELP, &["config use staging", "config use default"]))]
    Use(ConfigUseArgs),
    /// Write down an app: org, client id, and where its private key is
    ///
    /// Asks for what is not given, on a terminal. Writes ~/.okta/okta.yaml, readable by its owner
    /// alone, or the file that --config names; a file that is there is only added to, with
    /// --profile. The key itself stays in its own file.
    #[command(after_help = help(Exit::LOCAL_HELP, &[
        "config init",
        "config init --profile staging --issuer https://acme.oktapreview.com",
    ]))]
    Init(ConfigInitArgs),
}

// Which ones to list.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigListArgs {
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

// Which one to use.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigUseArgs {
    /// The profile; default is okta.client
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Print the profile and the file as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Write to this settings file in place of ~/.okta/okta.yaml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

// What to write down.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigInitArgs {
    /// Make it a profile of this name, beside what the file has
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Write to this settings file in place of ~/.okta/okta.yaml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Print the file and the profile as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) app: NewAppArgs,
}

// The app.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The app")]
pub(crate) struct NewAppArgs {
    /// The org, such as `https://acme.okta.com`, or one of its custom authorization servers
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: Option<String>,
    /// The client id of the service app
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// The file with the private key: PEM, JWK or JWK Set; or a pkcs11: URI
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// The id under which the key is registered
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) key_id: Option<String>,
    /// A scope to request by default; repeat it for more
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
}

// How to show them.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigShowArgs {
    /// A scope that would be requested
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(flatten)]
    pub(crate) dpop: DpopArgs,
}
