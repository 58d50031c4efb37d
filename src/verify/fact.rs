//! How the facts of a reason are written.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// How many bytes of a text are quoted at most.
pub(super) const MAX_QUOTED: usize = 256;

/// A text of a token: cut short, and without control characters, which could forge log lines.
pub(super) fn quote(text: &str) -> String {
    let end = text
        .char_indices()
        .find(|(at, c)| at + c.len_utf8() > MAX_QUOTED)
        .map_or(text.len(), |(at, _)| at);
    text[..end].replace(char::is_control, "?")
}

pub(super) fn key_name(kid: Option<&str>) -> String {
    kid.map_or_else(|| "for the token, which names none".to_owned(), |kid| format!("{kid:?}"))
}

pub(super) fn seconds<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.as_secs().serialize(serializer)
}

// `serialize_with` passes a reference to the field.
#[allow(clippy::ref_option)]
pub(super) fn maybe_seconds<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    // Rounded up: a wait of the truncated time would end too early.
    duration.map(|wait| wait.as_millis().div_ceil(1000) as u64).serialize(serializer)
}
