//! Traefik: `forwardAuth`.

use super::template::{fill, lines};
use super::{Snippet, SnippetFile, address};
use crate::error::Fault;

/// Removes the token after the check.
const WITHOUT_CREDENTIALS: &str = "
# The token ends here.
okta-token:
  headers:
    customRequestHeaders:
      Authorization: \"\"
      DPoP: \"\"
";

pub(super) fn files(snippet: &Snippet<'_>) -> Result<Vec<SnippetFile>, Fault> {
    let headers = &snippet.headers;
    let sidecar = snippet.config.sidecar.host_and_port("sidecar")?;
    let (middlewares, without) = match snippet.config.keep_authorization {
        true => ("[okta-strip, okta-introspect]", ""),
        false => ("[okta-strip, okta-introspect, okta-token]", WITHOUT_CREDENTIALS),
    };
    let authz = &snippet.config.path_prefix;
    let places = [
        ("ADDRESS", format!("http://{}{authz}", address::joined(sidecar))),
        ("UPSTREAM", address::joined(snippet.upstream)),
        ("MIDDLEWARES", middlewares.to_owned()),
        ("WITHOUT_CREDENTIALS", without.to_owned()),
        ("CREDENTIALS", format!("[{}]", snippet.credentials().join(", "))),
        ("IDENTITY", lines(&headers.identity, |name| format!("- {name}"))),
        ("STRIP", lines(&headers.forged, |name| format!("{name}: \"\""))),
    ];
    let text = fill(include_str!("templates/traefik.yaml"), &places);
    Ok(vec![SnippetFile { name: "okta-introspect.yaml", text }])
}
