//! Text of others on a terminal: what could move the cursor, hide a line or turn its direction round
//! becomes visible.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a terminal may act on the character instead of showing it: control characters, and those
/// that turn the direction of writing round or end a line.
pub(crate) fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// JSON with active characters as escapes: the same JSON. Outside of strings it has none but white
/// space, which stays.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_foreign) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_foreign(c) {
            // All of them have one unit in UTF-16. Writing to a String cannot fail.
            true => _ = write!(escaped, "\\u{:04x}", u32::from(c)),
            false => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Text with a sign in place of each active character. Line breaks and tabs stay, and so do colours,
/// which are ours.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_foreign) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let colour = colour(rest);
        match colour {
            0 if is_foreign(c) => shown.push(char::REPLACEMENT_CHARACTER),
            0 => shown.push(c),
            length => shown.push_str(&rest[..length]),
        }
        rest = &rest[colour.max(c.len_utf8())..];
    }
    Cow::Owned(shown)
}

/// Active, and no white space of a text.
fn is_foreign(c: char) -> bool {
    is_active(c) && !matches!(c, '\n' | '\r' | '\t')
}

/// The length of the colour sequence with which the text begins; 0 if it begins with another.
fn colour(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("\u{1b}[") else { return 0 };
    let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b';').count();
    match rest.as_bytes().get(digits) {
        Some(b'm') => "\u{1b}[".len() + digits + 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything a terminal may act on.
    fn active() -> impl Iterator<Item = char> {
        let ranges = ['\0'..='\u{1f}', '\u{7f}'..='\u{9f}', '\u{202a}'..='\u{202e}'];
        ranges.into_iter().flatten().chain('\u{2066}'..='\u{2069}').chain(['\u{200f}', '\u{2028}'])
    }

    #[test]
    fn json_is_the_same_and_nothing_in_it_is_active() {
        for c in active() {
            let value = serde_json::json!({ "a\u{7f}": format!("x{c}y") });
            let text = value.to_string();
            let shown = json(&text);
            assert!(!shown.chars().any(is_active), "{c:?}: {shown}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }
        assert!(matches!(json("{\"a\":\n\t\"ä‽\"}"), Cow::Borrowed(_)));
    }

    #[test]
    fn text_keeps_its_lines_and_colours_and_nothing_else_that_is_active() {
        for c in active().filter(|c| !matches!(c, '\n' | '\r' | '\t')) {
            assert_eq!(plain(&format!("a{c}b")), "a\u{fffd}b", "{c:?}");
        }
        let ours = "\u{1b}[1m\u{1b}[32mactive\u{1b}[0m\n\tx";
        assert_eq!(plain(ours), ours);
        assert_eq!(plain("\u{1b}[2Jx\u{1b}]0;t\u{7}"), "\u{fffd}[2Jx\u{fffd}]0;t\u{fffd}");
        assert_eq!(plain("\u{1b}[31"), "\u{fffd}[31");
    }
}
