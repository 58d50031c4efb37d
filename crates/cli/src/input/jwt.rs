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

fn object(part: &str) -> Option<Map<String, Value>> {
    let json = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
