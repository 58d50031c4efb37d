//! Envoy: the filter `ext_authz`, over HTTP and over gRPC.

use std::net::IpAddr;

use super::template::{fill, lines};
use super::{Address, Snippet, SnippetFile};
use crate::error::Fault;

/// How Envoy asks.
#[derive(Clone, Copy)]
pub(super) enum Protocol {
    Http,
    Grpc,
}

/// `allowed_client_headers` is left out, so that a client sees the whole refusal.
const HTTP: &str = "\
http_service:
  server_uri: {uri: http://okta-introspect, cluster: okta-introspect, timeout: @TIMEOUT@}
  # Stands before the original path, which goes along as the client wrote it.
  path_prefix: @AUTHZ@
  @CALLER_KEY@
  authorization_response:
    # Each one replaces what the client sent. No patterns: a header of the client's choice would match them.
    allowed_upstream_headers:
      patterns:
        @IDENTITY@
";

const GRPC: &str = "\
transport_api_version: V3
grpc_service:
  envoy_grpc: {cluster_name: okta-introspect}
  timeout: @TIMEOUT@
  @CALLER_KEY@
# Else two headers of one name arrive joined into one.
encode_raw_headers: true
# Whose certificate the client showed, if it showed one.
include_peer_certificate: true
";

const HTTP_CALLER_KEY: &str = "\
# The secret, from Envoy's environment.
authorization_request:
  headers_to_add:
    - {key: x-okta-introspect-key, value: \"%ENVIRONMENT(OKTA_INTROSPECT_KEY)%\"}
";

const GRPC_CALLER_KEY: &str = "\
# The secret, from Envoy's environment.
initial_metadata:
  - {key: x-okta-introspect-key, value: \"%ENVIRONMENT(OKTA_INTROSPECT_KEY)%\"}
";

const METADATA: &str = "\
# What the sidecar says of the resource (RFC 9728): for everybody, without a check.
- match: {path: /.well-known/oauth-protected-resource}
  route: {cluster: okta-introspect}
  typed_per_filter_config:
    envoy.filters.http.ext_authz:
      \"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
      disabled: true
";

const HTTP2: &str = "\
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {http2_protocol_options: {}}
";

pub(super) fn files(snippet: &Snippet<'_>, protocol: Protocol) -> Result<Vec<SnippetFile>, Fault> {
    let (upstream, (host, port)) = (snippet.upstream, snippet.listen);
    let upstream_address = Address::tcp(upstream.0, upstream.1);
    let exact = |name: &&str| format!("- exact: {name}");
    let remove = |name: &String| format!("- remove: {name}");
    let places = [
        ("LISTEN_HOST", format!("{host:?}")),
        ("LISTEN_PORT", port.to_string()),
        ("SIDECAR", address(&snippet.config.sidecar)),
        ("SIDECAR_TYPE", resolution(&snippet.config.sidecar)),
        ("SIDECAR_PROTOCOL", protocol.of_cluster().to_owned()),
        ("UPSTREAM", address(&upstream_address)),
        ("UPSTREAM_TYPE", resolution(&upstream_address)),
        ("SERVICE", service(snippet, protocol)),
        ("TIMEOUT", timeout(snippet)),
        ("METADATA", snippet.metadata(METADATA)),
        ("STRIP", lines(snippet.headers.forged.iter().filter(|name| !name.contains('_')), remove)),
        ("CREDENTIALS_IN", lines(snippet.credentials(), exact)),
        ("CREDENTIALS_OUT", credentials_out(snippet)),
    ];
    let text = fill(include_str!("templates/envoy.yaml"), &places);
    Ok(vec![SnippetFile { name: "envoy.yaml", text }])
}

impl Protocol {
    /// Where the sidecar looks for the secret: in the question itself, never among the client's headers.
    fn caller_key(self) -> &'static str {
        match self {
            Self::Http => HTTP_CALLER_KEY,
            Self::Grpc => GRPC_CALLER_KEY,
        }
    }

    fn of_cluster(self) -> &'static str {
        match self {
            Self::Http => "",
            Self::Grpc => HTTP2,
        }
    }
}

fn service(snippet: &Snippet<'_>, protocol: Protocol) -> String {
    let exact = |name: &String| format!("- exact: {}", name.to_ascii_lowercase());
    let places = [
        ("TIMEOUT", timeout(snippet)),
        ("AUTHZ", snippet.config.path_prefix.clone()),
        ("CALLER_KEY", snippet.caller_key(protocol.caller_key())),
        ("IDENTITY", lines(&snippet.headers.identity, exact)),
    ];
    match protocol {
        Protocol::Http => fill(HTTP, &places),
        Protocol::Grpc => fill(GRPC, &places),
    }
}

/// At the router, which comes after the check.
fn credentials_out(snippet: &Snippet<'_>) -> String {
    match snippet.config.keep_authorization {
        true => String::new(),
        false => "# The token ends here, after the check.\n\
                  request_headers_to_remove: [authorization, dpop]\n"
            .to_owned(),
    }
}

/// Such as `1.000s`; Envoy reads no other unit.
fn timeout(snippet: &Snippet<'_>) -> String {
    format!("{:.3}s", snippet.config.timeout.as_secs_f64())
}

fn address(address: &Address) -> String {
    match address {
        Address::Unix(path) => format!("{{pipe: {{path: {path}}}}}"),
        Address::Tcp { host, port } => {
            format!("{{socket_address: {{address: {host:?}, port_value: {port}}}}}")
        }
    }
}

/// A name is looked up again and again; an address is not.
fn resolution(address: &Address) -> String {
    let is_name = matches!(address, Address::Tcp { host, .. } if host.parse::<IpAddr>().is_err());
    if is_name { "type: STRICT_DNS".to_owned() } else { "type: STATIC".to_owned() }
}
