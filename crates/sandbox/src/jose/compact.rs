//! Splits and decodes compact JWTs strictly. Nothing here trusts what they say.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::json;

/// A JWS in compact serialization, split and decoded but **not** verified
/// ([RFC 7515 §7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)).
///
/// Has no `Debug`: it holds an assertion or a proof.
pub(crate) struct Jws<'a> {
    /// What the signature is over.
    pub(crate) signing_input: &'a str,
    pub(crate) signature: Vec<u8>,
    header: Map<String, Value>,
    payload: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// The longest text taken, in bytes.
    const MAX_LEN: usize = 16 * 1024;

    /// Splits `text` into exactly three segments of strict base64url and reads its header.
    /// `None` also for headers that demand an extension with `crit`: none is understood here.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let segments: Vec<&str> = text.splitn(4, '.').collect();
        let [header, payload, signature] = segments[..] else { return None };
        if text.len() > Self::MAX_LEN {
            return None;
        }
        let decode = |segment: &str| URL_SAFE_NO_PAD.decode(segment).ok();
        let header = json::object(&decode(header)?)?;
        if header.contains_key("crit") {
            return None;
        }
        Some(Self {
            signing_input: &text[..text.len() - signature.len() - 1],
            signature: decode(signature)?,
            header,
            payload: decode(payload)?,
        })
    }

    /// A member of the header, as the sender claims it.
    pub(crate) fn header(&self, name: &str) -> Option<&Value> {
        self.header.get(name)
    }

    /// The algorithm that the sender claims, if Okta takes it.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::named(self.header("alg")?.as_str()?)
    }

    /// The payload as claims.
    pub(crate) fn claims(&self) -> Option<Map<String, Value>> {
        json::object(&self.payload)
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
        let input = format!("{}.{}", encode(r#"{"alg":"ES256"}"#), encode(r#"{"a":1}"#));
        let text = format!("{input}.{}", encode("signature"));
        let jws = Jws::parse(&text).unwrap();
        assert_eq!((jws.signing_input, jws.signature.as_slice()), (&*input, &b"signature"[..]));
        assert_eq!(jws.algorithm(), Algorithm::named("ES256"));
        assert_eq!(jws.claims().unwrap()["a"], 1);
    }

    #[test]
    fn whatever_is_not_three_strict_segments_is_refused() {
        let critical = encode(r#"{"crit":["b64"]}"#);
        for text in [
            "",
            "e30.e30",
            "e30.e30.e30.",
            "e30.e30.e30.e30.e30",
            "e30=.e30.e30",
            "e30.e30.e30=",
            "e31.e30.e30",
            "MQ.e30.e30",
            &format!("{critical}.e30.e30"),
            &format!("e30.e30.{}", "e30a".repeat(5000)),
        ] {
            assert!(Jws::parse(text).is_none(), "{text:.40}");
        }
        assert!(Jws::parse("e30.e30.e30").is_some());
    }
}
