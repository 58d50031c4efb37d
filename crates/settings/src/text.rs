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
    const MAX_FILE_NAME: usize = 255;
    let text = path.to_string_lossy();
    let is_content = |part: &str| part.len() > MAX_FILE_NAME || part.starts_with("eyJ");
    if text.contains(['"', '\n']) || text.contains("-----BEGIN") || text.split('/').any(is_content)
    {
        return "[masked]".to_owned();
    }
    text.into_owned()
}
