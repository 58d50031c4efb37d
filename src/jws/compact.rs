//! Splits and decodes compact JWTs strictly. Nothing of their content is trusted here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::key::Algorithm;
use crate::secret::Token;
use crate::support::json::{JsonFault, Object};

/// A part of a JWS.
///
/// # Example
///
/// ```
/// use okta_introspect::verify::Part;
///
/// assert_eq!(Part::Payload.to_string(), "payload");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The JOSE header.
    #[error("header")]
    Header,
    /// The payload: the claims of a JWT.
    #[error("payload")]
    Payload,
    /// The signature.
    #[error("signature")]
    Signature,
}

/// Why a text is not a JWS that could be verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// It has this many bytes, which is more than [`Token::MAX_LEN`].
    TooLong(usize),
    /// It is JSON, not the compact form.
    JsonSerialization,
    /// It has this many segments instead of three; five would be an encrypted token.
    Segments(usize),
    /// A segment is not unpadded base64url.
    Encoding(Part),
    /// The header or the payload is not a proper JSON object.
    Json(Part, JsonFault),
    /// The header demands extensions, and none is understood here
    /// ([RFC 7515 §4.1.11](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11)).
    Critical,
}

/// A JWS in compact serialization, split and decoded but **not** verified
/// ([RFC 7515 §7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)).
///
/// Has no `Debug`: it holds a token or an assertion.
pub(crate) struct Segments<'a> {
    signing_input: &'a str,
    /// Header, payload and signature, one behind the other.
    bytes: Vec<u8>,
    header_end: usize,
    payload_end: usize,
}

impl<'a> Segments<'a> {
    /// Splits `text` into exactly three segments of strict base64url: no padding, no line
    /// breaks, no stray bits. Empty segments are left to the caller.
    pub(crate) fn decode(text: &'a str) -> Result<Self, Fault> {
        if text.len() > Token::MAX_LEN {
            return Err(Fault::TooLong(text.len()));
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(not_compact(text));
        };
        let mut bytes = Vec::with_capacity(text.len());
        let mut decode = |segment: &str, part| match URL_SAFE_NO_PAD.decode_vec(segment, &mut bytes)
        {
            Ok(()) => Ok(bytes.len()),
            Err(_) => Err(Fault::Encoding(part)),
        };
        let header_end = decode(header, Part::Header)?;
        let payload_end = decode(payload, Part::Payload)?;
        decode(signature, Part::Signature)?;
        let signing_input = &text[..text.len() - signature.len() - 1];
        Ok(Self { signing_input, bytes, header_end, payload_end })
    }

    /// What the signature is over.
    pub(crate) fn signing_input(&self) -> &'a str {
        self.signing_input
    }

    pub(crate) fn header(&self) -> &[u8] {
        &self.bytes[..self.header_end]
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.bytes[self.header_end..self.payload_end]
    }

    pub(crate) fn signature(&self) -> &[u8] {
        &self.bytes[self.payload_end..]
    }
}

fn not_compact(text: &str) -> Fault {
    if text.trim_start().starts_with('{') {
        return Fault::JsonSerialization;
    }
    Fault::Segments(text.split('.').count())
}

/// A JWS whose header has been read as a JSON object, whatever its members.
pub(crate) struct Compact<'a> {
    pub(super) segments: Segments<'a>,
    header: Map<String, Value>,
}

impl<'a> Compact<'a> {
    /// Splits `text` as [`Segments::decode`] does, and reads its header.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Fault> {
        let segments = Segments::decode(text)?;
        let header = Object::parse(segments.header())
            .map_err(|fault| Fault::Json(Part::Header, fault))?
            .into_map();
        if header.contains_key("crit") {
            return Err(Fault::Critical);
        }
        Ok(Self { segments, header })
    }

    /// A member of the header, as the sender claims it.
    pub(crate) fn header(&self, name: &str) -> Option<&Value> {
        self.header.get(name)
    }

    /// The algorithm that the sender claims, if it is one that this crate can verify. `none` and
    /// the HS family are not.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        self.header("alg")?.as_str()?.parse().ok()
    }

    /// The payload as claims.
    pub(crate) fn claims(&self) -> Result<Map<String, Value>, Fault> {
        Object::parse(self.segments.payload())
            .map(Object::into_map)
            .map_err(|fault| Fault::Json(Part::Payload, fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    #[test]
    fn the_parts_are_decoded_and_the_signing_input_is_left_as_it_is() {
        let text = format!("{}.{}.{}", encode("head"), encode("payload"), encode("signature"));
        let segments = Segments::decode(&text).ok().unwrap();
        assert_eq!(segments.header(), b"head");
        assert_eq!(segments.payload(), b"payload");
        assert_eq!(segments.signature(), b"signature");
        assert_eq!(text, format!("{}.{}", segments.signing_input(), encode("signature")));
    }

    #[test]
    fn whatever_is_not_three_strict_segments_is_refused() {
        let cases = [
            ("empty", String::new(), Fault::Segments(1)),
            ("two segments", "e30.e30".to_owned(), Fault::Segments(2)),
            ("four segments", "e30.e30.e30.".to_owned(), Fault::Segments(4)),
            ("encrypted", "e30.e30.e30.e30.e30".to_owned(), Fault::Segments(5)),
            ("padded header", "e30=.e30.e30".to_owned(), Fault::Encoding(Part::Header)),
            ("padded payload", "e30.e30=.e30".to_owned(), Fault::Encoding(Part::Payload)),
            ("padded signature", "e30.e30.e30=".to_owned(), Fault::Encoding(Part::Signature)),
            ("line break", "e30.e30.e30\n".to_owned(), Fault::Encoding(Part::Signature)),
            ("standard alphabet", "e30.e30.+/+/".to_owned(), Fault::Encoding(Part::Signature)),
            ("stray bits", "e31.e30.e30".to_owned(), Fault::Encoding(Part::Header)),
            ("half a byte", "e30.e.e30".to_owned(), Fault::Encoding(Part::Payload)),
            ("JSON", r#" {"payload":"e30"}"#.to_owned(), Fault::JsonSerialization),
            ("too long", "x".repeat(Token::MAX_LEN + 1), Fault::TooLong(Token::MAX_LEN + 1)),
        ];
        for (name, text, fault) in cases {
            assert_eq!(Segments::decode(&text).err(), Some(fault), "{name}");
        }
    }

    #[test]
    fn a_header_that_is_no_object_or_demands_extensions_is_refused() {
        let header = |json: &str| Compact::parse(&format!("{}.e30.e30", encode(json))).err();
        assert_eq!(header("[]"), Some(Fault::Json(Part::Header, JsonFault::NotAnObject)));
        assert_eq!(
            header(r#"{"alg":"RS256","alg":"none"}"#),
            Some(Fault::Json(Part::Header, JsonFault::DuplicateMember))
        );
        assert_eq!(header(r#"{"alg":"RS256","crit":["b64"]}"#), Some(Fault::Critical));
        assert_eq!(header(r#"{"alg":"RS256"}"#), None);
    }
}
