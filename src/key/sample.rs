//! The sample keys in `keys/`, known by their thumbprints.

use super::PublicJwk;

/// Whether the key is one of the published samples, which anybody may sign with.
pub(crate) fn is_sample(key: &PublicJwk) -> bool {
    SAMPLE_THUMBPRINTS.contains(&key.thumbprint().as_str())
}

/// RFC 7638 thumbprints of the keys in `keys/`; a test compares them with the files.
const SAMPLE_THUMBPRINTS: [&str; 0] = [];
