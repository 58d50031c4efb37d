//! Text for messages.

use std::error::Error;
use std::path::Path;

/// What some editors put before UTF-8.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// Whether a text is in UTF-16, in which some shells write their output: it begins with a mark, or with
/// an ASCII character of two bytes.
pub fn is_utf_16(text: &[u8]) -> bool {
    matches!(text, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] | [1..=0x7f, 0, ..])
}

/// The text, with a cause and the causes behind it.
pub fn with_causes(mut text: String, cause: &dyn Error) -> String {
    let mut next = Some(cause);
    while let Some(cause) = next {
        let because = cause.to_string();
        // Some libraries repeat a cause in the text of its effect.
        if !text.ends_with(&because) {
            text = format!("{text}: {because}");
        }
        next = cause.source();
    }
    text
}

const MASK: &str = "[masked]";

/// No common file system has longer names, in bytes.
const MAX_FILE_NAME: usize = 255;

/// A path for a message, or `[masked]` if it looks like the content of a file: a key or a token
/// that was given in place of its file's name must not get into a log of stderr.
pub fn path(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.contains(['"', '\n']) || text.contains("-----BEGIN") || text.split('/').any(is_content)
    {
        return MASK.to_owned();
    }
    text.into_owned()
}

/// A setting for display: credentials and the query of a URL are left out, and a key or token in its
/// place is `[masked]`. It may not have been checked yet.
pub fn setting(text: &str) -> String {
    let public = without_secrets(text);
    let mut words = public.split(|c: char| c == '/' || c.is_whitespace());
    // A quotation mark is that of a JWK.
    if text.contains('"') || text.contains("-----BEGIN") || words.any(is_content) {
        return MASK.to_owned();
    }
    public
}

/// A URL without what stands before its host, and behind its path. Any other text as it is.
fn without_secrets(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    match (rest.rfind('@'), rest.find(['?', '#'])) {
        (None, None) => text.to_owned(),
        (Some(at), None) => format!("{scheme}://…{}", &rest[at..]),
        (None, Some(query)) => format!("{scheme}://{}…", &rest[..=query]),
        // Either mark may stand in a password, or in the query.
        (Some(_), Some(_)) => format!("{scheme}://…"),
    }
}

fn is_content(part: &str) -> bool {
    part.len() > MAX_FILE_NAME || part.starts_with("eyJ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_credentials_nor_the_query_of_a_url_are_shown() {
        for (text, shown) in [
            ("https://acme.okta.com/oauth2/default", "https://acme.okta.com/oauth2/default"),
            ("https://ada:s3cret@acme.okta.com/a", "https://…@acme.okta.com/a"),
            ("https://acme.okta.com/a?token=s3cret", "https://acme.okta.com/a?…"),
            ("https://acme.okta.com#s3cret", "https://acme.okta.com#…"),
            ("https://ada:s3?cret@acme.okta.com", "https://…"),
            ("https://acme.okta.com/?a=b@s3cret", "https://…"),
            ("a?b@c", "a?b@c"),
        ] {
            assert_eq!(setting(text), shown);
        }
    }
}
