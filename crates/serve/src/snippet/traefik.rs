//! Traefik: `forwardAuth`.

use super::template::{fill, lines};
use super::{Snippet, SnippetFile, address};
use crate::error::Fault;

/// What ends here, after the check.
const END: &str = "
# What the backend does not get.
okta-end:
  headers:
    customRequestHeaders:
";

const METADATA_ROUTER: &str = "
# What the sidecar says of the resource (RFC 9728): for everybody, without a check.
okta-metadata:
  rule: Path(`/.well-known/oauth-protected-resource`)
  service: okta-metadata
";

const METADATA_SERVICE: &str = "\
okta-metadata:
  loadBalancer:
    servers:
      - url: http://@SIDECAR@
";

const CALLER_KEY: &str = "X-Okta-Introspect-Key";

/// The file provider fills in templates of Go.
const CALLER_KEY_SET: &str = "\
# The secret, from Traefik's environment; it replaces what the client sent.
X-Okta-Introspect-Key: \"{{ env `OKTA_INTROSPECT_KEY` }}\"
";

pub(super) fn files(snippet: &Snippet<'_>) -> Result<Vec<SnippetFile>, Fault> {
    let headers = &snippet.headers;
    let sidecar = snippet.config.sidecar.host_and_port("sidecar")?;
    let (keeps, has_key) = (snippet.config.keep_authorization, snippet.config.caller_key);
    let middlewares = match !keeps || has_key {
        true => "[okta-strip, okta-introspect, okta-end]",
        false => "[okta-strip, okta-introspect]",
    };
    let mut end = String::new();
    if !keeps || has_key {
        end += END;
    }
    if !keeps {
        end += "      Authorization: \"\"\n      DPoP: \"\"\n";
    }
    if has_key {
        end += &format!("      {CALLER_KEY}: \"\"\n");
    }
    let mut read = snippet.credentials().to_vec();
    if snippet.config.caller_key {
        read.push(CALLER_KEY);
    }
    let authz = &snippet.config.path_prefix;
    let metadata = fill(METADATA_SERVICE, &[("SIDECAR", address::joined(sidecar))]);
    let places = [
        ("ADDRESS", format!("http://{}{authz}", address::joined(sidecar))),
        ("UPSTREAM", address::joined(snippet.upstream)),
        ("MIDDLEWARES", middlewares.to_owned()),
        ("END", end),
        ("CREDENTIALS", format!("[{}]", read.join(", "))),
        ("CALLER_KEY", snippet.caller_key(CALLER_KEY_SET)),
        ("METADATA_ROUTER", snippet.metadata(METADATA_ROUTER)),
        ("METADATA_SERVICE", snippet.metadata(&metadata)),
        ("IDENTITY", lines(&headers.identity, |name| format!("- {name}"))),
        ("STRIP", lines(&headers.forged, |name| format!("{name}: \"\""))),
    ];
    let text = fill(include_str!("templates/traefik.yaml"), &places);
    Ok(vec![SnippetFile { name: "okta-introspect.yaml", text }])
}
