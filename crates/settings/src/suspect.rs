//! What looks like a configuration and is not read: misspelt names, other files, another form.
//!
//! A program that finds nothing else must not fall back to a sandbox beside such a thing: the user
//! believes that an org is configured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::environment::{Environment, HOME_FILE};
use crate::misspelt::meant;

/// Something that looks like a configuration.
#[derive(Clone, Debug)]
pub(crate) struct Suspect {
    what: String,
    cure: String,
    /// Whether it is wrong in any case, and not only where nothing else is configured.
    misspelt: bool,
}

impl Suspect {
    fn misspelt(what: String, cure: impl Into<String>) -> Self {
        Self { what, cure: cure.into(), misspelt: true }
    }

    fn incomplete(what: String, cure: impl Into<String>) -> Self {
        Self { what, cure: cure.into(), misspelt: false }
    }

    /// What looks like a configuration, and why it is none.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// The right spelling.
    pub(crate) fn cure(&self) -> &str {
        &self.cure
    }

    /// A remark, if it is a mistake whatever else is configured.
    pub(crate) fn note(&self) -> Option<String> {
        self.misspelt.then(|| format!("{}; {}", self.what, self.cure))
    }
}

/// The form of every settings file.
const FORM: &str =
    "write `okta:`, below it `client:`, and the settings below that, in this spelling";

/// What is missing where something is configured.
const APP: &str = "name the org, the client id and the private key (OKTA_CLIENT_ORGURL, \
                   OKTA_CLIENT_CLIENTID, OKTA_CLIENT_PRIVATEKEY, or orgUrl, clientId and privateKey in okta.yaml)";

/// A settings file that was read, and its members that were not.
pub(crate) fn in_file(text: &str, path: &Path, names_no_app: bool) -> Vec<Suspect> {
    let shown = path.display();
    let form =
        |name: &str| Suspect::misspelt(format!("nothing reads `{name}` as {shown} has it"), FORM);
    let root = names(text);
    let mut suspects = Vec::new();
    suspects.extend(root.iter().filter(|name| is_stray(name, "okta")).map(|name| form(name)));
    let okta: Tree = document(text).unwrap_or_default();
    let profiles =
        okta.below("profiles").or_else(|| okta.below("okta").and_then(|it| it.below("profiles")));
    let okta = okta.below("okta");
    let names = okta.into_iter().flat_map(Tree::names);
    suspects.extend(names.filter(|name| is_stray(name, "client")).map(form));
    let client = okta.and_then(|okta| okta.below("client"));
    let client = client.map(|client| ("okta.client".to_owned(), client));
    let profiles = profiles.into_iter().flat_map(Tree::children);
    let profiles = profiles.map(|(name, profile)| (format!("okta.profiles.{name}"), profile));
    for (place, members) in client.into_iter().chain(profiles) {
        suspects.extend(members.names().filter_map(|name| {
            let what = format!("nothing reads {place}.{name} in {shown}");
            if name.eq_ignore_ascii_case("client") {
                return Some(Suspect::misspelt(
                    what,
                    "write the settings of a profile right below it",
                ));
            }
            Some(Suspect::misspelt(what, format!("did you mean {}?", meant(name, &MEMBERS)?)))
        }));
    }
    if suspects.is_empty() && names_no_app && !root.is_empty() {
        let what = format!("the settings file {shown} names no org, client id or key");
        suspects.push(Suspect::incomplete(what, APP));
    }
    suspects
}

/// Whether the name stands where only `place` should: it is that name in another spelling, or one
/// that belongs further in.
fn is_stray(name: &str, place: &str) -> bool {
    let same = |other: &str| name.eq_ignore_ascii_case(other);
    let is_other = |other: &str| same(other) && name != other;
    is_other(place)
        || (name != place && (same("client") || MEMBERS.into_iter().any(same)))
        || is_other("profile")
        || is_other("profiles")
}

/// The names at the root of the document.
fn names(text: &str) -> Vec<String> {
    let root: Option<BTreeMap<String, IgnoredAny>> = document(text);
    root.unwrap_or_default().into_keys().collect()
}

/// Names, and those below them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tree {
    Names(BTreeMap<String, Self>),
    Other(IgnoredAny),
}

impl Default for Tree {
    fn default() -> Self {
        Self::Names(BTreeMap::new())
    }
}

impl Tree {
    fn children(&self) -> impl Iterator<Item = (&str, &Self)> {
        let names = match self {
            Self::Names(names) => Some(names),
            Self::Other(_) => None,
        };
        names.into_iter().flatten().map(|(name, below)| (name.as_str(), below))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.children().map(|(name, _)| name)
    }

    fn below(&self, name: &str) -> Option<&Self> {
        self.children().find(|(known, _)| *known == name).map(|(_, below)| below)
    }
}

/// The document, if it has this form.
fn document<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options::<Option<T>>(text, options).ok().flatten()
}

/// The members of `okta.client` that are read.
const MEMBERS: [&str; 16] = [
    "issuer",
    "orgUrl",
    "oktaDomain",
    "authorizationMode",
    "clientId",
    "privateKey",
    "jwk",
    "privateKeyId",
    "keyId",
    "kid",
    "scopes",
    "requestTimeout",
    "connectionTimeout",
    "rateLimit",
    "dpopEnabled",
    "proxy",
];

/// Files beside those that are read.
pub(crate) fn files(environment: &Environment) -> Vec<Suspect> {
    const IN_FOLDER: [&str; 5] = [
        "okta.yml",
        ".okta.yml",
        "okta.json",
        ".okta.json",
        "okta.yaml.txt", // From an editor that hides the ending.
    ];
    const AT_HOME: [&str; 2] = [".okta/okta.yml", ".okta/.okta.yaml"];
    /// Right in the working folder, wrong in the home folder.
    const NOT_AT_HOME: [&str; 2] = [".okta.yaml", "okta.yaml"];

    let is_at_home = environment.is_at_home();
    let is_read = environment.in_folder("okta.yaml").is_some_and(|path| path.exists());
    let folder = IN_FOLDER.into_iter();
    // Where case makes no difference, this is the file itself.
    let folder = folder.chain((!is_read).then_some("Okta.yaml"));
    let folder = folder.chain((!is_at_home).then_some(HOME_FILE));
    let folder = folder.filter_map(|name| environment.in_folder(name));
    let others = NOT_AT_HOME.iter().filter(|_| !is_at_home);
    let home = AT_HOME.iter().chain(others).filter_map(|name| environment.in_home(name));
    let suspect = |(path, right): (PathBuf, &str)| {
        let what = format!("nothing reads the file {}", path.display());
        path.is_file().then(|| Suspect::misspelt(what, format!("name it {right}")))
    };
    let folder = folder.map(|path| (path, "okta.yaml"));
    folder.chain(home.map(|path| (path, "~/.okta/okta.yaml"))).filter_map(suspect).collect()
}

/// Variables that are misspelt, which would silently leave the decision to the next source, and
/// those that other programs read. `known` are the names that are read.
pub(crate) fn variables(environment: &Environment, known: &[&str]) -> Vec<Suspect> {
    let ours = environment.names().filter(|name| name.to_ascii_uppercase().starts_with("OKTA_"));
    ours.filter_map(|name| variable(name, known)).collect()
}

fn variable(name: &str, known: &[&str]) -> Option<Suspect> {
    /// These say something of an app; others, such as timeouts, may well stand alone.
    const OF_AN_APP: [&str; 5] = ["KEYID", "KID", "PASSPHRASE", "MODE", "TOKEN"];

    if let Some(meant) = meant(name, known) {
        let what = format!("nothing reads the variable {name}");
        return Some(Suspect::misspelt(what, format!("did you mean {meant}?")));
    }
    if known.contains(&name) && !OF_AN_APP.iter().any(|ending| name.ends_with(ending)) {
        return None;
    }
    let what = format!("the variable {name} is set, which names no org, client id or key here");
    Some(Suspect::incomplete(what, APP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_form_is_noticed_and_the_right_one_told() {
        for (text, told) in [
            ("client:\n  orgUrl: s3cret\n", Some("`client`")),
            ("Okta:\n  Client:\n    orgUrl: s3cret\n", Some("`Okta`")),
            ("okta:\n  Client:\n    orgUrl: s3cret\n", Some("`Client`")),
            ("okta:\n  orgUrl: s3cret\n", Some("`orgUrl`")),
            ("orgUrl: s3cret\n", Some("`orgUrl`")),
            ("okta: {client: {orgurl: s3cret}}", Some("okta.client.orgurl")),
            ("okta: {client: {token: s3cret}}", Some("names no org")),
            ("okta: {profiles: {a: {orgurl: s3cret}}}", Some("okta.profiles.a.orgurl")),
            ("okta: {profiles: {a: {client: {orgUrl: s3cret}}}}", Some("right below it")),
            ("okta: {Profiles: {a: {orgUrl: s3cret}}}", Some("`Profiles`")),
            ("other: 1", Some("names no org")),
            ("", None),
            ("# okta: nothing\n", None),
        ] {
            let suspects = in_file(text, Path::new("okta.yaml"), true);
            let first = suspects.first().map(|it| format!("{}; {}", it.what, it.cure));
            match told {
                Some(told) => assert!(first.as_ref().unwrap().contains(told), "{text}: {first:?}"),
                None => assert!(first.is_none(), "{text}: {first:?}"),
            }
            assert!(!first.unwrap_or_default().contains("s3cret"));
        }
    }

    #[test]
    fn variables_of_an_app_are_noticed_and_those_of_the_connection_are_not() {
        let known = ["OKTA_CLIENT_ORGURL", "OKTA_CLIENT_KID", "OKTA_CLIENT_REQUESTTIMEOUT"];
        for (name, noticed) in [
            ("OKTA_ORG_URL", true),
            ("OKTA_CLIENT_ORG_URL", true),
            ("OKTA_CLIENT_TOKEN", true),
            ("OKTA_CLIENT_KID", true),
            ("OKTA_API_TOKEN", true),
            ("OKTA_CLIENT_REQUESTTIMEOUT", false),
        ] {
            assert_eq!(variable(name, &known).is_some(), noticed, "{name}");
        }
    }
}
