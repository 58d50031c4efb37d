//! How values are written: DPoP modes, scopes, and what is only a placeholder of one.

use okta_introspect::DpopMode;

use crate::error::SettingsError;
use crate::found::Origin;

/// The words of `--dpop`.
pub const DPOP_MODES: [&str; 3] = ["auto", "always", "never"];

/// Reads a DPoP mode: a word of `--dpop`, or the `true` and `false` of Okta's Python SDK.
pub fn dpop_mode(text: &str) -> Option<DpopMode> {
    match text.trim().to_ascii_lowercase().as_str() {
        "auto" => Some(DpopMode::Auto),
        "always" | "true" => Some(DpopMode::Always),
        "never" | "false" => Some(DpopMode::Never),
        _ => None,
    }
}

/// The scopes of an environment variable or file, where SDKs separate them by blanks or commas.
pub(crate) fn scope_words(text: &str) -> String {
    let words = text.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// What is said of a value in quotes.
pub(crate) const QUOTED: &str = "has quotes around it";

/// Whether the text kept the quotes of the file that it stood in, as docker does with env files.
pub(crate) fn is_quoted(text: &str) -> bool {
    let text = text.trim();
    let pair = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    pair('"') || pair('\'')
}

/// Whether this is a name for a profile: words of letters and digits, joined by `-`, `_` or `.`, with
/// a letter first. Messages repeat it, so it is too short for a secret.
pub(crate) fn is_profile_name(name: &str) -> bool {
    const MAX_NAME: usize = 64;
    const MAX_WORD: usize = 24;

    let is_word = |word: &str| {
        (1..=MAX_WORD).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.split(['-', '_', '.']).all(is_word)
}

/// What is said of other names.
pub(crate) const PROFILE_NAME: &str = "begin with a letter, and use letters and digits, joined by \
                                       - _ or . where need be, such as staging";

/// Refuses what documentation puts where a value belongs: `{clientId}`.
pub(crate) fn refuse_placeholder(
    what: &str,
    value: &str,
    origin: &Origin,
) -> Result<(), SettingsError> {
    if value.split_whitespace().any(is_placeholder) {
        return Err(SettingsError::new(format!("the {what} is still a placeholder"))
            .found_in(origin)
            .advise("put the real value in its place"));
    }
    Ok(())
}

fn is_placeholder(word: &str) -> bool {
    let name = word.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profiles_name_is_a_few_words() {
        let (longest, longer) = ("a".repeat(24), "a".repeat(25));
        for (name, is_name) in [
            ("staging", true),
            ("eu-1.prod_2", true),
            (longest.as_str(), true),
            (longer.as_str(), false),
            (&format!("{longest}-{longest}-{}", "b".repeat(14)), true),
            (&format!("{longest}-{longest}-{}", "b".repeat(15)), false),
            ("", false),
            ("1a", false),
            ("a b", false),
            ("a--b", false),
            ("ä", false),
        ] {
            assert_eq!(is_profile_name(name), is_name, "{name}");
        }
    }

    #[test]
    fn every_word_for_a_mode_is_understood() {
        for (text, mode) in [
            ("auto", Some(DpopMode::Auto)),
            ("True", Some(DpopMode::Always)),
            (" always ", Some(DpopMode::Always)),
            ("false", Some(DpopMode::Never)),
            ("never", Some(DpopMode::Never)),
            ("", None),
            ("yes", None),
        ] {
            assert_eq!(dpop_mode(text), mode, "{text}");
        }
        assert!(DPOP_MODES.into_iter().all(|word| dpop_mode(word).is_some()));
    }
}
