//! Which notation a key's text is in, whatever files, variables and vaults did to it on the way.

use zeroize::Zeroizing;

use base64::Engine as _;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::base64::{BASE64, BASE64_URL};
use super::pem;

/// What the bytes of a key are.
pub(super) enum Notation {
    /// White space, or nothing.
    Empty,
    /// No text: DER, or a key store.
    Binary,
    /// A PEM somewhere in this text.
    Pem(Zeroizing<String>),
    /// A text that is, or begins as, a JSON object.
    Json(Zeroizing<String>),
    /// The bytes of which the text is the Base64.
    Encoded(Zeroizing<Vec<u8>>),
    /// A text with both a JWK and a private key in PEM.
    Several,
    /// Another text.
    Unknown(Zeroizing<String>),
}

/// Finds the notation out. A byte order mark and one pair of quotes are taken off, and line breaks
/// that were written out are put back.
pub(super) fn recognise(bytes: &[u8]) -> Notation {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Notation::Empty;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Zeroizing::new(text.to_owned()),
        // Names in attributes around a key may be in another encoding; the key itself is ASCII.
        Err(_) if !bytes.contains(&0) => {
            let text = Zeroizing::new(String::from_utf8_lossy(bytes).into_owned());
            match pem::is_in(&text) || jwks_in(&text).is_some() {
                true => text,
                false => return Notation::Binary,
            }
        }
        _ => return Notation::Binary,
    };
    let text = unquoted(text.trim());
    match (jwks_in(&text), pem::holds_key(&text)) {
        (Some(_), true) => return Notation::Several,
        (Some(jwks), false) => return Notation::Json(jwks),
        (None, _) => {}
    }
    if text.starts_with('{') {
        return Notation::Json(with_breaks(text));
    }
    if text.starts_with('[') {
        return Notation::Json(with_breaks(set_of(&text)));
    }
    if pem::is_in(&text) {
        return Notation::Pem(text);
    }
    match decoded(&text) {
        Some(bytes) => Notation::Encoded(bytes),
        None => Notation::Unknown(text),
    }
}

/// The JWKs, or JWK Sets, that stand among other text, such as certificates: the only one, or all of
/// them as one set. What begins as JSON is only looked at for what follows it.
fn jwks_in(text: &str) -> Option<Zeroizing<String>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text.as_bytes()[at..].iter().position(|byte| *byte == b'{') {
        at += next;
        match jwk_at(&text[at..]) {
            Ok(jwk) => {
                found.push(jwk);
                at += jwk.len();
            }
            // The inner object of a damaged set is not the key that was given.
            Err(_) if at == 0 => return None,
            // What was read is not read again: a text of nothing but braces would take hours.
            Err(read) => at += read.max(1),
        }
    }
    match found.as_slice() {
        [] => None,
        [only] => Some(Zeroizing::new((*only).to_owned())),
        several => {
            let mut list = Zeroizing::new(String::with_capacity(text.len() + 2));
            for (at, jwk) in several.iter().enumerate() {
                list.push(if at == 0 { '[' } else { ',' });
                list.push_str(jwk);
            }
            list.push(']');
            Some(set_of(&list))
        }
    }
}

/// The JSON at the beginning of the text, if it is a JWK or a set of them; how much of the text is
/// something else if not.
fn jwk_at(text: &str) -> Result<&str, usize> {
    #[derive(Deserialize)]
    struct Jwk {
        kty: Option<IgnoredAny>,
        keys: Option<IgnoredAny>,
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Jwk>();
    match values.next() {
        Some(Ok(jwk)) if jwk.kty.is_some() || jwk.keys.is_some() => {
            Ok(&text[..values.byte_offset()])
        }
        Some(Err(fault)) => Err(before(text, &fault)),
        Some(Ok(_)) | None => Err(values.byte_offset()),
    }
}

/// How many bytes precede the one at which JSON ended to be JSON.
fn before(text: &str, fault: &serde_json::Error) -> usize {
    let lines = text.split_inclusive('\n').take(fault.line().saturating_sub(1));
    let whole_lines: usize = lines.map(str::len).sum();
    whole_lines.saturating_add(fault.column()).saturating_sub(1)
}

/// A JWK Set of a list without a name.
fn set_of(list: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("{{\"keys\":{list}}}"))
}

/// Whether these are the bytes of a key, in whatever state, and not a path or another text.
pub(super) fn is_key(bytes: &[u8]) -> bool {
    match recognise(bytes) {
        Notation::Pem(_) | Notation::Json(_) | Notation::Several => true,
        Notation::Encoded(inner) => is_key(&inner),
        // Paths may be Base64 by chance; what they decode to is hardly ever DER.
        Notation::Binary => bytes.starts_with(DER),
        Notation::Empty | Notation::Unknown(_) => false,
    }
}

/// Without one pair of quotes, and without the escapes that double quotes bring.
pub(super) fn unquoted(text: &str) -> Zeroizing<String> {
    let inner = ['"', '\'', '`'].into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        if quote != '"' {
            return Some(inner.to_owned());
        }
        Some(serde_json::from_str(text).unwrap_or_else(|_| inner.to_owned()))
    });
    let inner = Zeroizing::new(inner.unwrap_or_else(|| text.to_owned()));
    Zeroizing::new(inner.trim().to_owned())
}

/// JSON whose line breaks or quotes were escaped once too often.
fn with_breaks(json: Zeroizing<String>) -> Zeroizing<String> {
    let is_json = serde_json::from_str::<IgnoredAny>(&json).is_ok();
    if is_json || !json.contains('\\') {
        return json;
    }
    let mut plain = Zeroizing::new(String::with_capacity(json.len()));
    let mut rest = json.as_str();
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = rest[at..].trim_start_matches('\\');
        if rest.starts_with(['n', 'r', 't']) {
            plain.push('\n');
            rest = &rest[1..];
        }
    }
    plain.push_str(rest);
    plain
}

/// The bytes of which the text is the Base64, in lines or not, if they are enough for a key.
fn decoded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    const SHORTEST_KEY: usize = 48;
    let mut word = Zeroizing::new(String::with_capacity(text.len()));
    word.extend(text.split_ascii_whitespace());
    if word.len() < SHORTEST_KEY {
        return None;
    }
    let engine = if word.contains(['-', '_']) { &BASE64_URL } else { &BASE64 };
    engine.decode(word.as_bytes()).ok().map(Zeroizing::new)
}

/// How every key in DER begins: with the tag of a SEQUENCE.
pub(super) const DER: &[u8] = &[0x30];

/// The mark that some editors and shells write before UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jwks_are_found_among_other_text_and_a_second_key_beside_them_is_seen() {
        let json = |text: &str| match recognise(text.as_bytes()) {
            Notation::Json(json) => json.to_string(),
            Notation::Several => "several".to_owned(),
            _ => "no JSON".to_owned(),
        };
        let (public, private) = (r#"{"kty":"EC","x":"{"}"#, r#"{"kty":"EC","d":{}}"#);
        let pem = include_str!("../../keys/sample-p256.pem");
        let set = format!(r#"{{"keys":[{public},{private}]}}"#);
        for (text, expected) in [
            (format!("Attributes {{a}}\n{private}\nend"), private),
            (format!("{public}\n{private}"), set.as_str()),
            (format!("-----BEGIN CERTIFICATE-----\n{set}"), &set),
            (format!("{pem}{private}"), "several"),
            (format!("{private}{pem}"), "several"),
            // What is damaged is not mended by a part of it.
            (set[..set.len() - 2].to_owned(), &set[..set.len() - 2]),
            (format!("a {{b}} {{{pem}"), "no JSON"),
            (format!("a {{\"b\" {private}"), private),
            (format!("é {{\"b\":\n{{}},\né{private}"), private),
        ] {
            assert_eq!(json(&text), expected, "{text}");
        }
    }

    #[test_support::test]
    async fn a_text_of_many_braces_is_read_once() {
        let many = 1 << 17;
        let (open, close) = (r#"{"a":"#.repeat(many), "}".repeat(many));
        for end in ["", "!", &format!("1{close}")] {
            assert!(jwks_in(&format!("x{open}{end}")).is_none());
        }
    }

    #[test]
    fn a_key_is_told_from_the_path_of_one() {
        let pem = include_str!("../../keys/sample-p256.pem");
        let encode = |text: &str| BASE64.encode(text);
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        for key in [pem, &encode(pem), &encode(&encode(pem)), &body, "\u{feff}{\"kty\":1}", "[{}]"]
        {
            assert!(is_key(key.as_bytes()), "{key}");
        }
        let long = "srv/keys/of/the/service/app/that/introspects/tokens/2026";
        for path in
            ["", "/etc/key.pem", "~/.okta/key.pem", "key", long, "C:\\keys\\app.pem", "null"]
        {
            assert!(!is_key(path.as_bytes()), "{path}");
        }
    }
}
