//! What to write into each proxy's configuration so that it asks the sidecar, completely and safely.

mod address;
mod caddy;
mod envoy;
mod gateway_api;
mod haproxy;
mod header;
mod nginx;
mod template;
#[cfg(test)]
mod tests;
mod traefik;

use std::fmt;
use std::time::Duration;

pub use address::Address;

use crate::error::Fault;
use crate::identity::{Identity, IdentityFact};
use crate::routes::AUTHZ;
use header::Headers;

/// A proxy, and the way in which it asks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Proxy {
    /// nginx, by `auth_request`.
    Nginx,
    /// Caddy, by `forward_auth`.
    Caddy,
    /// Traefik, by `forwardAuth`.
    Traefik,
    /// Envoy, by the filter `ext_authz` over HTTP.
    Envoy,
    /// Envoy, by the filter `ext_authz` over gRPC.
    EnvoyGrpc,
    /// A gateway with the filter `ExternalAuth` of Gateway API (GEP-1494), over gRPC.
    GatewayApi,
    /// HAProxy, by an action in Lua.
    Haproxy,
}

impl Proxy {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Nginx,
        Self::Caddy,
        Self::Traefik,
        Self::Envoy,
        Self::EnvoyGrpc,
        Self::GatewayApi,
        Self::Haproxy,
    ];

    /// Its name on the command line, such as `envoy-grpc`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Traefik => "traefik",
            Self::Envoy => "envoy",
            Self::EnvoyGrpc => "envoy-grpc",
            Self::GatewayApi => "gateway-api",
            Self::Haproxy => "haproxy",
        }
    }

    /// The proxy of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|proxy| proxy.as_str() == name)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a snippet depends on.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::{Proxy, SnippetConfig};
///
/// let files = SnippetConfig::default().files(Proxy::Nginx)?;
/// assert!(files[0].text.contains("proxy_set_header X-Auth-Sub $okta_x_auth_sub;"));
/// # Ok::<_, okta_introspect_serve::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct SnippetConfig {
    /// Where the sidecar listens. `unix:/run/okta-introspect/authz.sock` unless given; Traefik and Gateway API need TCP.
    pub sidecar: Address,
    /// The headers that the sidecar sends on every yes; at least one. Letters, digits and `-`. `X-Auth-Sub` and the others of
    /// the sidecar's own default unless given.
    pub identity: Vec<String>,
    /// More headers of clients to remove. Those of `identity` are removed in any case, spelt with `-` and with `_`.
    pub strip: Vec<String>,
    /// Whether the backend gets `Authorization` and `DPoP` as the client sent them. `true` unless given.
    pub keep_authorization: bool,
    /// Whether proofs (RFC 9449) are checked, for which `DPoP` has to reach the sidecar. `true` unless given.
    pub dpop: bool,
    /// Whether the sidecar asks its callers for a secret, which the proxy shows as `X-Okta-Introspect-Key`. The snippet
    /// says where it stands, and never has it. `false` unless given; Gateway API cannot do it.
    pub caller_key: bool,
    /// Whether clients may read what the sidecar says of the resource at `/.well-known/oauth-protected-resource`
    /// (RFC 9728): the proxy hands that path to the sidecar, without a check. `false` unless given.
    pub metadata: bool,
    /// The path at which the sidecar answers; Envoy puts it before the original path. `/authz` unless given.
    pub path_prefix: String,
    /// How long the proxy waits for the sidecar, which must be longer than the sidecar waits for Okta. 1 s unless given,
    /// 1 ms to 60 s.
    pub timeout: Duration,
    /// Where the proxy listens, by TCP. `127.0.0.1:8080` unless given.
    pub listen: Address,
    /// The service that is protected, by TCP. `127.0.0.1:3000` unless given.
    pub upstream: Address,
}

impl Default for SnippetConfig {
    fn default() -> Self {
        Self {
            sidecar: Address::Unix("/run/okta-introspect/authz.sock".to_owned()),
            identity: IdentityFact::ALL
                .map(|fact| format!("{}{}", Identity::PREFIX, fact.suffix()))
                .into(),
            strip: Vec::new(),
            keep_authorization: true,
            dpop: true,
            caller_key: false,
            metadata: false,
            path_prefix: AUTHZ.to_owned(),
            timeout: Duration::from_secs(1),
            listen: Address::tcp("127.0.0.1", 8080),
            upstream: Address::tcp("127.0.0.1", 3000),
        }
    }
}

/// A file of a proxy's configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SnippetFile {
    /// What it is usually called, without a folder.
    pub name: &'static str,
    /// What stands in it, with comments at each line that is there for safety.
    pub text: String,
}

impl SnippetConfig {
    /// The files for this proxy. Nothing in them is secret.
    ///
    /// # Errors
    ///
    /// Where a value would mean something else in a proxy's configuration, is beyond its bounds, or where the proxy
    /// cannot ask a sidecar at this address.
    pub fn files(&self, proxy: Proxy) -> Result<Vec<SnippetFile>, Fault> {
        let snippet = Snippet::new(self)?;
        match proxy {
            Proxy::Nginx => nginx::files(&snippet),
            Proxy::Caddy => caddy::files(&snippet),
            Proxy::Traefik => traefik::files(&snippet),
            Proxy::Envoy => envoy::files(&snippet, envoy::Protocol::Http),
            Proxy::EnvoyGrpc => envoy::files(&snippet, envoy::Protocol::Grpc),
            Proxy::GatewayApi => gateway_api::files(&snippet),
            Proxy::Haproxy => haproxy::files(&snippet),
        }
    }
}

/// A configuration whose values are safe to write anywhere in a proxy's file.
struct Snippet<'a> {
    config: &'a SnippetConfig,
    headers: Headers,
    /// Host and port where the proxy listens.
    listen: (&'a str, u16),
    /// Host and port of the protected service.
    upstream: (&'a str, u16),
}

impl<'a> Snippet<'a> {
    fn new(config: &'a SnippetConfig) -> Result<Self, Fault> {
        config.sidecar.check().map_err(|fault| fault.at("sidecar"))?;
        let millis = config.timeout.as_millis();
        if !(1..=60_000).contains(&millis) {
            return Err(Fault::new("is not between 1 ms and 60 s").at("timeout"));
        }
        address::check_path(&config.path_prefix).map_err(|fault| fault.at("path_prefix"))?;
        Ok(Self {
            config,
            headers: Headers::new(&config.identity, &config.strip)?,
            listen: config.listen.host_and_port("listen")?,
            upstream: config.upstream.host_and_port("upstream")?,
        })
    }

    /// The headers by which a client shows that it may, in lower case.
    fn credentials(&self) -> &'static [&'static str] {
        match self.config.dpop {
            true => &["authorization", "dpop"],
            false => &["authorization"],
        }
    }

    /// What is written only where the sidecar asks for a secret.
    fn caller_key(&self, text: &str) -> String {
        if self.config.caller_key { text.to_owned() } else { String::new() }
    }

    /// What is written only where clients may read the metadata of the resource.
    fn metadata(&self, text: &str) -> String {
        if self.config.metadata { text.to_owned() } else { String::new() }
    }

    /// Such as `1000ms`, which nginx and Caddy read.
    fn timeout(&self) -> String {
        format!("{}ms", self.config.timeout.as_millis())
    }
}
