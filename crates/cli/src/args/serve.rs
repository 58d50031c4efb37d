//! The sidecar's command.

use std::path::PathBuf;

use clap::ValueEnum;
use okta_introspect_serve::Proxy;

use crate::exit::Exit;

use super::shared::help;

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = help(Exit::SERVE_HELP, &[
        "serve --demo",
        "serve --config serve.yaml --check",
        "serve --config serve.yaml",
        "serve snippet nginx --config serve.yaml",
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
