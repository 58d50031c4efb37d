//! A fixed secret in a header, by which a sender without signatures is known.

use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use openssl::sha::sha256;

use crate::error::Error;
use crate::secret::Secret;

/// The header, and the hash of what has to stand in it: hashes are of one length, so that comparing
/// them takes the same time whatever was sent.
#[derive(Clone)]
pub(crate) struct HeaderSecret {
    header: HeaderName,
    hash: [u8; 32],
}

/// What a request brings in such a header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Brought {
    Nothing,
    Wrong,
    Right,
    /// More than one value: a proxy and the service may each look at another one.
    Twice,
}

impl HeaderSecret {
    /// Fewer bytes can be guessed. `openssl rand -hex 16` prints 32.
    const MIN_LEN: usize = 16;

    const MAX_LEN: usize = 4096;

    /// `of` says whose it is, such as "of event hooks".
    pub(super) fn new(of: &str, header: &str, secret: &Secret) -> Result<Self, Error> {
        let secret = secret.expose();
        let lengths = Self::MIN_LEN..=Self::MAX_LEN;
        if !lengths.contains(&secret.len())
            || !secret.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        {
            let what = format!("the secret {of} is too short, too long, or no header's value");
            return Err(Error::configuration(what)
                .advise("take what `openssl rand -hex 32` prints; 16 to 4096 visible characters"));
        }
        if secret.trim() != secret {
            let what = format!("the secret {of} begins or ends with a blank");
            return Err(Error::configuration(what).advise("headers lose blanks at their ends"));
        }
        let header = HeaderName::from_bytes(header.as_bytes()).map_err(|_| {
            Error::configuration(format!("the header {of} has no possible name"))
                .advise("write a name such as X-Signals-Key")
        })?;
        if header == AUTHORIZATION && looks_signed(secret) {
            let what = format!("the secret {of} has the form of a signed JWT");
            return Err(Error::configuration(what)
                .advise("take another one: JWTs in Authorization are those of Universal Logout"));
        }
        Ok(Self { header, hash: sha256(secret.as_bytes()) })
    }

    pub(super) fn brought(&self, headers: &HeaderMap) -> Brought {
        let mut values = headers.get_all(&self.header).iter();
        match (values.next(), values.next()) {
            (None, _) => Brought::Nothing,
            (Some(_), Some(_)) => Brought::Twice,
            (Some(value), None) => match openssl::memcmp::eq(&sha256(value.as_bytes()), &self.hash)
            {
                true => Brought::Right,
                false => Brought::Wrong,
            },
        }
    }

    /// Whether the same header with the same secret is meant: then the two cannot be told apart.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.header == other.header && openssl::memcmp::eq(&self.hash, &other.hash)
    }
}

/// Whether a value of `Authorization` is `Bearer` and a JWT.
pub(super) fn looks_signed(value: &str) -> bool {
    bearer(value).is_some_and(|token| token.split('.').count() == 3)
}

/// What stands behind `Bearer`.
pub(super) fn bearer(value: &str) -> Option<&str> {
    const SCHEME: &str = "bearer ";
    let scheme = value.get(..SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| value[SCHEME.len()..].trim_matches(' '))
}

impl fmt::Debug for HeaderSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderSecret").field("header", &self.header).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    const SECRET: &str = "correct horse battery staple";

    fn made(header: &str, secret: &str) -> Result<HeaderSecret, Error> {
        HeaderSecret::new("of event hooks", header, &Secret::new(secret))
    }

    #[test]
    fn the_header_has_the_secret_once_to_the_letter() {
        let secret = made("authorization", SECRET).unwrap();
        let brought = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            secret.brought(&headers)
        };
        assert_eq!(brought(&[SECRET]), Brought::Right);
        assert_eq!(brought(&[]), Brought::Nothing);
        assert_eq!(brought(&[SECRET, SECRET]), Brought::Twice);
        for wrong in ["", "correct horse battery stapl", "Correct horse battery staple", "x"] {
            assert_eq!(brought(&[wrong]), Brought::Wrong, "{wrong}");
        }
    }

    #[test]
    fn what_can_be_guessed_or_cannot_be_sent_is_no_secret() {
        for (header, secret) in [
            ("authorization", ""),
            ("authorization", "fifteen letters"),
            ("authorization", " correct horse battery staple"),
            ("authorization", "correct horse\r\nbattery: staple"),
            ("authorization", "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln"),
            ("no header", SECRET),
            ("", SECRET),
        ] {
            let error = made(header, secret).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            let told = format!("{error} {}", error.advice());
            assert!(secret.is_empty() || !told.contains(secret), "{told}");
        }
        assert!(made("x-key", "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln").is_ok());
        assert!(made("authorization", &"x".repeat(4096)).is_ok());
        assert!(made("authorization", &"x".repeat(4097)).is_err());
    }
}
