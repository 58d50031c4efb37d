//! What is kept of a caller's secret.

use std::fmt;

use openssl::sha::sha256;

use crate::error::Fault;

const HEX_DIGITS: usize = 64;

/// Of nothing, and of the line feed that `echo` writes: an unset variable was hashed.
const OF_NOTHING: [&[u8]; 3] = [b"", b"\n", b"\r\n"];

/// The SHA-256 of a caller's secret, which is all that the configuration has of it. A hash without salt
/// and rounds is enough for secrets that a generator made, such as `openssl rand -hex 32`, and for no
/// others; it costs half a microsecond a request. `Debug` shows nothing.
///
/// # Example
///
/// ```
/// use okta_introspect_serve::SecretHash;
///
/// let hash = SecretHash::parse("2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b").unwrap();
/// assert!(hash.is_of("secret"));
/// assert!(SecretHash::parse("secret").is_err());
/// ```
#[derive(Clone)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// If it is anything else, which may be the secret itself and is not repeated, or the hash of
    /// nothing.
    pub fn parse(hex: &str) -> Result<Self, Fault> {
        let advice = "take the first word of what `printf %s \"$SECRET\" | sha256sum` prints";
        if hex.len() != HEX_DIGITS || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Fault::new("this is not the SHA-256 of a secret in 64 hexadecimal digits")
                .advise(advice));
        }
        let mut hash = [0; 32];
        for (byte, digits) in hash.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *byte = digits.iter().fold(0, |byte, digit| byte << 4 | value(*digit));
        }
        if OF_NOTHING.iter().any(|nothing| sha256(nothing) == hash) {
            return Err(Fault::new("this is the SHA-256 of an empty secret").advise(advice));
        }
        Ok(Self(hash))
    }

    /// The hash of a secret.
    pub(super) fn of(secret: &[u8]) -> Self {
        Self(sha256(secret))
    }

    /// Whether it is the hash of this secret.
    pub fn is_of(&self, secret: &str) -> bool {
        self.is(&Self::of(secret.as_bytes()))
    }

    /// Whether they are the same, in a time that does not depend on where they differ.
    pub(super) fn is(&self, other: &Self) -> bool {
        openssl::memcmp::eq(&self.0, &other.0)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash([redacted])")
    }
}

/// The value of a hexadecimal digit.
fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        digit => (digit | 0x20) - b'a' + 10,
    }
}
