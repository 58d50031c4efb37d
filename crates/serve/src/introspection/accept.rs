//! Which form of answer a reader wants.

use http::HeaderMap;
use http::header::ACCEPT;

/// The media type of a signed answer
/// ([RFC 9701 §4](https://www.rfc-editor.org/rfc/rfc9701#section-4)).
pub(super) const JWT: &str = "application/token-introspection+jwt";

const JSON: &str = "application/json";

/// Whether the answer is to be signed: its media type is named, and JSON is not named with a
/// greater weight ([RFC 9110 §12.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1)). A
/// wildcard asks for nothing in particular, and gets JSON.
pub(super) fn wants_jwt(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let (mut jwt, mut json) = (0, 0);
    for range in lines.flat_map(|line| line.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let weight = parts.find_map(weight).unwrap_or(1000);
        if media_type.eq_ignore_ascii_case(JWT) {
            jwt = weight;
        } else if media_type.eq_ignore_ascii_case(JSON) {
            json = weight;
        }
    }
    jwt > 0 && jwt >= json
}

/// A weight in thousandths; what is malformed is none.
fn weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    let value: f32 = name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse())?.ok()?;
    // From 0 to 1000, and 0 for what is no number.
    Some((value.clamp(0.0, 1.0) * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn an_answer_is_signed_where_that_is_asked_for_by_name() {
        let both = "application/json, application/token-introspection+jwt";
        for (lines, expected) in [
            (&[][..], false),
            (&["*/*"], false),
            (&["application/*"], false),
            (&["application/json"], false),
            (&[JWT], true),
            (&["Application/Token-Introspection+JWT"], true),
            (&["application/token-introspection+jwt;q=0"], false),
            (&["application/token-introspection+jwt; q=0.0"], false),
            (&["application/token-introspection+jwt; q=NaN"], false),
            (&["application/token-introspection+jwt;q=0.5, */*"], true),
            (&[both], true),
            (&["application/json;q=0.9, application/token-introspection+jwt"], true),
            (&["application/json, application/token-introspection+jwt;q=0.9"], false),
            (&["application/json;q=0.5", "application/token-introspection+jwt;q=0.6"], true),
            (&["application/jwt"], false),
            (&["application/token-introspection+jwt-x"], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(ACCEPT, HeaderValue::from_static(line));
            }
            assert_eq!(wants_jwt(&headers), expected, "{lines:?}");
        }
    }
}
