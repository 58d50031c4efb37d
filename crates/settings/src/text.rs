//! Text for messages.

use std::error::Error;
use std::path::Path;

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

/// A path for a message, or `[masked]` if it looks like the content of a file: a key or a token
/// that was given in place of its file's name must not get into a log of stderr.
pub fn path(path: &Path) -> String {
    value(&path.to_string_lossy())
}

/// A value for a message, or `[masked]` if it looks like a key or a token that stands in the wrong
/// place.
pub fn value(text: &str) -> String {
    const MAX_FILE_NAME: usize = 255;
    let is_content = |part: &str| part.len() > MAX_FILE_NAME || part.starts_with("eyJ");
    let is_secret = text.contains(['"', '\n'])
        || text.contains("-----BEGIN")
        || text.split(['/', ' ']).any(is_content);
    if is_secret { "[masked]".to_owned() } else { text.to_owned() }
}
