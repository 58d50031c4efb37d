//! What may stand in an identity header.

use std::borrow::Cow;

use http::HeaderValue;
use okta_introspect::Scopes;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Stands where a fact is missing, since no header may be left out.
pub(crate) const ABSENT: HeaderValue = HeaderValue::from_static("-");

/// The longest value, in bytes as written: Okta's limit for scopes. A longer one is not cut, which
/// would make another value of it, but counts as missing.
pub(crate) const MAX_LEN: usize = 4096;

/// All but visible ASCII, and what the encoding itself is written with.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// A fact, encoded so that decoding gives it back.
pub(super) fn text(fact: Option<&str>) -> HeaderValue {
    fact.and_then(|fact| header(&encoded(fact))).unwrap_or(ABSENT)
}

/// Scopes with single blanks between them.
pub(super) fn scopes(scopes: Option<&Scopes>) -> HeaderValue {
    let Some(scopes) = scopes else { return ABSENT };
    let mut words = scopes.iter().map(|scope| utf8_percent_encode(scope, ENCODED));
    let mut line = String::with_capacity(128);
    line.extend(words.next().into_iter().flatten());
    for word in words {
        line.push(' ');
        line.extend(word);
    }
    header(&line).unwrap_or(ABSENT)
}

fn encoded(fact: &str) -> Cow<'_, str> {
    utf8_percent_encode(fact, ENCODED).into()
}

/// The line of a value that is not empty, and not too long.
fn header(line: &str) -> Option<HeaderValue> {
    match line {
        "" => None,
        // The word for what is missing must not be what a token says.
        "-" => Some(HeaderValue::from_static("%2D")),
        line if line.len() > MAX_LEN => None,
        // Visible ASCII and blanks, which never fail.
        line => HeaderValue::from_str(line).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::percent_decode_str;

    fn line(fact: &str) -> String {
        text(Some(fact)).to_str().unwrap().to_owned()
    }

    #[test]
    fn every_character_comes_back_and_only_visible_ascii_is_written() {
        let all: String =
            (0..0x250_u32).filter_map(char::from_u32).chain("😀\u{202e}".chars()).collect();
        for fact in [&all, "ada@acme.example", "100%", "%2D", "a b", "ärger", "a\r\nX-Auth-Sub: b"]
        {
            let line = line(fact);
            assert!(line.bytes().all(|byte| byte.is_ascii_graphic()), "{line}");
            assert_eq!(percent_decode_str(&line).decode_utf8().unwrap(), fact);
        }
        assert_eq!(line("ada@acme.example"), "ada@acme.example");
    }

    #[test]
    fn what_is_missing_is_told_from_a_dash() {
        assert_eq!(text(None), ABSENT);
        assert_eq!(text(Some("")), ABSENT);
        assert_eq!(line("-"), "%2D");
        assert_eq!(line("--"), "--");
        let dash: Scopes = serde_json::from_str("\"-\"").unwrap();
        assert_eq!(scopes(Some(&dash)), "%2D");
    }

    #[test]
    fn a_value_that_is_too_long_is_missing_and_never_cut() {
        assert_eq!(line(&"x".repeat(MAX_LEN)).len(), MAX_LEN);
        assert_eq!(text(Some(&"x".repeat(MAX_LEN + 1))), ABSENT);
        // Encoded, each of these takes nine bytes.
        assert_eq!(text(Some(&"€".repeat(MAX_LEN / 9 + 1))), ABSENT);
    }

    #[test]
    fn scopes_keep_their_blanks_and_nothing_else_that_is_odd() {
        let of = |text: &str| serde_json::from_value::<Scopes>(text.into()).unwrap();
        assert_eq!(scopes(Some(&of("b  a"))), "a b");
        assert_eq!(scopes(Some(&of("orders.read ä"))), "orders.read %C3%A4");
        assert_eq!(scopes(Some(&of("a\u{a0}b"))), "a%C2%A0b");
        assert_eq!(scopes(Some(&of(""))), ABSENT);
        assert_eq!(scopes(None), ABSENT);
    }
}
