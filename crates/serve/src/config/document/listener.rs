//! Where the sidecar listens, and who may call it.

use okta_introspect::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::original::Mode;

/// Where proxies and services ask. At most one of `unix`, `tcp` and `systemd`; without any, it is
/// the unix socket `/run/okta-introspect/authz.sock`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenerDocument {
    /// The path of a unix socket.
    pub unix: Option<String>,
    /// Who may connect to the unix socket, in octal. Default: `"0660"`. Bounds: no right for others.
    #[schemars(extend("default" = "0660"))]
    pub permissions: Option<String>,
    /// An IP address and a port, such as `127.0.0.1:9180`.
    pub tcp: Option<String>,
    /// The `FileDescriptorName` of a socket that systemd has opened.
    pub systemd: Option<String>,
    /// Which proxy asks here. Left out only where `introspection` is all that is served.
    pub mode: Option<ModeDocument>,
    /// What stands before the original path, in mode `envoy` over HTTP. Default: `/authz`.
    #[schemars(extend("default" = "/authz"))]
    pub path_prefix: Option<String>,
    /// Whose forwarded values count, as networks. Default: loopback. A TCP listener beyond
    /// loopback has to say; over a unix socket everybody who may connect is trusted.
    #[schemars(length(max = 1000))]
    pub trusted: Option<Vec<String>>,
    /// Whether `POST /introspect` is served here too. Default: false.
    #[schemars(extend("default" = false))]
    pub introspection: Option<bool>,
    /// TLS, and with `client_ca` mutual TLS.
    pub tls: Option<TlsDocument>,
}

/// Which proxy asks, and so in which headers the original request stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModeDocument {
    /// `auth_request`: `X-Original-URL`, `X-Original-Method`.
    Nginx,
    /// `forward_auth`: `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri`.
    Caddy,
    /// `forwardAuth`: the same headers.
    Traefik,
    /// haproxy-auth-request.
    Haproxy,
    /// `ext_authz`, over HTTP with `path_prefix`, or by gRPC.
    Envoy,
}

impl From<ModeDocument> for Mode {
    fn from(written: ModeDocument) -> Self {
        match written {
            ModeDocument::Nginx => Self::Nginx,
            ModeDocument::Caddy => Self::Caddy,
            ModeDocument::Traefik => Self::Traefik,
            ModeDocument::Haproxy => Self::Haproxy,
            ModeDocument::Envoy => Self::Envoy,
        }
    }
}

/// TLS of a listener. Certificates and keys are PEM, normally `file:PATH`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsDocument {
    /// The certificate, with those between it and its authority.
    pub certificate: String,
    /// The private key of the certificate.
    #[schemars(with = "String")]
    pub key: Secret,
    /// The authority of the clients' certificates. Left out: clients show none.
    pub client_ca: Option<String>,
    /// The names (DNS or URI) of the clients that may ask.
    #[schemars(length(max = 1000))]
    pub client_names: Option<Vec<String>>,
}

/// A caller, known by a bearer secret, of which only the hash is here.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallerDocument {
    /// Its name in logs and metrics.
    pub name: String,
    /// The SHA-256 of its secret, 64 hexadecimal digits.
    pub secret_sha256: String,
    /// How many requests it may send a second. Default: any number.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub requests_per_second: Option<u32>,
    /// How many tokens that are not in the cache it may ask about a second. Default: any number.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub misses_per_second: Option<u32>,
}

/// Where `/healthz`, `/readyz` and `/metrics` are: one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManagementDocument {
    /// An IP address and a port.
    pub tcp: Option<String>,
    /// The path of a unix socket.
    pub unix: Option<String>,
}
