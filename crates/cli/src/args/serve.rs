//! The sidecar's command.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use okta_introspect_serve::Proxy;

use crate::exit::Exit;
use crate::input::token::Source;

use super::shared::help;

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = help(Exit::SERVE_HELP, &[
        "serve --demo",
        "serve --config serve.yaml --check",
        "serve --config serve.yaml",
        "serve snippet nginx --config serve.yaml",
        "serve probe https://api.acme.example/orders --token-file token.txt",
    ])
)]
pub(crate) struct ServeArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ServeCommand>,
    /// The configuration: one YAML file
    #[arg(long, value_name = "FILE", required_unless_present = "demo", conflicts_with = "demo")]
    pub(crate) config: Option<PathBuf>,
    /// Print what the configuration says, refuse what is wrong or unsafe in it, and end
    #[arg(long, requires = "config")]
    pub(crate) check: bool,
    /// Run before an embedded sandbox with two example routes, and print what to try
    #[arg(long)]
    pub(crate) demo: bool,
}

// What else there is about the sidecar.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ServeCommand {
    /// Print what to write into a proxy's configuration
    ///
    /// The proxy's part, complete: keep-alive, time limits, the identity headers of the
    /// configuration, and error pages. What stands there for safety says so in a comment.
    #[command(after_help = help(Exit::LOCAL_HELP, &[
        "serve snippet nginx --config serve.yaml > /etc/nginx/conf.d/orders.conf",
        "serve snippet envoy-grpc --config serve.yaml",
    ]))]
    Snippet(SnippetArgs),
    /// Send forged and odd requests through a running proxy, and tell what got through
    ///
    /// Sends no token, a made-up one and the good one; forged identity and forwarding headers, odd
    /// hosts and odd spellings of paths, byte for byte. The service behind the proxy has to show what
    /// it was asked: --echo is such a service. A token goes to the proxy alone.
    #[command(after_help = help(Exit::PROBE_HELP, &[
        "serve probe https://api.acme.example/orders --token-file token.txt --forbidden /admin",
        "serve probe http://api.acme.example/orders --connect 127.0.0.1:8080 \\\n      \
            --echo 127.0.0.1:8081 < token.txt",
    ]))]
    Probe(ProbeArgs),
    /// Print the JSON Schema of the configuration
    #[command(after_help = help(Exit::LOCAL_HELP, &["serve schema > serve.schema.json"]))]
    Schema,
}

// For which proxy.
#[derive(Debug, clap::Args)]
pub(crate) struct SnippetArgs {
    /// The proxy
    #[arg(value_name = "PROXY")]
    pub(crate) proxy: ProxyName,
    /// The sidecar's configuration, whose listener of this mode is meant
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the proxy reaches the sidecar, HOST:PORT or unix:PATH; default: where that listens
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) sidecar: Option<String>,
    /// Where the proxy listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: String,
    /// Where the protected service is
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8081")]
    pub(crate) backend: String,
    /// Write the files into this folder instead of printing them
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}

// What is sent through a proxy, and where it is.
#[derive(Debug, clap::Args)]
pub(crate) struct ProbeArgs {
    /// What the token may reach by GET, as clients call it through the proxy
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Read the token from a file instead of stdin
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A token that is bound to a key, to be sent without a proof
    #[arg(long, value_name = "FILE")]
    pub(crate) bound_token_file: Option<PathBuf>,
    /// A path of the same host that the token must not reach; default: one without a rule
    #[arg(long, value_name = "PATH")]
    pub(crate) forbidden: Option<String>,
    /// Be the service behind the proxy at this address: answer with what was asked
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) echo: Option<SocketAddr>,
    /// Connect to the proxy here instead of at the URL's host
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) connect: Option<String>,
    /// How the identity headers begin
    #[arg(long, value_name = "PREFIX", default_value = "X-Auth-")]
    pub(crate) prefix: String,
    /// A further header of clients that the service must not get; repeat it for more
    #[arg(long, value_name = "HEADER")]
    pub(crate) drop: Vec<String>,
    /// Certificate authorities to trust besides the system's, as PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Print the findings as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl ProbeArgs {
    pub(crate) fn token_source(&self) -> Source<'_> {
        match &self.token_file {
            Some(path) if path != Path::new("-") => Source::File(path),
            _ => Source::Stdin,
        }
    }
}

// The proxies that there is a snippet for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ProxyName {
    Nginx,
    Caddy,
    Traefik,
    Haproxy,
    Envoy,
    EnvoyGrpc,
    GatewayApi,
}

impl From<ProxyName> for Proxy {
    fn from(name: ProxyName) -> Self {
        match name {
            ProxyName::Nginx => Self::Nginx,
            ProxyName::Caddy => Self::Caddy,
            ProxyName::Traefik => Self::Traefik,
            ProxyName::Haproxy => Self::Haproxy,
            ProxyName::Envoy => Self::Envoy,
            ProxyName::EnvoyGrpc => Self::EnvoyGrpc,
            ProxyName::GatewayApi => Self::GatewayApi,
        }
    }
}
