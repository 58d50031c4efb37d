//! Reads the token of a request from its `Authorization` header.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// What a request brings along.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Credentials<'a> {
    /// Nothing that concerns us: no header, or one of another scheme.
    None,
    /// `Authorization: Bearer …`.
    Bearer(&'a str),
    /// `Authorization: DPoP …`, and the proof, if there is one.
    Dpop(&'a str, Option<&'a str>),
    /// Two of something of which there must be one, or a scheme without one token after it.
    Malformed,
}

impl<'a> Credentials<'a> {
    /// The token, if there is one.
    pub(super) fn token(self) -> Option<&'a str> {
        match self {
            Self::Bearer(token) | Self::Dpop(token, _) => Some(token),
            Self::None | Self::Malformed => None,
        }
    }
}

/// Reads what a request brings along.
pub(super) fn credentials(headers: &HeaderMap) -> Credentials<'_> {
    let header = match sole(headers, &AUTHORIZATION) {
        Ok(Some(header)) => header,
        Ok(None) => return Credentials::None,
        Err(Twice) => return Credentials::Malformed,
    };
    // A header that is not text is no credential of ours.
    let Ok(text) = std::str::from_utf8(header.as_bytes()) else { return Credentials::Malformed };
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    let is_dpop = match scheme {
        scheme if scheme.eq_ignore_ascii_case("Bearer") => false,
        scheme if scheme.eq_ignore_ascii_case("DPoP") => true,
        _ => return Credentials::None,
    };
    // RFC 9110 §11.4 lets several blanks stand between the two.
    let token = token.trim_matches(' ');
    if token.is_empty() || !is_one_word(token) {
        return Credentials::Malformed;
    }
    if !is_dpop {
        return Credentials::Bearer(token);
    }
    // RFC 9449 §4.3, check 1: not more than one.
    match sole(headers, &DPOP) {
        Ok(proof) => Credentials::Dpop(token, proof.and_then(|proof| proof.to_str().ok())),
        Err(Twice) => Credentials::Malformed,
    }
}

/// Whether it is visible ASCII without a comma, which would make a list of it.
fn is_one_word(text: &str) -> bool {
    // All of it, without stopping early: so the compiler can look at many bytes at once.
    text.bytes().fold(true, |word, byte| word & byte.is_ascii_graphic() & (byte != b','))
}

struct Twice;

fn sole<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Twice> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(Twice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_the_header_is_taken_for_what_it_is() {
        for (name, lines, expected) in [
            ("nothing", &[][..], Credentials::None),
            ("bearer", &[("authorization", "Bearer abc")], Credentials::Bearer("abc")),
            ("any case", &[("authorization", "bEARER abc")], Credentials::Bearer("abc")),
            ("blanks", &[("authorization", "Bearer   abc ")], Credentials::Bearer("abc")),
            ("basic", &[("authorization", "Basic YTpi")], Credentials::None),
            ("a longer word", &[("authorization", "BearerX abc")], Credentials::None),
            ("no token", &[("authorization", "Bearer")], Credentials::Malformed),
            ("blank token", &[("authorization", "Bearer ")], Credentials::Malformed),
            ("two in one", &[("authorization", "Bearer a b")], Credentials::Malformed),
            ("a list", &[("authorization", "Bearer a,Bearer")], Credentials::Malformed),
            (
                "twice",
                &[("authorization", "Bearer a"), ("authorization", "Bearer a")],
                Credentials::Malformed,
            ),
            (
                "two schemes",
                &[("authorization", "Basic a"), ("authorization", "Bearer a")],
                Credentials::Malformed,
            ),
            (
                "proof",
                &[("authorization", "DPoP a"), ("dpop", "p")],
                Credentials::Dpop("a", Some("p")),
            ),
            ("no proof", &[("authorization", "DPoP a")], Credentials::Dpop("a", None)),
            (
                "two proofs",
                &[("authorization", "DPoP a"), ("dpop", "p"), ("dpop", "q")],
                Credentials::Malformed,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(credentials(&headers), expected, "{name}");
        }
    }

    #[test]
    fn what_is_no_visible_ascii_is_no_token() {
        for line in ["Bearer a\tb", "Bearer \u{e9}", "\u{e9}"]
            .map(str::as_bytes)
            .into_iter()
            .chain([&b"Bearer \xff"[..]])
        {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_bytes(line).unwrap());
            let expected = if line == "\u{e9}".as_bytes() {
                Credentials::None
            } else {
                Credentials::Malformed
            };
            assert_eq!(credentials(&headers), expected, "{line:?}");
        }
    }
}
