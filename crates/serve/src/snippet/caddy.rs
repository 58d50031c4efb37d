//! Caddy: `forward_auth`.

use super::template::{fill, lines};
use super::{Address, Snippet, SnippetFile, address};
use crate::error::Fault;

const CALLER_KEY: &str = "\
# The secret, from Caddy's environment; it replaces what the client sent.
header_up X-Okta-Introspect-Key {env.OKTA_INTROSPECT_KEY}
";

/// The path is written anew: as the client wrote it, it could have meant another one to the sidecar.
const METADATA: &str = "\
# What the sidecar says of the resource (RFC 9728): for everybody, without a check.
handle /.well-known/oauth-protected-resource {
	rewrite * /.well-known/oauth-protected-resource
	reverse_proxy @SIDECAR@ {
		header_up -Authorization
	}
}

";

pub(super) fn files(snippet: &Snippet<'_>) -> Result<Vec<SnippetFile>, Fault> {
    let headers = &snippet.headers;
    let sidecar = match &snippet.config.sidecar {
        Address::Unix(path) => format!("unix/{path}"),
        tcp @ Address::Tcp { .. } => tcp.to_string(),
    };
    let remove = |name: &str| format!("request_header -{name}");
    let strip = lines(headers.prefixes(), |prefix| remove(&format!("{prefix}*")))
        + &lines(headers.beside_prefix(), |name| remove(name));
    let credentials = match snippet.config.keep_authorization {
        true => String::new(),
        false => "# The token ends here.\nheader_up -Authorization\nheader_up -DPoP\n".to_owned(),
    };
    let metadata = fill(METADATA, &[("SIDECAR", sidecar.clone())]);
    let places = [
        ("LISTEN_HOST", snippet.listen.0.to_owned()),
        ("LISTEN_PORT", snippet.listen.1.to_string()),
        ("SIDECAR", sidecar),
        ("UPSTREAM", address::joined(snippet.upstream)),
        ("AUTHZ", snippet.config.path_prefix.clone()),
        ("TIMEOUT", snippet.timeout()),
        ("IDENTITY", headers.identity.join(" ")),
        ("STRIP", strip),
        ("CREDENTIALS", credentials),
        ("CALLER_KEY", snippet.caller_key(CALLER_KEY)),
        ("METADATA", snippet.metadata(&metadata)),
    ];
    let text = fill(include_str!("templates/Caddyfile"), &places);
    Ok(vec![SnippetFile { name: "Caddyfile", text }])
}
