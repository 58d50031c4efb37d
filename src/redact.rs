//! Quotes foreign text in messages without letting secrets through.

/// The first bytes of an unexpected body, on one line, with everything masked that is one of
/// `secrets` or looks like a token.
pub(crate) fn excerpt(body: &[u8], secrets: &[&str]) -> String {
    // Mask before cutting: half a token is still half a secret.
    let text = mask(&String::from_utf8_lossy(&body[..body.len().min(SCANNED)]), secrets);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().find(|(at, c)| at + c.len_utf8() > MAX_QUOTED) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// At most this much of a body is quoted, in bytes.
const MAX_QUOTED: usize = 256;

/// At most this much of a body is looked at, in bytes.
const SCANNED: usize = 16 * 1024;

/// Words longer than this with letters and digits mixed are taken for secrets.
const LONGEST_PLAIN_WORD: usize = 31;

fn mask(text: &str, secrets: &[&str]) -> String {
    let mut text = text.replace(|c: char| c.is_control() && !c.is_whitespace(), "\u{fffd}");
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, MASK);
        let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        text = text.replace(&encoded, MASK);
    }
    let text = mask_token_members(&text);
    let mut masked = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(start) = rest.find(is_token_char) {
        let (before, word) = rest.split_at(start);
        let end = word.find(|c| !is_token_char(c)).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        masked.push_str(before);
        masked.push_str(if looks_secret(word) { MASK } else { word });
        rest = after;
    }
    masked.push_str(rest);
    masked
}

/// Masks the value of every JSON member whose name ends in `token`, however short it is.
fn mask_token_members(text: &str) -> String {
    const NAME_END: &str = "token\"";
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(NAME_END) {
        let (before, after) = rest.split_at(at + NAME_END.len());
        masked.push_str(before);
        rest = after;
        let value = after
            .trim_start()
            .strip_prefix(':')
            .and_then(|value| value.trim_start().strip_prefix('"'));
        if let Some(value) = value {
            masked.push_str(":\"");
            masked.push_str(MASK);
            rest = value.find('"').map_or("", |end| &value[end..]);
        }
    }
    masked.push_str(rest);
    masked
}

const MASK: &str = "[masked]";

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
                r#"{"access_token":"[masked]","x":1}"#,
            ),
            ("a token cut off", r#"{"id_token":"abc"#, &[], r#"{"id_token":"[masked]"#),
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
