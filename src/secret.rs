//! Secrets: values that are wiped when dropped and never print themselves.

use std::borrow::Cow;
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

    /// Takes what can be a token: the characters of `b64token`
    /// ([RFC 6750 §2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)), at most
    /// [`MAX_LEN`](Self::MAX_LEN) of them, and not one of the words that programs write where they
    /// have no token, such as `null`.
    ///
    /// # Errors
    ///
    /// [`Input`](crate::ErrorKind::Input) with what is in the way: nothing at all, such a word, a
    /// `Bearer ` or `DPoP ` prefix, a JSON answer around the token, HTML, a variable that was not
    /// replaced, quotes, white space, another character, too many of them. The text itself is never
    /// repeated in the error.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if Self::is_possible(text) {
            return Ok(Self(Secret::new(text)));
        }
        let (what, advice) = Self::fault(text);
        Err(Error::input(what).advise(advice))
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
        fingerprint(self.expose())
    }

    fn is_possible(text: &str) -> bool {
        let is_b64 = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        let bare = text.trim_end_matches('=');
        !bare.is_empty()
            && text.len() <= Self::MAX_LEN
            && bare.bytes().all(is_b64)
            && bare.bytes().any(|byte| byte.is_ascii_alphanumeric())
            && word_without_token(text).is_none()
    }

    /// What keeps a text from being a token, and what to do.
    fn fault(text: &str) -> (Cow<'static, str>, &'static str) {
        let start = text.trim_start_matches('\u{feff}').trim_start();
        if start.is_empty() {
            return ("the token is empty".into(), "give the token itself");
        }
        if let Some(word) = word_without_token(text.trim()) {
            let what = format!("this is the word {word}, not a token");
            return (what.into(), "look at the command before: it printed no token");
        }
        if text.len() > Self::MAX_LEN {
            let advice = "check that this is a token and not a whole file";
            return ("the token is longer than 16 KiB".into(), advice);
        }
        let (what, advice) = enclosing(start).unwrap_or_else(|| match contains_jwt(text) {
            true => (intruder(text).0, "a JWT stands inside: give that alone"),
            false => intruder(text),
        });
        (what.into(), advice)
    }
}

/// The [fingerprint](Token::fingerprint) of what may be a token.
pub(crate) fn fingerprint(text: &str) -> String {
    STANDARD.encode(openssl::sha::sha256(text.as_bytes()))
}

/// The words that `jq`, shells and programs write where there is no value, the headings of lists of
/// tokens, and authorization schemes with nothing behind them.
#[rustfmt::skip] // a line for each origin
const WORDS: [&str; 20] = [
    "null", "undefined", "none", "nil", "nan", "n/a", "true", "false", "(null)", "[object Object]",
    "token", "tokens", "access_token", "refresh_token", "id_token", "jwt",
    "bearer", "dpop", "basic", "authorization",
];

fn word_without_token(text: &str) -> Option<&'static str> {
    WORDS.into_iter().find(|word| text.eq_ignore_ascii_case(word))
}

/// What a token may stand in, as far as the beginning tells.
fn enclosing(text: &str) -> Option<(&'static str, &'static str)> {
    const ALONE: &str = "give what follows `Bearer ` or `DPoP ` alone";
    let word = text.split([' ', '\t', ':']).next().unwrap_or_default();
    let is = |name: &str| word.eq_ignore_ascii_case(name) && word.len() < text.len();
    Some(match text {
        _ if is("bearer") || is("dpop") => ("the token begins with an authorization scheme", ALONE),
        _ if is("authorization") => ("this is a whole `Authorization` header", ALONE),
        _ if text.starts_with('{') && text.contains("access_token") => (
            "this is the JSON answer to a token request, not a token",
            "give its `access_token` alone, for instance with `jq -r .access_token`",
        ),
        _ if text.starts_with("{{") => UNREPLACED,
        _ if text.starts_with(['{', '[']) => {
            ("this is JSON, not a token", "give the text of the member that holds the token")
        }
        _ if text.starts_with("<!")
            || text.starts_with("</")
            || text.to_ascii_lowercase().starts_with("<html") =>
        {
            ("this is HTML, not a token", "look at the answer that it was taken from")
        }
        _ if text.starts_with(['$', '%', '<']) => UNREPLACED,
        _ if text.contains("://") => ("this is a URL, not a token", "give the token itself"),
        _ if text.starts_with("-----BEGIN") => {
            ("this is PEM, not a token", "give a token; keys are named in the settings")
        }
        _ => return None,
    })
}

const UNREPLACED: (&str, &str) = (
    "this is a variable that was not replaced, not a token",
    "check that it is set, and the quotes around it",
);

/// Whether a JWT is a part of the text. Headers are JSON objects, which begin so in Base64.
fn contains_jwt(text: &str) -> bool {
    let is_base64url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut words = text.split(|c: char| !is_base64url(c) && c != '.');
    words.any(|word| {
        let parts: Vec<_> = word.split('.').collect();
        parts.len() >= 3 && parts[0].starts_with("eyJ") && !parts[1].is_empty()
    })
}

/// The first thing in a text that no token has.
fn intruder(text: &str) -> (&'static str, &'static str) {
    if text.contains(['"', '\'', '`']) {
        ("the token contains quotes", "remove the quotes around it")
    } else if text.starts_with('\u{feff}') {
        ("a byte order mark stands before the token", "save the file as UTF-8 without the mark")
    } else if text.contains(|c: char| c.is_ascii_whitespace()) {
        (
            "the token contains white space or a line break",
            "remove it; a token is one unbroken word",
        )
    } else if text.contains([',', ';', '|']) {
        ("the token contains a separator, as in a list", "give one token alone")
    } else if text.is_ascii() && text.trim_end_matches('=').contains('=') {
        ("the token contains `=` before its end", "give what follows the `=` alone")
    } else if !text.contains(char::is_alphanumeric) {
        ("the token has neither letters nor digits", "give the token itself")
    } else {
        (
            "the token contains characters that no token has",
            "check that it was copied whole and is not binary data",
        )
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
            ("padding alone", "="),
        ];
        for (name, text) in cases {
            let error = Token::parse(text).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Input, "{name}");
            assert!(!format!("{error} {error:?}").contains("s3c"), "{name}");
        }
    }

    #[test]
    fn what_is_in_the_way_is_said() {
        let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzM2NyZXQifQ.c2lnbmF0dXJl";
        let within = |before: &str, behind: &str| format!("{before}{jwt}{behind}");
        for (text, says) in [
            ("null".to_owned(), "the word null"),
            ("NULL".to_owned(), "the word null"),
            ("undefined".to_owned(), "the word undefined"),
            ("None".to_owned(), "the word none"),
            ("nil\n".to_owned(), "the word nil"),
            ("false".to_owned(), "the word false"),
            ("[object Object]".to_owned(), "the word [object Object]"),
            ("token".to_owned(), "the word token"),
            ("Bearer".to_owned(), "the word bearer"),
            ("NaN".to_owned(), "the word nan"),
            ("-".to_owned(), "neither letters nor digits"),
            ("==".to_owned(), "neither letters nor digits"),
            (" \n".to_owned(), "is empty"),
            ("\u{feff}".to_owned(), "is empty"),
            ("$TOKEN".to_owned(), "not replaced"),
            ("${TOKEN}".to_owned(), "not replaced"),
            ("%TOKEN%".to_owned(), "not replaced"),
            ("{{ token }}".to_owned(), "not replaced"),
            ("<your token>".to_owned(), "not replaced"),
            (within("Bearer ", ""), "authorization scheme"),
            (within("DPoP\t", ""), "authorization scheme"),
            (within("Authorization: Bearer ", ""), "`Authorization` header"),
            (
                within(r#"{"access_token":""#, r#"","expires_in":3600}"#),
                "answer to a token request",
            ),
            (within(r#"{"token":""#, r#""}"#), "is JSON"),
            ("[1,2]".to_owned(), "is JSON"),
            ("<html><body>".to_owned(), "HTML"),
            ("<!DOCTYPE html>".to_owned(), "HTML"),
            (within("https://a.example/#access_token=", ""), "a URL"),
            ("-----BEGIN PRIVATE KEY-----".to_owned(), "PEM"),
            (within("'", "'"), "quotes"),
            (within("\u{feff}", ""), "byte order mark"),
            (within("", "\n"), "white space"),
            (within("", ",ada@example.com"), "separator"),
            (within("token=", ""), "`=` before its end"),
            (within("", "\u{200b}"), "characters that no token has"),
        ] {
            let error = Token::parse(&text).expect_err(&text);
            assert!(error.to_string().contains(says), "{text}: {error}");
            assert!(!error.advice().is_empty(), "{text}");
            let bare = text.trim_start_matches(['\'', '\u{feff}']).trim_start_matches("token=");
            let inside = error.advice().contains("a JWT stands inside");
            assert_eq!(inside, bare.starts_with("eyJ"), "{text}");
            assert!(!format!("{error} {error:?}").contains("eyJzdWIi"), "{text}");
        }
    }

    #[test]
    fn every_character_of_b64token_is_taken_and_no_other() {
        for byte in 0..=u8::MAX {
            let text = format!("a{}z", char::from(byte));
            let allowed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(Token::parse(&text).is_ok(), allowed, "{byte}");
        }
        assert!(Token::parse("a==").is_ok() && Token::parse("nullable").is_ok());
    }

    #[test]
    fn what_is_given_by_mistake_is_never_repeated() {
        let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzM2NyZXQifQ.c2lnbmF0dXJl";
        let opaque = "zDfsxCWXNo0QE4MtMZ2";
        for secret in [jwt, opaque] {
            let listed = format!("{secret},x");
            let key_options = crate::KeyOptions::default().key_id(secret);
            let set = include_bytes!("../keys/sample-set.jwks.json");
            let errors = [
                crate::Scopes::parse(&listed).err(),
                crate::Scopes::parse(&format!("{secret}\u{e9}")).err(),
                secret.parse::<crate::TokenTypeHint>().err(),
                secret.parse::<crate::Algorithm>().err(),
                secret.parse::<crate::Issuer>().err(),
                crate::Issuer::parse_other(secret).err(),
                secret.parse::<crate::EndpointUrl>().err(),
                Token::parse(&listed).err(),
                Token::parse(&format!("token={secret}")).err(),
                crate::JwkSet::parse(secret.as_bytes()).err(),
                crate::SigningKey::parse(secret.as_bytes(), &crate::KeyOptions::default()).err(),
                crate::SigningKey::parse(set, &key_options).err(),
                crate::SigningKey::from_env(secret, &crate::KeyOptions::default()).err(),
            ];
            for (at, error) in errors.into_iter().enumerate() {
                let error = error.unwrap_or_else(|| panic!("{at}: taken"));
                let said = format!("{error} {error:?} {}", error.advice());
                assert!(!said.contains(&secret[..12]), "{at}: {said}");
            }
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
