//! Decodes a JWT without verifying it: for display and hints, never for trust.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

/// The unverified header and claims of a JWT.
#[derive(Debug, Serialize)]
pub(crate) struct Unverified {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
}

impl Unverified {
    /// Decodes the first two parts of a signed JWT; `None` if the text is something else.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        match parts.next() {
            Some(_) => None,
            None => Some(Self { header: object(header)?, claims: object(claims)? }),
        }
    }
}

/// Whether the text begins like a JWT and is none, or has a signature that its algorithm cannot have
/// made: most often it was cut off.
pub(crate) fn is_damaged(text: &str) -> bool {
    let Some(jwt) = Unverified::decode(text) else {
        // Encrypted ones have five parts.
        return text.starts_with("eyJ") && text.split('.').count() != 5;
    };
    let signature = text.rsplit('.').next().unwrap_or_default();
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature.trim_end_matches('=')) else {
        return true;
    };
    match jwt.header.get("alg").and_then(Value::as_str).unwrap_or_default() {
        "ES256" => signature.len() != 64,
        "ES384" => signature.len() != 96,
        "ES512" => signature.len() != 132,
        // As long as the modulus, of 2048 bits or more.
        alg if alg.starts_with("RS") || alg.starts_with("PS") => signature.len() < 256,
        _ => false,
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let json = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_off_is_no_whole_jwt() {
        let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
        for (alg, length) in [("ES256", 64), ("ES384", 96), ("ES512", 132), ("RS256", 256)] {
            let header = part(&format!(r#"{{"alg":"{alg}"}}"#));
            let whole = format!("{header}.e30.{}", URL_SAFE_NO_PAD.encode(vec![1; length]));
            assert!(!is_damaged(&whole), "{alg}");
            for cut in [1, 2, 3, 4, 100] {
                let cut = whole.len().saturating_sub(cut).max(header.len());
                assert!(is_damaged(&whole[..cut]), "{alg} {cut}");
            }
        }
        for text in ["opaque", "a.b.c", "eyJx.a.b.c.d", "eyJhbGciOiJub25lIn0.e30."] {
            assert!(!is_damaged(text), "{text}");
        }
    }

    #[test]
    fn only_three_parts_of_which_two_are_objects_are_a_jwt() {
        let jwt = Unverified::decode("eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.").unwrap();
        assert_eq!(jwt.claims["iss"], "x");
        assert_eq!(jwt.header["alg"], "none");
        for text in ["", "opaque", "e30.e30", "e30.e30.x.x", "e30.W10.x", "e30.!.x"] {
            assert!(Unverified::decode(text).is_none(), "{text}");
        }
    }
}
