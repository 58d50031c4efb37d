//! The library's advice in the words of the command: flags and settings for items of the library.

use std::borrow::Cow;

/// What the library says, and what the command says instead. The longest comes first where one
/// begins another.
const WORDS: &[(&str, &str)] = &[
    (
        "set OKTA_CLIENT_ORGURL or okta.client.orgUrl (in okta.yaml)",
        "set --issuer, OKTA_CLIENT_ORGURL or okta.client.orgUrl (in okta.yaml), or try `okta-introspect sandbox`",
    ),
    (
        "set OKTA_CLIENT_CLIENTID or okta.client.clientId (in okta.yaml)",
        "set --client-id, OKTA_CLIENT_CLIENTID or okta.client.clientId (in okta.yaml), or try `okta-introspect sandbox`",
    ),
    (
        "set OKTA_CLIENT_PRIVATEKEY or okta.client.privateKey (in okta.yaml)",
        "set --key-file, OKTA_CLIENT_PRIVATEKEY or okta.client.privateKey (in okta.yaml), or try `okta-introspect sandbox`",
    ),
    (
        "set OKTA_CLIENT_CLIENTSECRET or okta.client.clientSecret (in okta.yaml), or name its file by OKTA_CLIENT_CLIENTSECRETFILE",
        "name its file by --client-secret-file or OKTA_CLIENT_CLIENTSECRETFILE, or set OKTA_CLIENT_CLIENTSECRET or okta.client.clientSecret (in okta.yaml)",
    ),
    (
        "name server, client id and client secret in one place",
        "name server, client id and client secret in one place; for one call, give one of them by a flag",
    ),
    (
        "set OKTA_CLIENT_SCOPES or okta.client.scopes (in okta.yaml)",
        "set --scope, OKTA_CLIENT_SCOPES or okta.client.scopes (in okta.yaml)",
    ),
    (
        "name server, client id and private key in one place",
        "name server, client id and private key in one place; for one call, give one of them by a flag",
    ),
    (
        "where both are addresses of one org, keep one profile",
        "where both are addresses of one org, keep one profile, and name the other address by --issuer",
    ),
    (
        "rename one of them, or name the file to use",
        "rename one of them, or name the file to use with --config",
    ),
    (
        ", the right server id, and Audience::Endpoint",
        " and the right server: compare with what --issuer and --auth-server name",
    ),
    ("or allow tokens that are not bound", "or leave --dpop at auto"),
    ("turn DPoP on in the client", "let --dpop be auto or always"),
    (
        "use the token in the process that requested it, or keep the DPoP key with it",
        "request it without DPoP (--dpop never), or call the API with `okta-introspect api`, which \
         keeps token and key together",
    ),
    ("name a private authority as an extra root", "name a private authority with --ca-file"),
    (
        "name the endpoints yourself with `Client::builder(…).endpoints(…)`",
        "see whether --issuer names the server as it names itself, or name the endpoint by its flag",
    ),
    (
        "take them from discovery, or name them with `endpoints`",
        "name an org of Okta's, or one of its custom servers, with --issuer; or take another server's with --discover",
    ),
    (
        "where this host belongs to the server, allow it by name with `endpoints_allowing`",
        "see whether --issuer names the server as it names itself: endpoints on other hosts are called \
         only where --token-endpoint, --introspection-endpoint or --revocation-endpoint names them",
    ),
    ("name the address of its keys with `address`", "give its keys with --jwks"),
    ("where it belongs to the server, name it with `address`", "give its keys with --jwks"),
    (
        "call less at once, allow more time, or raise `max_in_flight`",
        "call less at once (--concurrency), or allow more time with --timeout",
    ),
    ("try again, or allow more time", "try again, or allow more time with --timeout"),
    (
        "check the issuer, the network and the proxy settings",
        "check the issuer, the network and the proxy (`okta-introspect config show` tells which is used)",
    ),
    (
        "ask for larger pages, or allow more with `max_pages`",
        "ask for larger pages, with a limit in the path's query",
    ),
    ("turn one of them on in Cargo.toml", "build the command with one of them"),
];

/// The advice for users of the command.
pub(crate) fn for_command(advice: &str) -> Cow<'_, str> {
    WORDS.iter().fold(Cow::Borrowed(advice), |advice, (library, command)| {
        match advice.contains(library) {
            true => Cow::Owned(advice.replace(library, command)),
            false => advice,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// Parts of the library that the command does not use.
    const UNUSED: [&str; 4] = ["checker", "adapter", "circuit.rs", "sandbox.rs"];

    /// Names of functions that are also members of JWKs, JWTs and answers.
    const OTHERS: [&str; 8] =
        ["access_token", "alg", "keys", "kid", "active", "private_key", "jwks_uri", "sub"];

    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_str().unwrap();
            match path.is_dir() {
                _ if UNUSED.contains(&name) || name == "tests" => {}
                true => files(&path, found),
                false => found.push(path),
            }
        }
    }

    /// The texts of a source: what stands in quotes outside of comments and tests.
    fn texts(source: &str) -> Vec<String> {
        let source = source.split("#[cfg(test)]\nmod tests").next().unwrap();
        let code: String = source
            .lines()
            .filter(|line| !line.trim_start().starts_with("//") && !line.contains("#["))
            .map(|line| format!("{line}\n"))
            .collect();
        let code = code.replace("\\\\", "").replace("'\"'", "").replace("\\\"", "”");
        // A line that goes on in the next one leaves that one's indentation out.
        let whole = |text: &str| text.split("\\\n").map(str::trim_start).collect::<String>();
        code.split('"').skip(1).step_by(2).map(whole).collect()
    }

    /// The names of the library's public functions.
    fn items(source: &str) -> Vec<String> {
        let name = |line: &str| {
            let rest = ["pub fn ", "pub async fn ", "pub const fn "]
                .into_iter()
                .find_map(|start| line.trim_start().strip_prefix(start))?;
            Some(rest.split(['(', '<']).next()?.to_owned())
        };
        source.lines().filter_map(name).filter(|name| !OTHERS.contains(&name.as_str())).collect()
    }

    /// A word of the text that only programmers know.
    fn code_in<'a>(text: &'a str, items: &[String]) -> Option<&'a str> {
        let quoted = text.split('`').skip(1).step_by(2).find(|quoted| {
            let name = quoted.split(['(', ' ']).next().unwrap_or_default();
            quoted.contains("::") || items.iter().any(|item| item == name)
        });
        let path = |word: &&str| {
            let before = word.split("::").next().unwrap_or_default();
            word.contains("::") && before.starts_with(|c: char| c.is_ascii_uppercase())
        };
        let item =
            ["be Auto", "be Always", "be Never", "extra root", "in the client", "Cargo.toml"];
        quoted
            .or_else(|| text.split_whitespace().find(path))
            .or_else(|| item.into_iter().find(|item| text.contains(item)))
    }

    #[test]
    fn no_advice_of_the_library_reaches_users_with_names_of_its_items() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let mut found = Vec::new();
        files(&root.join("src"), &mut found);
        files(&root.join("crates/settings/src"), &mut found);
        let sources: Vec<_> =
            found.iter().map(|file| (file, fs::read_to_string(file).unwrap())).collect();
        let items: Vec<String> = sources.iter().flat_map(|(_, source)| items(source)).collect();
        assert!(items.iter().any(|item| item == "endpoints_allowing"));
        let (mut seen, mut left) = (String::new(), Vec::new());
        for (file, source) in &sources {
            for text in texts(source) {
                let told = for_command(&text);
                if let Some(word) = code_in(&told, &items) {
                    left.push(format!("{}: {word}: {told}", file.display()));
                }
                seen.push_str(&text);
            }
        }
        assert!(left.is_empty(), "{}", left.join("\n"));
        for (library, _) in WORDS {
            assert!(seen.contains(library), "the library no longer says: {library}");
        }
    }

    #[test]
    fn words_of_the_command_stand_for_those_of_the_library() {
        for (library, command) in [
            (
                "tick \"x\", or allow tokens that are not bound",
                "tick \"x\", or leave --dpop at auto",
            ),
            ("try again", "try again"),
        ] {
            assert_eq!(for_command(library), command);
        }
    }
}
