//! Which notation a key's text is in, whatever files, variables and vaults did to it on the way.

use zeroize::Zeroizing;

use base64::Engine as _;

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
        // Names in attributes around a PEM may be in another encoding; the PEM is ASCII.
        Err(_) if pem::is_in(&String::from_utf8_lossy(bytes)) && !bytes.contains(&0) => {
            Zeroizing::new(String::from_utf8_lossy(bytes).into_owned())
        }
        _ => return Notation::Binary,
    };
    let text = unquoted(text.trim());
    if text.starts_with('{') {
        return Notation::Json(with_breaks(text));
    }
    if text.starts_with('[') {
        // The list of a JWK Set, without its name.
        return Notation::Json(with_breaks(Zeroizing::new(format!("{{\"keys\":{}}}", &*text))));
    }
    if pem::is_in(&text) {
        return Notation::Pem(text);
    }
    if let Some(bytes) = decoded(&text) {
        return Notation::Encoded(bytes);
    }
    match (text.find('{'), text.rfind('}')) {
        (Some(start), Some(end)) if start < end && text[start..].contains("\"kty\"") => {
            Notation::Json(Zeroizing::new(text[start..=end].to_owned()))
        }
        _ => Notation::Unknown(text),
    }
}

/// Whether these are the bytes of a key, in whatever state, and not a path or another text.
pub(super) fn is_key(bytes: &[u8]) -> bool {
    match recognise(bytes) {
        Notation::Pem(_) | Notation::Json(_) => true,
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
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok();
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
