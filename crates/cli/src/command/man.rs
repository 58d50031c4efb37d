//! `man`: the manual pages.

use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::args::{Args, ManArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{self, Readers};
use crate::output;
use crate::text;

/// The source that the last line of a page names.
const SOURCE: &str = concat!("okta-introspect ", env!("CARGO_PKG_VERSION"));

pub(super) fn run(args: &ManArgs) -> Result<Exit, Failure> {
    let root = root();
    match (&args.out_dir, args.page.as_slice()) {
        (Some(folder), _) => write_all(&root, folder)?,
        (None, names) => {
            let found = names.iter().try_fold(&root, |above, name| above.find_subcommand(name));
            let command = found.ok_or_else(|| {
                Failure::usage("there is no such command to tell about")
                    .advise("see `okta-introspect --help` for their names")
            })?;
            output::data(page(command)?.trim_end())?;
        }
    }
    Ok(Exit::Done)
}

/// The commands without `help`, which has no page.
fn root() -> clap::Command {
    let mut root = Args::command().disable_help_subcommand(true);
    root.build();
    root
}

/// The page of a command, and those of the commands below it.
fn write_all(command: &clap::Command, folder: &Path) -> Result<(), Failure> {
    let path = folder.join(format!("{}.1", full_name(command)));
    files::replace(&path, page(command)?.as_bytes(), Readers::All).map_err(|cause| {
        Failure::usage(format!("the page cannot be written: {}", text::path(&path)))
            .because(&cause)
            .advise("name a folder that is there, such as ~/.local/share/man/man1")
    })?;
    command.get_subcommands().try_for_each(|below| write_all(below, folder))
}

fn page(command: &clap::Command) -> Result<String, Failure> {
    let mut page = Vec::new();
    let man = Man::new(command.clone()).title(full_name(command)).source(SOURCE);
    man.render(&mut page)
        .map_err(|cause| Failure::new(Exit::Unknown, "the page cannot be made").because(&cause))?;
    let page = with_usual_sections(&String::from_utf8_lossy(&page));
    Ok(with_values(&page, command) + &further_sections(command))
}

/// Turns the end of a help into the usual sections of a manual page.
fn with_usual_sections(page: &str) -> String {
    page.replace(".SH EXTRA\nExit codes:\n", ".SH EXIT STATUS\n")
        .replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n")
        .replace("\n\nExamples:\n", "\n.SH EXAMPLES\n")
        .replace("\n\nExit codes are", "\n.SH EXIT STATUS\nExit codes are")
}

/// Names the values of options in the synopsis, as the list of options does.
fn with_values(page: &str, command: &clap::Command) -> String {
    let with_value = command.get_arguments().filter(|arg| arg.get_action().takes_values());
    with_value.fold(page.to_owned(), |page, arg| {
        let (Some(long), Some([value, ..])) = (arg.get_long(), arg.get_value_names()) else {
            return page;
        };
        let option = format!("\\fB\\-\\-{}\\fR", long.replace('-', "\\-"));
        page.replacen(&format!("{option}]"), &format!("{option} \\fI{value}\\fR]"), 1)
    })
}

/// What a help has no room for.
fn further_sections(command: &clap::Command) -> String {
    let is_root = command.has_subcommands() && full_name(command) == NAME;
    let mut sections = String::new();
    if is_root || command.get_arguments().any(|arg| arg.get_id() == "key_file") {
        sections +=
            &format!("{}{}", section("ENVIRONMENT", &ENVIRONMENT), section("FILES", &FILES));
    }
    let related: Vec<String> = match is_root {
        true => command.get_subcommands().map(full_name).collect(),
        false => vec![NAME.to_owned()],
    };
    let related: Vec<String> =
        related.iter().map(|name| format!("\\fB{}\\fR(1)", name.replace('-', "\\-"))).collect();
    sections + &format!(".SH SEE ALSO\n{}\n", related.join(", "))
}

/// A list of names with their descriptions.
fn section(title: &str, entries: &[(&str, &str)]) -> String {
    let entry = |(name, text): &(&str, &str)| {
        format!(".TP\n\\fB{}\\fR\n{text}\n", name.replace('-', "\\-"))
    };
    format!(".SH {title}\n{}", entries.iter().map(entry).collect::<String>())
}

const NAME: &str = "okta-introspect";

const ENVIRONMENT: [(&str, &str); 22] = [
    ("OKTA_PROFILE", "A profile of the settings files, in place of OKTA_CLIENT_… for the app"),
    (
        "OKTA_CLIENT_ORGURL, OKTA_CLIENT_ISSUER, OKTA_IDX_ISSUER, OKTA_CLIENT_OKTADOMAIN",
        "The org, or a custom authorization server",
    ),
    ("OKTA_CLIENT_CLIENTID", "The client id of the service app"),
    (
        "OKTA_CLIENT_PRIVATEKEY, OKTA_CLIENT_JWK",
        "The private key: its text, or the path of its file",
    ),
    ("OKTA_CLIENT_PRIVATEKEYID, OKTA_CLIENT_KEYID, OKTA_CLIENT_KID", "The id of the key"),
    ("OKTA_CLIENT_PRIVATEKEYPASSPHRASE", "The passphrase of the key"),
    ("OKTA_CLIENT_SCOPES", "Scopes to request, separated by blanks or commas"),
    (
        "OKTA_CLIENT_REQUESTTIMEOUT, OKTA_CLIENT_REQUEST_TIMEOUT",
        "How many seconds one call may take in all; 0 is the default",
    ),
    (
        "OKTA_CLIENT_CONNECTIONTIMEOUT, OKTA_CLIENT_CONNECTION_TIMEOUT",
        "How many seconds connecting may take; 0 is the default",
    ),
    (
        "OKTA_CLIENT_RATELIMIT_MAXRETRIES, OKTA_CLIENT_RATE_LIMIT_MAX_RETRIES",
        "How often a call is repeated",
    ),
    (
        "OKTA_CLIENT_RATELIMIT_MAXBACKOFF, OKTA_CLIENT_RATE_LIMIT_MAX_BACKOFF",
        "The longest pause before a call is repeated, in seconds",
    ),
    ("OKTA_CLIENT_DPOPENABLED", "Whether tokens are bound to a key: true, false or auto"),
    (
        "OKTA_CLIENT_PROXY_HOST, OKTA_CLIENT_PROXY_PORT, OKTA_CLIENT_PROXY_USERNAME, OKTA_CLIENT_PROXY_PASSWORD",
        "The proxy",
    ),
    ("HTTPS_PROXY, NO_PROXY", "The proxy, where none is configured"),
    ("OKTA_CLIENT_CAFILE", "Certificate authorities to trust besides the system's, as PEM"),
    (
        "OKTA_CLIENT_SHARED_URL, OKTA_CLIENT_SHARED_USERNAME, OKTA_CLIENT_SHARED_PASSWORD, OKTA_CLIENT_SHARED_PASSWORDFILE, OKTA_CLIENT_SHARED_CAFILE",
        "The store that sidecars share, such as rediss://redis.internal",
    ),
    (
        "OKTA_CLIENT_SHARED_SECRETFILE, OKTA_CLIENT_SHARED_PREVIOUSSECRETFILE",
        "What seals the entries of that store, and what did before; by default derived from the private key",
    ),
    (
        "OKTA_CLIENT_AUTHORIZATIONMODE",
        "How the app authenticates: PrivateKey, client_secret_basic, client_secret_post, client_secret_jwt or none",
    ),
    (
        "OKTA_CLIENT_CLIENTSECRET, OKTA_CLIENT_CLIENTSECRETFILE",
        "The client secret, or its file, in place of a private key",
    ),
    ("XDG_RUNTIME_DIR", "Where a running sandbox records its settings"),
    ("XDG_CACHE_HOME", "Where kept service tokens are"),
    ("NO_COLOR", "No colours, if it is set"),
];

const FILES: [(&str, &str); 4] = [
    ("./okta.yaml, ./.okta.yaml", "Settings of the working folder, as the official SDKs read them"),
    ("~/.okta/okta.yaml", "Settings of the user"),
    ("$XDG_RUNTIME_DIR/okta-introspect/", "The record of a running sandbox, with its key"),
    ("$XDG_CACHE_HOME/okta-introspect/", "Service tokens kept by api --token-cache, encrypted"),
];

/// `okta-introspect-token`.
fn full_name(command: &clap::Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_that_is_read_is_in_the_manual() {
        let names: Vec<&str> =
            ENVIRONMENT.iter().flat_map(|(names, _)| names.split(", ")).collect();
        for name in crate::settings::variables() {
            assert!(names.contains(&name), "{name}");
        }
    }

    #[test]
    fn options_have_their_values_in_the_synopsis() {
        let root = root();
        let token = page(root.find_subcommand("token").unwrap()).unwrap();
        assert!(token.contains("[\\fB\\-\\-scope\\fR \\fISCOPE\\fR]"), "{token}");
        assert!(token.contains("[\\fB\\-\\-json\\fR]"), "{token}");
    }
}
