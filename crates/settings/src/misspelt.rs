//! Names of settings that are probably misspelt, and so have no effect.

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

/// Names that are often taken for ours and are nearer to another one, or to none.
const TAKEN_FOR: [(&str, &str); 6] = [
    ("OKTA_CLIENT_ID", "OKTA_CLIENT_CLIENTID"),
    ("OKTA_CLIENT_KEY", "OKTA_CLIENT_PRIVATEKEY"),
    ("OKTA_CLIENT_DOMAIN", "OKTA_CLIENT_ORGURL"),
    ("OKTA_DOMAIN", "OKTA_CLIENT_ORGURL"),
    ("OKTA_ORG_URL", "OKTA_CLIENT_ORGURL"),
    ("id", "clientId"),
];

/// The known name that was probably meant; `None` if the name is known, or like none.
pub(crate) fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |name: &str| name.replace(['_', '-'], "").to_ascii_uppercase();
    if known.contains(&name) || OF_OTHERS.contains(&name) {
        return None;
    }
    let typed = plain(name);
    if let Some((_, meant)) = TAKEN_FOR.iter().find(|(other, _)| plain(other) == typed) {
        return known.iter().find(|name| *name == meant).copied();
    }
    if OF_OTHERS.iter().any(|other| plain(other) == typed) {
        return None;
    }
    let distance = |known: &str| strsim::damerau_levenshtein(&plain(known), &typed);
    let nearest = known.iter().min_by_key(|known| distance(known)).copied();
    nearest.filter(|name| distance(name) <= MAX_DISTANCE.min(name.len() / 3))
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
            ("OKTA_CLIENT_ID", Some("OKTA_CLIENT_CLIENTID")),
            ("OKTA_ORGURL", Some("OKTA_CLIENT_ORGURL")),
            ("okta_client_orgurl", Some("OKTA_CLIENT_ORGURL")),
            ("OKTA_CLIENT_ORGURL", None),
            ("OKTA_CLIENT_TOKEN", None),
            ("OKTA_CLIENT_SOMETHING", None),
        ] {
            assert_eq!(meant(name, &known), expected, "{name}");
        }
    }
}
