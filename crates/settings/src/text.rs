//! Text for messages.

use std::error::Error;
use std::path::Path;

/// What some editors put before UTF-8.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

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
    let is_content = |part: &str| part.len() > MAX_FILE_NAME || part.starts_with("eyJ");
    if text.contains(['"', '\n']) || text.contains("-----BEGIN") || text.split('/').any(is_content)
    {
        return MASK.to_owned();
    }
    text.into_owned()
}

/// A setting for display: its credentials are left out, and a key or token in its place is
/// `[masked]`. It may not have been checked yet.
pub fn setting(text: &str) -> String {
    let without_credentials = match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}…{}", &text[..scheme + 3], &text[at..])
        }
        _ => text.to_owned(),
    };
    let is_content = |part: &str| part.len() > MAX_FILE_NAME || part.starts_with("eyJ");
    let mut words = without_credentials.split(|c: char| c == '/' || c.is_whitespace());
    // A quotation mark is that of a JWK.
    if text.contains('"') || text.contains("-----BEGIN") || words.any(is_content) {
        return MASK.to_owned();
    }
    without_credentials
}
