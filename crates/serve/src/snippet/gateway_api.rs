//! Gateway API: the filter `ExternalAuth`.

use super::template::fill;
use super::{Snippet, SnippetFile};
use crate::error::Fault;

const METADATA: &str = "\
# What the sidecar says of the resource (RFC 9728): for everybody, without a check.
- matches:
    - path: {type: Exact, value: /.well-known/oauth-protected-resource}
  backendRefs:
    - name: @SIDECAR_NAME@
      port: @SIDECAR_PORT@
";

pub(super) fn files(snippet: &Snippet<'_>) -> Result<Vec<SnippetFile>, Fault> {
    if snippet.config.caller_key {
        return Err(Fault::new("the filter ExternalAuth cannot show a caller's secret")
            .advise("tell gateways apart by client_names below tls instead"));
    }
    let sidecar = service("sidecar", snippet.config.sidecar.host_and_port("sidecar")?)?;
    let upstream = service("upstream", snippet.upstream)?;
    let metadata = [("SIDECAR_NAME", sidecar.0.clone()), ("SIDECAR_PORT", sidecar.1.clone())];
    let places = [
        ("METADATA", snippet.metadata(&fill(METADATA, &metadata))),
        ("SIDECAR_NAME", sidecar.0),
        ("SIDECAR_PORT", sidecar.1),
        ("UPSTREAM_NAME", upstream.0),
        ("UPSTREAM_PORT", upstream.1),
        ("CREDENTIALS", format!("[{}]", snippet.credentials().join(", "))),
    ];
    let text = fill(include_str!("templates/gateway-api.yaml"), &places);
    Ok(vec![SnippetFile { name: "okta-introspect.yaml", text }])
}

/// Name and port of a Service; an address is none.
fn service(place: &str, (host, port): (&str, u16)) -> Result<(String, String), Fault> {
    let is_name = host.starts_with(|c: char| c.is_ascii_lowercase())
        && host.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    match is_name {
        true => Ok((host.to_owned(), port.to_string())),
        false => Err(Fault::new("is not the name of a Service in the route's namespace")
            .at(place)
            .advise("write NAME:PORT")),
    }
}
