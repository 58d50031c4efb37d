//! What looks like a configuration and is not read: misspelt names, other files, another form.
//!
//! A program that finds nothing else must not fall back to a sandbox beside such a thing: the user
//! believes that an org is configured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use okta_introspect::Secret;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::environment::{Environment, HOME_FILE};
use crate::misspelt::meant;
use crate::setting::Setting;

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
    let tree = Tree::read(text);
    let known = members();
    let is_stray = |name: &str, place| is_stray(name, place, &known);
    let mut suspects = Vec::new();
    suspects.extend(tree.names().filter(|name| is_stray(name, "okta")).map(form));
    let names = tree.below("okta").into_iter().flat_map(Tree::names);
    suspects.extend(names.filter(|name| is_stray(name, "client")).map(form));
    for (place, members) in tree.apps() {
        suspects.extend(members.names().filter_map(|name| {
            let what = format!("nothing reads {place}.{name} in {shown}");
            if name.eq_ignore_ascii_case("client") {
                return Some(Suspect::misspelt(
                    what,
                    "write the settings of a profile right below it",
                ));
            }
            Some(Suspect::misspelt(what, format!("did you mean {}?", meant(name, &known)?)))
        }));
    }
    if suspects.is_empty() && names_no_app {
        // An empty file may have lost what it said.
        let says = if tree.names().next().is_none() {
            "says nothing"
        } else {
            "names no org, client id or key"
        };
        suspects.push(Suspect::incomplete(format!("the settings file {shown} {says}"), APP));
    }
    suspects
}

/// Whether the name stands where only `place` should: it is that name in another spelling, or one
/// that belongs further in.
fn is_stray(name: &str, place: &str, members: &[&str]) -> bool {
    let same = |other: &str| name.eq_ignore_ascii_case(other);
    let is_other = |other: &str| same(other) && name != other;
    is_other(place)
        || (name != place && (same("client") || members.iter().any(|member| same(member))))
        || is_other("profile")
        || is_other("profiles")
}

/// Names, and those below them.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Tree {
    Names(BTreeMap<String, Self>),
    /// It may be a secret.
    Text(Secret),
    Other(IgnoredAny),
}

impl Default for Tree {
    fn default() -> Self {
        Self::Names(BTreeMap::new())
    }
}

impl Tree {
    /// The names in a document; none if it is none.
    pub(crate) fn read(text: &str) -> Self {
        let options = serde_saphyr::options! { with_snippet: false };
        let tree: Result<Option<Self>, _> = serde_saphyr::from_str_with_options(text, options);
        tree.ok().flatten().unwrap_or_default()
    }

    /// The settings of each app: `okta.client` and the profiles, and where they stand.
    pub(crate) fn apps(&self) -> impl Iterator<Item = (String, &Self)> {
        let okta = self.below("okta");
        let below_okta = |name| okta.and_then(|okta| okta.below(name));
        let client = below_okta("client").map(|client| ("okta.client".to_owned(), client));
        let profiles = self.below("profiles").or_else(|| below_okta("profiles"));
        let profiles = profiles.into_iter().flat_map(Self::children);
        let profiles = profiles.map(|(name, profile)| (format!("okta.profiles.{name}"), profile));
        client.into_iter().chain(profiles)
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Self::Text(text) if !text.expose().trim().is_empty())
    }

    fn children(&self) -> impl Iterator<Item = (&str, &Self)> {
        let names = match self {
            Self::Names(names) => Some(names),
            Self::Text(_) | Self::Other(_) => None,
        };
        names.into_iter().flatten().map(|(name, below)| (name.as_str(), below))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.children().map(|(name, _)| name)
    }

    pub(crate) fn below(&self, name: &str) -> Option<&Self> {
        self.children().find(|(known, _)| *known == name).map(|(_, below)| below)
    }
}

/// The members of `okta.client` that are read, without those below them.
fn members() -> Vec<&'static str> {
    let all = Setting::ALL.iter().flat_map(|setting| setting.members());
    let mut members: Vec<_> = all.filter_map(|member| member.split('.').next()).collect();
    members.dedup();
    members
}

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
            ("client:\n  orgUrl: s3cret\n", "`client`"),
            ("Okta:\n  Client:\n    orgUrl: s3cret\n", "`Okta`"),
            ("okta:\n  Client:\n    orgUrl: s3cret\n", "`Client`"),
            ("okta:\n  orgUrl: s3cret\n", "`orgUrl`"),
            ("orgUrl: s3cret\n", "`orgUrl`"),
            ("okta: {client: {orgurl: s3cret}}", "okta.client.orgurl"),
            ("okta: {client: {token: s3cret}}", "names no org"),
            ("okta: {profiles: {a: {orgurl: s3cret}}}", "okta.profiles.a.orgurl"),
            ("okta: {profiles: {a: {client: {orgUrl: s3cret}}}}", "right below it"),
            ("okta: {Profiles: {a: {orgUrl: s3cret}}}", "`Profiles`"),
            ("other: 1", "names no org"),
            ("", "says nothing"),
            ("# okta: nothing\n", "says nothing"),
        ] {
            let suspects = in_file(text, Path::new("okta.yaml"), true);
            let first = format!("{}; {}", suspects[0].what, suspects[0].cure);
            assert!(first.contains(told) && !first.contains("s3cret"), "{text}: {first}");
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
