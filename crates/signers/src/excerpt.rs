//! What a program or a server says, as far as it can be shown.

/// How much of a text is shown, in characters.
const MAX_SHOWN: usize = 400;

/// The shortest word that is masked: a signature, a signing input, a token, a line of a key. Words of
/// messages are shorter.
const MIN_MASKED: usize = 20;

/// The text in one line and bounded, without what would move a terminal's cursor, and with each word
/// masked that may be a secret or what was to be signed.
pub(crate) fn excerpt(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut shown = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !shown.is_empty() {
            shown.push(' ');
        }
        push_masked(word, &mut shown);
        if shown.chars().count() > MAX_SHOWN {
            let end = shown.char_indices().nth(MAX_SHOWN).map_or(shown.len(), |(at, _)| at);
            shown.truncate(end);
            shown.push('…');
            break;
        }
    }
    shown
}

/// Runs of the characters that Base64, base64url and tokens have, unless they are a path's or a
/// sentence's.
fn push_masked(word: &str, shown: &mut String) {
    let is_of_secret = |c: char| c.is_ascii_alphanumeric() || "-_+=.~/".contains(c);
    let mut rest = word;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_of_secret(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        match may_be_secret(run) {
            true => shown.push_str("[masked]"),
            false => shown.push_str(run),
        }
        let next = after.chars().next();
        // Marks that turn the direction of writing are no controls.
        shown.extend(next.filter(|c| !is_of_direction(*c)));
        rest = &after[next.map_or(0, char::len_utf8)..];
    }
}

fn may_be_secret(run: &str) -> bool {
    let part_is_long = |part: &str| {
        let is_word =
            part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte == b'_');
        part.len() >= MIN_MASKED && !is_word
    };
    // A path's parts are short, but for words; Base64 has slashes, too, but further apart.
    match run.starts_with('/') || run.starts_with("./") {
        true => run.split('/').any(part_is_long),
        false => part_is_long(run),
    }
}

fn is_of_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_stay_and_what_may_be_secret_does_not() {
        let input = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiIwb2ExIn0";
        for (text, shown) in [
            ("no such slot: 7\n", "no such slot: 7"),
            (
                "cannot load /usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so: gone",
                "cannot load /usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so: gone",
            ),
            ("CKR_PIN_INCORRECT", "CKR_PIN_INCORRECT"),
            ("a\x1b[2Jb\r\nc\u{202e}d", "a [2Jb cd"),
            (&format!("+ sign '{input}'"), "+ sign '[masked]'"),
            (&format!("token={input}"), "[masked]"),
            ("MHcCAQEEIBkg4LVWM9nuwNSk3yByxZpYRTBnVJk/oAoGCCqGSM49AwEHoUQDQgAE", "[masked]"),
            ("\"hvs.CAESIJ1wMyJqRRdRF0\"", "\"[masked]\""),
            (
                "permission-denied-by-policy-of-the-mount",
                "permission-denied-by-policy-of-the-mount",
            ),
            ("", ""),
        ] {
            assert_eq!(excerpt(text.as_bytes()), shown);
        }
        let long = excerpt("word ".repeat(100_000).as_bytes());
        assert_eq!(long.chars().count(), MAX_SHOWN + 1);
        assert!(!excerpt(&[0xff, 0xfe, 0]).contains('\0'));
    }
}
