//! HAProxy: an action in Lua, since it has none of its own that asks.

use super::template::{fill, lines};
use super::{Address, Snippet, SnippetFile, address};
use crate::error::Fault;

/// What the configuration loads, from the folder of the usual installation.
const LUA: &str = "/etc/haproxy/okta-introspect.lua";

const METADATA: &str = "\
# What the sidecar says of the resource (RFC 9728): for everybody, without a check.
acl okta_metadata path /.well-known/oauth-protected-resource
";

const METADATA_BACKEND: &str = "
backend okta-metadata
    server sidecar @SIDECAR@
";

const CALLER_KEY: &str = "\
-- The secret, from HAProxy's environment: without it nobody is let in, so HAProxy does not start.
local KEY = assert(os.getenv(\"OKTA_INTROSPECT_KEY\"), \"OKTA_INTROSPECT_KEY is not set\")
";

const CALLER_KEY_SENT: &str = "[\"x-okta-introspect-key\"] = { KEY },";

pub(super) fn files(snippet: &Snippet<'_>) -> Result<Vec<SnippetFile>, Fault> {
    Ok(vec![configuration(snippet), action(snippet)])
}

fn configuration(snippet: &Snippet<'_>) -> SnippetFile {
    let headers = &snippet.headers;
    let remove = |name: &str| format!("http-request del-header {name}");
    let pattern = |prefix: &String| {
        format!("http-request del-header ^{} -m reg", prefix.replace('-', "[-_]"))
    };
    let strip =
        lines(&headers.prefix, pattern) + &lines(headers.beside_prefix(), |name| remove(name));
    let credentials = match snippet.config.keep_authorization {
        true => String::new(),
        false => "# The token ends here.\n".to_owned() + &lines(["authorization", "dpop"], remove),
    };
    let sidecar = match &snippet.config.sidecar {
        Address::Unix(path) => format!("unix@{path}"),
        tcp @ Address::Tcp { .. } => tcp.to_string(),
    };
    let is_checked = snippet.metadata(" unless okta_metadata");
    let may_pass = snippet.metadata(" || okta_metadata");
    let backend = fill(METADATA_BACKEND, &[("SIDECAR", sidecar)]);
    let places = [
        ("METADATA", snippet.metadata(METADATA)),
        ("METADATA_USED", snippet.metadata("use_backend okta-metadata if okta_metadata")),
        ("METADATA_BACKEND", snippet.metadata(&backend)),
        ("IS_CHECKED", is_checked),
        ("MAY_PASS", may_pass),
        ("LUA", LUA.to_owned()),
        ("LISTEN", address::joined(snippet.listen)),
        ("UPSTREAM", address::joined(snippet.upstream)),
        ("STRIP", strip),
        ("CREDENTIALS", credentials),
    ];
    SnippetFile { name: "haproxy.cfg", text: fill(include_str!("templates/haproxy.cfg"), &places) }
}

fn action(snippet: &Snippet<'_>) -> SnippetFile {
    let (host, destination) = match &snippet.config.sidecar {
        Address::Unix(path) => ("okta-introspect".to_owned(), format!("unix@{path}")),
        tcp @ Address::Tcp { .. } => (tcp.to_string(), tcp.to_string()),
    };
    let quoted: Vec<_> = snippet.credentials().iter().map(|name| format!("{name:?}")).collect();
    let identity = |name: &String| format!("\"{}\",", name.to_ascii_lowercase());
    let places = [
        ("HOST", host),
        ("AUTHZ", snippet.config.path_prefix.clone()),
        ("DESTINATION", destination),
        ("TIMEOUT_MS", snippet.config.timeout.as_millis().to_string()),
        ("CREDENTIALS", quoted.join(", ")),
        ("CALLER_KEY", snippet.caller_key(CALLER_KEY)),
        ("CALLER_KEY_SENT", snippet.caller_key(CALLER_KEY_SENT)),
        ("IDENTITY", lines(&snippet.headers.identity, identity)),
    ];
    let text = fill(include_str!("templates/haproxy.lua"), &places);
    SnippetFile { name: "okta-introspect.lua", text }
}
