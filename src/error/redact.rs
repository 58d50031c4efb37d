//! Quotes foreign text in messages without letting secrets through.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The first bytes of an unexpected body, on one line, with everything masked that belongs to one
/// of `secrets` or looks like a token.
pub(crate) fn excerpt(body: &[u8], secrets: &[&str]) -> String {
    // Mask before cutting: half a token is still half a secret.
    let text = mask(&String::from_utf8_lossy(&body[..body.len().min(SCANNED)]), secrets);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().find(|(at, c)| at + c.len_utf8() > MAX_QUOTED) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// A name for a message, unless it is too long to be one, or a key or a token in its place.
pub(crate) fn name(text: &str) -> &str {
    if text.len() > LONGEST_NAME || is_key_or_token(text) { MASK } else { text }
}

/// Whether a text is rather a private key or a token, given in place of something short.
pub(crate) fn is_key_or_token(text: &str) -> bool {
    // DER always begins so, and its Base64 may well have slashes.
    let is_der = text.len() > LONGEST_NAME && text.starts_with("MI") && !text.contains(['.', '-']);
    text.contains("-----BEGIN") || text.split('/').any(|part| part.starts_with("eyJ")) || is_der
}

/// A path for a message, unless it is rather the content of the file that should be named.
pub(crate) fn path(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_word = |part: &str| part.len() > MAX_FILE_NAME;
    if is_key_or_token(&text)
        || text.contains('"')
        || text.contains(char::is_control)
        || text.split('/').any(is_word)
    {
        return MASK.to_owned();
    }
    text.into_owned()
}

/// Whether anything of one of `secrets` stands in the text.
pub(crate) fn shows(text: &str, secrets: &[&str]) -> bool {
    !known(text, secrets).is_empty()
}

/// At most this much of a body is quoted, in bytes.
const MAX_QUOTED: usize = 256;

/// At most this much of a body is looked at, in bytes.
const SCANNED: usize = 16 * 1024;

/// Words longer than this with letters and digits mixed are taken for secrets.
const LONGEST_PLAIN_WORD: usize = 31;

/// So many bytes of a secret in a row are no coincidence: requests are quoted in part as well.
const RUN: usize = 8;

/// Algorithms, key types, PEM labels and client ids have shorter names, in bytes.
const LONGEST_NAME: usize = 24;

/// No common file system has longer names, in bytes.
const MAX_FILE_NAME: usize = 255;

pub(crate) const MASK: &str = "[masked]";

fn mask(text: &str, secrets: &[&str]) -> String {
    let text = text.replace(|c: char| c.is_control() && !c.is_whitespace(), "\u{fffd}");
    // Everything is looked for in the text as it came: one mask must not tear up what another
    // would have found.
    let mut ranges = known(&text, secrets);
    ranges.extend(token_values(&text));
    ranges.extend(secret_words(&text));
    ranges.sort_unstable_by_key(|range| range.start);
    let (mut masked, mut end) = (String::with_capacity(text.len()), 0);
    for range in ranges {
        if range.start > end || end == 0 {
            masked.push_str(&text[end..range.start]);
            masked.push_str(MASK);
        }
        end = end.max(range.end);
    }
    masked.push_str(&text[end..]);
    masked
}

/// Where parts of secrets stand: plain, with any characters escaped, or in Base64.
fn known(text: &str, secrets: &[&str]) -> Vec<Range<usize>> {
    let secrets = secrets.iter().filter(|secret| !secret.is_empty());
    let (short, long): (Vec<&str>, Vec<&str>) = secrets.partition(|secret| secret.len() < RUN);
    let mut runs = HashSet::new();
    for secret in long {
        add_runs(&mut runs, secret.as_bytes());
        // Base64 depends on where in the encoded text the secret begins.
        for start in 0..3 {
            let rest = &secret.as_bytes()[start..];
            add_runs(&mut runs, STANDARD_NO_PAD.encode(rest).as_bytes());
            add_runs(&mut runs, URL_SAFE_NO_PAD.encode(rest).as_bytes());
        }
    }
    let mut found = Vec::new();
    let plain = text.bytes().enumerate().map(|(at, byte)| Unit { byte, at, end: at + 1 });
    for units in [plain.collect(), unescaped(text)] {
        let bytes: Vec<u8> = units.iter().map(|unit| unit.byte).collect();
        let mut find = |len: usize, is_secret: &dyn Fn(&[u8]) -> bool| {
            let places = bytes.windows(len).enumerate().filter(|(_, window)| is_secret(window));
            // A client secret may have characters of several bytes, of which none is left in part.
            found.extend(places.map(|(at, _)| {
                let whole = |at: &usize| text.is_char_boundary(*at);
                let start = (0..=units[at].at).rev().find(whole).unwrap_or(0);
                start..(units[at + len - 1].end..).find(whole).unwrap_or(text.len())
            }));
        };
        find(RUN, &|window| <[u8; RUN]>::try_from(window).is_ok_and(|run| runs.contains(&run)));
        for secret in &short {
            find(secret.len(), &|window| window == secret.as_bytes());
        }
    }
    found
}

fn add_runs(runs: &mut HashSet<[u8; RUN]>, secret: &[u8]) {
    runs.extend(secret.windows(RUN).filter_map(|run| <[u8; RUN]>::try_from(run).ok()));
}

/// A byte, and what stands for it in a text.
struct Unit {
    byte: u8,
    at: usize,
    end: usize,
}

/// A text with the escapes of URLs, JSON and HTML resolved.
fn unescaped(text: &str) -> Vec<Unit> {
    let (mut units, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(&first) = text.as_bytes().get(at) {
        let (bytes, len) = match escape(&text.as_bytes()[at..]) {
            Some((Escaped::Byte(byte), len)) => (vec![byte], len),
            Some((Escaped::Char(char), len)) => (char.to_string().into_bytes(), len),
            None => (vec![first], 1),
        };
        units.extend(bytes.into_iter().map(|byte| Unit { byte, at, end: at + len }));
        at += len;
    }
    units
}

/// What an escape stands for.
enum Escaped {
    /// A byte, perhaps one of several of a character.
    Byte(u8),
    Char(char),
}

/// What the escape at the beginning of a text stands for, and its length.
fn escape(text: &[u8]) -> Option<(Escaped, usize)> {
    let number = |digits: &[u8], radix| {
        let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?;
        char::from_u32(code).filter(|char| *char > ' ').map(Escaped::Char)
    };
    match text {
        [b'%', high, low, ..] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let byte = ((digit(*high)? << 4) | digit(*low)?) as u8;
            (byte > b' ').then_some((Escaped::Byte(byte), 3))
        }
        [b'\\', b'u', digits @ ..] => Some((number(digits.get(..4)?, 16)?, 6)),
        [b'\\', b'/', ..] => Some((Escaped::Char('/'), 2)),
        [b'&', rest @ ..] => {
            let name = &rest[..rest.iter().take(MAX_ENTITY).position(|b| *b == b';')?];
            let char = match name {
                b"amp" => Escaped::Char('&'),
                b"lt" => Escaped::Char('<'),
                b"gt" => Escaped::Char('>'),
                [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
                [b'#', digits @ ..] => number(digits, 10)?,
                _ => return None,
            };
            Some((char, name.len() + 2))
        }
        _ => None,
    }
}

/// No name of an HTML entity for an ASCII character that we look for is longer, in bytes.
const MAX_ENTITY: usize = 8;

/// The value of every JSON member and form field whose name ends in `token`, however short it is.
fn token_values(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices("token").filter_map(|(at, name)| {
        let after = at + name.len();
        let unquoted = text[after..].trim_start_matches(['"', '\'', '\\']);
        let value = match unquoted.len() < text[after..].len() {
            true => unquoted.trim_start().strip_prefix(':')?,
            false => unquoted.strip_prefix('=')?,
        };
        let value = value.trim_start_matches(is_before_value);
        let len = value.find(|c: char| c.is_whitespace() || "\"'&,<>{}[]\\".contains(c));
        let start = text.len() - value.len();
        let end = len.map_or(text.len(), |len| start + len);
        (start < end).then_some(start..end)
    })
}

fn is_before_value(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | '[')
}

/// Words that look like tokens.
fn secret_words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let words = text.split(|c| !is_token_char(c)).filter(|word| looks_secret(word));
    words.map(|word| {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        start..start + word.len()
    })
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+' | '=')
}

fn looks_secret(word: &str) -> bool {
    let jwt = word.starts_with("eyJ") && word.len() > 16;
    let random = word.len() > LONGEST_PLAIN_WORD
        && word.bytes().any(|b| b.is_ascii_digit())
        && word.bytes().any(|b| b.is_ascii_alphabetic());
    jwt || random
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_look_alikes_are_masked() {
        for (name, body, secrets, quoted) in [
            ("known", "echo: ab+c!", &["ab+c"][..], "echo: [masked]!"),
            ("known and form-encoded", "token=ab%2Bc", &["ab+c"][..], "token=[masked]"),
            ("known in part", "token=ab+cdefgh…", &["ab+cdefghij"], "token=[masked]"),
            ("known, in JSON", r"x ab\/cdef\u0067h", &["ab/cdefgh"], "x [masked]"),
            ("known, in HTML", "x ab&#x2F;cd&#43;ef&amp;gh", &["ab/cd+ef&gh"], "x [masked]"),
            ("known, in Base64", "x eHhhYi9jZGVmZ2g=", &["ab/cdefgh"], "x eHhh[masked]="),
            ("known and short", "a1 b a1", &["a1"], "[masked] b [masked]"),
            (
                "known, not ASCII",
                "x pä\u{1f511}ss\u{e9}! y",
                &["pä\u{1f511}ss\u{e9}!"],
                "x [masked] y",
            ),
            (
                "known in part, not ASCII",
                "x \u{e9}\u{e9}\u{e9}\u{e9}y",
                &["\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}"],
                "x [masked]y",
            ),
            (
                "known, not ASCII, in a form",
                "x %C3%A9a%c3%A9b%C3%A9 y",
                &["\u{e9}a\u{e9}b\u{e9}"],
                "x [masked] y",
            ),
            (
                "known, not ASCII, in JSON",
                r"x \u00e9a\u00E9b\u00e9 y",
                &["\u{e9}a\u{e9}b\u{e9}"],
                "x [masked] y",
            ),
            (
                "known, not ASCII, in HTML",
                "x &#233;a&#xE9;b&#233; y",
                &["\u{e9}a\u{e9}b\u{e9}"],
                "x [masked] y",
            ),
            (
                "known, not ASCII, in Base64",
                "x w6lhw6liw6k= y",
                &["\u{e9}a\u{e9}b\u{e9}"],
                "x [masked]= y",
            ),
            ("one in the other", "x ab+cdefgh", &["e", "ab+cdefgh"], "x [masked]"),
            ("a JWT", "got eyJhbGciOiJSUzI1NiJ9.e30.c2ln here", &[], "got [masked] here"),
            ("a long random word", "id 00a1b2c3d4e5f60718293a4b5c6d7e8f", &[], "id [masked]"),
            (
                "a long plain word",
                "client_credentials_self_scope_requested",
                &[],
                "client_credentials_self_scope_requested",
            ),
            (
                "a short token",
                r#"{"access_token" : "abc","x":1}"#,
                &[],
                r#"{"access_token" : "[masked]","x":1}"#,
            ),
            ("a token cut off", r#"{"id_token":"abc"#, &[], r#"{"id_token":"[masked]"#),
            ("a token in a form", "access_token=abc&x=1", &[], "access_token=[masked]&x=1"),
            ("a name and no value", r#"the "token" is"#, &[], r#"the "token" is"#),
            ("markup on lines", "<html>\n  <b>no</b>\r\n", &[], "<html> <b>no</b>"),
            ("control characters", "a\u{1b}[31mb", &[], "a\u{fffd}[31mb"),
        ] {
            assert_eq!(excerpt(body.as_bytes(), secrets), quoted, "{name}");
        }
    }

    #[test]
    fn quotes_end_at_256_bytes_and_never_inside_a_character() {
        let quoted = excerpt("é".repeat(300).as_bytes(), &[]);
        assert_eq!(quoted.trim_end_matches('…').len(), 256);
        assert_eq!(excerpt(&[b'a'; 256], &[]).len(), 256);
    }

    #[test]
    fn a_secret_across_the_cut_is_masked_whole() {
        let body = format!("{} s3cr3t-s3cr3t", "x ".repeat(125));
        assert!(!excerpt(body.as_bytes(), &["s3cr3t-s3cr3t"]).contains("s3cr"));
    }
}
