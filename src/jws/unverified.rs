//! What a JWT says of itself, unverified: for routes and refusals, never for trust.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::support::json::{JsonFault, Node, Object};

/// What a JWT claims about itself, as far as it matters before it is verified.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Claims {
    pub(crate) iss: Option<String>,
    pub(crate) exp: Option<f64>,
}

/// The claims are there, and are no statement: a list, a member twice, or an `iss` that is no text.
/// Another reader may find any issuer in them.
#[derive(Debug, PartialEq)]
pub(crate) struct Unreadable;

impl Claims {
    /// Reads the payload of what looks like a signed JWT; `None` for everything else, which is then
    /// taken to be opaque.
    pub(crate) fn peek(text: &str) -> Result<Option<Self>, Unreadable> {
        let mut segments = text.split('.');
        let parts = (segments.next(), segments.next(), segments.next(), segments.next());
        let (Some(header), Some(payload), Some(_signature), None) = parts else { return Ok(None) };
        let Ok(payload) = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')) else {
            return Ok(None);
        };
        match Object::parse(&payload) {
            Ok(claims) => Self::of(&claims).map(Some),
            Err(JsonFault::Syntax) => Ok(None),
            // Digits may stand in an opaque token; before them there is no `{` in base64url.
            Err(JsonFault::NotAnObject) if !header.starts_with('e') => Ok(None),
            Err(_) => Err(Unreadable),
        }
    }

    fn of(claims: &Object<'_>) -> Result<Self, Unreadable> {
        let iss = match claims.get("iss") {
            None | Some(Node::Null) => None,
            Some(iss) => Some(iss.as_text().ok_or(Unreadable)?.to_owned()),
        };
        let exp = match claims.get("exp") {
            Some(Node::Number(exp)) => exp.as_f64(),
            _ => None,
        };
        Ok(Self { iss, exp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peek(payload: &str) -> Result<Option<Claims>, Unreadable> {
        Claims::peek(&format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(payload)))
    }

    #[test]
    fn claims_are_read_or_absent_or_no_statement() {
        let claims = |iss: Option<&str>, exp| Ok(Some(Claims { iss: iss.map(str::to_owned), exp }));
        for (payload, expected) in [
            (r#"{"iss":"a","exp":1.5}"#, claims(Some("a"), Some(1.5))),
            (r#"{"iss":"a","exp":"soon"}"#, claims(Some("a"), None)),
            (r#"{"iss":null}"#, claims(None, None)),
            ("{}", claims(None, None)),
            ("no JSON", Ok(None)),
            (r#"{"iss":"a","iss":"a"}"#, Err(Unreadable)),
            (r#"{"sub":1,"sub":1}"#, Err(Unreadable)),
            (r#"{"iss":1}"#, Err(Unreadable)),
            (r#"{"iss":["a"]}"#, Err(Unreadable)),
            (r#"[{"iss":"a"}]"#, Err(Unreadable)),
            ("1", Err(Unreadable)),
        ] {
            assert_eq!(peek(payload), expected, "{payload}");
        }
        for text in ["", "opaque", "a.b", "a.MQ.c", "eyJh.!.c", "eyJh.e30.c.d", "eyJh.a.b.c.d"] {
            assert_eq!(Claims::peek(text), Ok(None), "{text}");
        }
        // Some writers keep the padding.
        assert_eq!(Claims::peek("eyJh.eyJpc3MiOiJhIn0=.c"), claims(Some("a"), None));
    }
}
