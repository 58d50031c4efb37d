//! What stands around a token where people keep it.

/// The token itself, and what was removed besides white space.
pub(crate) fn strip(text: &str) -> (&str, Vec<&'static str>) {
    let mut token = text.trim();
    let mut removed = Vec::new();
    loop {
        if let Some(inner) = unquoted(token) {
            removed.push("the quotes");
            token = inner.trim();
        } else if let Some(rest) = without_scheme(token) {
            removed.push("the authorization scheme");
            token = rest.trim();
        } else {
            return (token, removed);
        }
    }
}

fn unquoted(text: &str) -> Option<&str> {
    ['"', '\'', '`'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

fn without_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(' ')?;
    ["bearer", "dpop"].iter().any(|known| scheme.eq_ignore_ascii_case(known)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_removed_silently_and_the_rest_is_named() {
        for (text, token, count) in [
            ("abc", "abc", 0),
            (" abc\r\n", "abc", 0),
            ("\"abc\"\n", "abc", 1),
            ("Bearer abc", "abc", 1),
            ("'dpop  abc'", "abc", 2),
            ("Bearer \"abc\"", "abc", 2),
            ("\"abc", "\"abc", 0),
            ("\"", "\"", 0),
            ("Basic abc", "Basic abc", 0),
            ("Bearer", "Bearer", 0),
        ] {
            let (stripped, removed) = strip(text);
            assert_eq!((stripped, removed.len()), (token, count), "{text}");
        }
    }
}
