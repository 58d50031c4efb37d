//! Digests by which uses of proofs are remembered.

use openssl::sha::Sha256;

/// 128 bits of a SHA-256: a sender that makes two of its own proofs collide shuts itself out.
pub(super) type Digest = [u8; 16];

/// The digest of texts, each with its length, so that no other texts have the same one.
pub(super) fn digest(texts: &[&str]) -> Digest {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(&text.len().to_be_bytes());
        hash.update(text.as_bytes());
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finish()[..16]);
    digest
}
