//! Settings that nobody reads because their names are mistyped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::output;

/// How many letters may be wrong, missing, too many or swapped; in a short name one of three.
const MAX_DISTANCE: usize = 2;

/// What the SDKs read besides what we do: no mistakes.
const OF_OTHERS: [&str; 12] = [
    "token",
    "clientAssertion",
    "clientSecret",
    "cache",
    "OKTA_CLIENT_TOKEN",
    "OKTA_CLIENT_CLIENTASSERTION",
    "OKTA_CLIENT_ENCRYPTION_TYPE",
    "OKTA_CLIENT_CLIENTSECRET",
    "OKTA_CLIENT_LOGLEVEL",
    "OKTA_CLIENT_LOGGING_ENABLED",
    "OKTA_CLIENT_CACHE_ENABLED",
    "OKTA_CLIENT_USERAGENT",
];

/// The known name that was probably meant; `None` if the name is known, or like none.
fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |name: &str| name.replace(['_', '-'], "").to_ascii_uppercase();
    if known.contains(&name) || OF_OTHERS.contains(&name) {
        return None;
    }
    let typed = plain(name);
    if OF_OTHERS.iter().any(|other| plain(other) == typed) {
        return None;
    }
    let distance = |known: &str| strsim::damerau_levenshtein(&plain(known), &typed);
    let nearest = known.iter().min_by_key(|known| distance(known)).copied();
    nearest.filter(|name| distance(name) <= MAX_DISTANCE.min(name.len() / 3))
}

/// A mistyped member is read by nobody. Others' members are no mistakes, so this only notes what
/// is close to one of ours.
pub(super) fn note_members(text: &str, path: &Path) {
    #[derive(Deserialize)]
    struct Document {
        okta: Option<Okta>,
    }
    #[derive(Deserialize)]
    struct Okta {
        client: Option<BTreeMap<String, IgnoredAny>>,
    }
    let options = serde_saphyr::options! { with_snippet: false };
    let document = serde_saphyr::from_str_with_options::<Option<Document>>(text, options);
    let client = document.ok().flatten().and_then(|it| it.okta).and_then(|it| it.client);
    for name in client.unwrap_or_default().keys() {
        if let Some(meant) = meant(name, &MEMBERS) {
            output::note(format_args!(
                "nothing reads okta.client.{name} in {}; did you mean {meant}?",
                path.display()
            ));
        }
    }
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

/// A mistyped variable is read by nobody, and so the next best place counts without a word.
pub(super) fn note_variables(known: &[&str]) {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let ours = names.filter(|name| name.to_ascii_uppercase().starts_with("OKTA_"));
    for name in ours.collect::<BTreeSet<_>>() {
        if let Some(meant) = meant(&name, known) {
            output::note(format_args!("nothing reads the variable {name}; did you mean {meant}?"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_understood_and_others_left_alone() {
        let known = ["OKTA_CLIENT_ORGURL", "OKTA_CLIENT_CLIENTID", "OKTA_CLIENT_KID"];
        for (name, expected) in [
            ("OKTA_CLIENT_ORG_URL", Some("OKTA_CLIENT_ORGURL")),
            ("OKTA_CLIENT_CLIENT_ID", Some("OKTA_CLIENT_CLIENTID")),
            ("OKTA_CLIENT_CLEINTID", Some("OKTA_CLIENT_CLIENTID")),
            ("okta_client_orgurl", Some("OKTA_CLIENT_ORGURL")),
            ("OKTA_CLIENT_ORGURL", None),
            ("OKTA_CLIENT_TOKEN", None),
            ("OKTA_CLIENT_SOMETHING", None),
        ] {
            assert_eq!(meant(name, &known), expected, "{name}");
        }
    }
}
