//! nginx: `auth_request`.

use super::template::{fill, lines};
use super::{Snippet, SnippetFile, address};
use crate::error::Fault;

/// `include` fails where the file is missing, so that nobody runs without it.
const CALLER_KEY: &str = "\
# A file of one line, readable by root alone: proxy_set_header X-Okta-Introspect-Key \"SECRET\";
include okta-introspect.key;
";

/// The path is written out: as the client wrote it, it could have meant another one to the sidecar.
const METADATA: &str = "
# What the sidecar says of the resource (RFC 9728): for everybody, without a check.
location = /.well-known/oauth-protected-resource {
    auth_request off;
    proxy_pass http://okta-introspect/.well-known/oauth-protected-resource;
    proxy_http_version 1.1;
    proxy_set_header Connection \"\";
    proxy_set_header Host $http_host;
    proxy_pass_request_headers off;
    proxy_pass_request_body off;
    proxy_set_header Content-Length \"\";
}
";

pub(super) fn files(snippet: &Snippet<'_>) -> Result<Vec<SnippetFile>, Fault> {
    let identity = &snippet.headers.identity;
    // nginx's variables have small letters and underscores.
    let variable = |name: &str| name.to_ascii_lowercase().replace('-', "_");
    let read = |name: &String| {
        let variable = variable(name);
        format!("auth_request_set $okta_{variable} $upstream_http_{variable};")
    };
    let write = |name: &String| format!("proxy_set_header {name} $okta_{};", variable(name));
    let credentials = match snippet.config.keep_authorization {
        true => String::new(),
        false => "# The token ends here.\nproxy_set_header Authorization \"\";\n\
                  proxy_set_header DPoP \"\";\n"
            .to_owned(),
    };
    let places = [
        ("SIDECAR", snippet.config.sidecar.to_string()),
        ("UPSTREAM", address::joined(snippet.upstream)),
        ("LISTEN", address::joined(snippet.listen)),
        ("AUTHZ", snippet.config.path_prefix.clone()),
        ("TIMEOUT", snippet.timeout()),
        ("IDENTITY_READ", lines(identity, read)),
        ("IDENTITY_WRITE", lines(identity, write)),
        ("STRIP", lines(strip(snippet), |name| format!("proxy_set_header {name} \"\";"))),
        ("CREDENTIALS", credentials),
        ("CALLER_KEY", snippet.caller_key(CALLER_KEY)),
        ("METADATA", snippet.metadata(METADATA)),
    ];
    let text = fill(include_str!("templates/nginx.conf"), &places);
    Ok(vec![SnippetFile { name: "okta-introspect.conf", text }])
}

/// Names with underscores do not get so far.
fn strip<'a>(snippet: &'a Snippet<'_>) -> impl Iterator<Item = &'a String> {
    snippet.headers.beside_identity().filter(|name| !name.contains('_'))
}
