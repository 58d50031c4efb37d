//! Whether a file that was given for a secret one holds no secret.

use openssl::pkey::PKey;
use openssl::x509::X509;

use crate::text::BYTE_ORDER_MARK;

/// Whether it is empty, or a public key or a certificate in one of their notations. What is not
/// recognised may be a secret.
pub(crate) fn holds_no_secret(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return is_public_der(bytes) };
    let text = text.trim_start_matches(BYTE_ORDER_MARK).trim();
    if text.contains("-----BEGIN ") {
        // Each private format has the word in its label.
        return !text.contains("PRIVATE");
    }
    if text.starts_with('{') || text.starts_with('[') {
        // `d` is the private part of a pair, and `k` a secret shared by both sides (RFC 7518 §6).
        return text.contains("\"kty\"") && !text.contains("\"d\"") && !text.contains("\"k\"");
    }
    text.is_empty() || text.starts_with("ssh-") || text.starts_with("ecdsa-")
}

fn is_public_der(bytes: &[u8]) -> bool {
    PKey::public_key_from_der(bytes).is_ok() || X509::from_der(bytes).is_ok()
}
