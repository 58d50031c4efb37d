//! Secrets: values that are wiped when dropped and never print themselves.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::error::Error;

/// A secret text: a passphrase, a signed assertion, a token.
///
/// Cheap to clone: clones share one memory, which is wiped when the last of them is dropped.
/// `Debug` prints `[redacted]`, and there is no `Display`, no `Serialize` and no comparison.
/// [`expose`](Self::expose) is the one way to the text.
///
/// # Example: it does not print itself
///
/// ```
/// use okta_introspect::Secret;
///
/// let passphrase = Secret::new("correct horse");
/// assert_eq!(format!("{passphrase:?}"), "[redacted]");
/// assert_eq!(passphrase.expose(), "correct horse");
/// ```
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes the text over; the caller's own copies remain the caller's.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(text.into())))
    }

    /// The secret itself. Keep it out of URLs, argument lists and logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// A token as it was presented: an access, refresh or ID token, or a device secret.
///
/// Only its shape has been checked; whether it is valid is for the server to say.
///
/// # Example: what is no token
///
/// ```
/// use okta_introspect::Token;
///
/// let token = Token::parse("zDfsxCWXNo0QE4MtMZ2TM1je2Ofkgis47rizYbbW2Bk")?;
/// assert_eq!(token.fingerprint(), "hFq1PH4oWPp8F6maiAzaXiCC6i6GbT5PHnKA77192tc=");
/// assert!(Token::parse("Bearer zDfsxCWXNo0QE4Mt").is_err());
/// # Ok::<(), okta_introspect::Error>(())
/// ```
#[derive(Clone)]
pub struct Token(Secret);

impl Token {
    /// The longest token taken, in bytes. Okta's largest tokens are a few kilobytes.
    pub const MAX_LEN: usize = 16 * 1024;

    /// Takes a token of visible ASCII characters without quotes or backslashes
    /// ([RFC 6750 §2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1) allows fewer, but
    /// refresh tokens need not follow it), at most [`MAX_LEN`](Self::MAX_LEN) long.
    ///
    /// # Errors
    ///
    /// [`Input`](crate::ErrorKind::Input) with what is wrong: empty, a `Bearer ` or `DPoP `
    /// prefix left on, quotes, white space or line breaks, other characters, too long. The text
    /// itself is never repeated in the error.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match Self::fault(text) {
            None => Ok(Self(Secret::new(text))),
            Some((what, advice)) => Err(Error::input(format!("the token {what}")).advise(advice)),
        }
    }

    /// The token itself. Keep it out of URLs, argument lists and logs.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The token among other secrets.
    pub(crate) fn secret(&self) -> &Secret {
        &self.0
    }

    /// What may stand in a log for the token: the padded Base64 of its SHA-256.
    ///
    /// Okta's System Log shows a token as the same text, in
    /// `target.detailEntry.hash` (documented there for refresh tokens).
    pub fn fingerprint(&self) -> String {
        STANDARD.encode(openssl::sha::sha256(self.expose().as_bytes()))
    }

    fn fault(text: &str) -> Option<(&'static str, &'static str)> {
        let scheme = text.split_once(' ').map(|(scheme, _)| scheme);
        if text.is_empty() {
            Some(("is empty", "give the token itself"))
        } else if text.len() > Self::MAX_LEN {
            Some(("is longer than 16 KiB", "check that this is a token and not a whole file"))
        } else if scheme
            .is_some_and(|s| ["bearer", "dpop"].iter().any(|p| s.eq_ignore_ascii_case(p)))
        {
            Some((
                "begins with an authorization scheme",
                "give what follows `Bearer ` or `DPoP ` alone",
            ))
        } else if text.contains(['"', '\'', '`']) {
            Some(("contains quotes", "remove the quotes around it"))
        } else if text.contains(|c: char| c.is_ascii_whitespace()) {
            Some((
                "contains white space or a line break",
                "remove it; a token is one unbroken word",
            ))
        } else if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
            Some((
                "contains characters that no token has",
                "check that it was copied whole and is not binary data",
            ))
        } else {
            None
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn what_cannot_be_a_token_is_refused_without_repeating_it() {
        let long = "x".repeat(Token::MAX_LEN + 1);
        let cases = [
            ("empty", ""),
            ("line break at the end", "s3cret\n"),
            ("line break inside", "s3c\nret"),
            ("quotes", "\"s3cret\""),
            ("single quotes", "'s3cret'"),
            ("Bearer prefix", "Bearer s3cret"),
            ("lower-case prefix", "bearer s3cret"),
            ("DPoP prefix", "DPoP s3cret"),
            ("blank inside", "s3 cret"),
            ("binary", "s3cret\u{0}\u{1}"),
            ("not ASCII", "s3cr\u{e9}t"),
            ("backslash", "s3c\\ret"),
            ("too long", &long),
        ];
        for (name, text) in cases {
            let error = Token::parse(text).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Input, "{name}");
            assert!(!format!("{error} {error:?}").contains("s3c"), "{name}");
        }
    }

    #[test]
    fn a_token_of_exactly_the_longest_length_is_taken() {
        assert!(Token::parse(&"x".repeat(Token::MAX_LEN)).is_ok());
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("s3cret")), "[redacted]");
        assert_eq!(format!("{:?}", Token::parse("s3cret").unwrap()), "Token([redacted])");
    }

    #[test]
    fn the_fingerprint_is_the_hash_that_okta_logs() {
        let token = Token::parse("zDfsxCWXNo0QE4MtMZ2TM1je2Ofkgis47rizYbbW2Bk").unwrap();
        assert_eq!(token.fingerprint(), "hFq1PH4oWPp8F6maiAzaXiCC6i6GbT5PHnKA77192tc=");
    }
}
