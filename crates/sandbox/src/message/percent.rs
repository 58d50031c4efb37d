//! Percent encoding in paths.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A path or a part of it without its percent encoding; what cannot be decoded stays as it is.
pub(crate) fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8().unwrap_or(Cow::Borrowed(text))
}

/// The path as a DPoP proof must name it. Okta decodes it, but for `%`, blank, `"` and `#`, so that
/// `%40` for `@` is refused. What would be read as something else if it were decoded stays encoded
/// too, in capitals: `?`, slashes of both kinds, dots and control characters. A path that is no
/// UTF-8 when it is decoded is taken as it is.
pub(crate) fn plainly(path: &str) -> String {
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |at: usize| char::from(*tail.get(at)?).to_digit(16);
        let escaped = digit(0).zip(digit(1)).filter(|_| *first == b'%');
        let byte = escaped.map_or(*first, |(high, low)| (high * 16 + low) as u8);
        let separates = escaped.is_none() && matches!(byte, b'/' | b'.');
        match stays_encoded(byte) && !separates {
            true => plain.extend(format!("%{byte:02X}").bytes()),
            false => plain.push(byte),
        }
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(plain).unwrap_or_else(|_| path.to_owned())
}

fn stays_encoded(byte: u8) -> bool {
    byte.is_ascii_control() || b"% \"#?/\\.".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn paths_are_decoded_where_they_can_be() {
        for (segment, text) in [
            ("00u1", "00u1"),
            ("ada%40example.test", "ada@example.test"),
            ("a+b", "a+b"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("%+4", "%+4"),
            ("%ff", "%ff"),
        ] {
            assert_eq!(decoded(segment), text);
        }
    }
}
