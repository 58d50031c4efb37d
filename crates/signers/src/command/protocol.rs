//! The lines that are exchanged with a program that is kept running. Pure.

use okta_introspect::{Algorithm, Error, ErrorKind, KeyOptions, PublicJwk};
use serde_json::{Map, Value};

use crate::base64::decode;
use crate::excerpt::excerpt;

/// The longest line that is read, in bytes: a certificate's worth, or the signature of a key of
/// 16384 bits several times.
pub(super) const MAX_LINE: usize = 16 * 1024;

/// The longest signing input, in bytes. Assertions and proofs have a few hundred.
pub(super) const MAX_INPUT: usize = 64 * 1024;

/// What a program says of itself when it starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
    pub(super) public: Option<PublicJwk>,
}

/// What a program answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    Signature(u64, Vec<u8>),
    /// In its own words.
    Failure(u64, String),
}

/// Reads the first line: an object with `alg`, and with `kid` and `jwk` where they are known. What else
/// it has is left alone.
pub(super) fn header(line: &[u8]) -> Result<Header, Error> {
    let wrong = |what: &str| {
        Error::from_remote_signer(
            ErrorKind::Malformed,
            format!("the first line of the command {what}"),
            "have it write a line such as {\"alg\":\"ES256\",\"kid\":\"k1\"} when it starts",
            None,
        )
    };
    let header: Map<String, Value> =
        serde_json::from_slice(line).map_err(|_| wrong("is not a JSON object"))?;
    let text = |name: &str| match header.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(wrong(&format!("has a `{name}` that is no text"))),
    };
    let algorithm = text("alg")?.ok_or_else(|| wrong("names no `alg`"))?;
    let algorithm = algorithm.parse().map_err(|_| wrong("names an `alg` that is not supported"))?;
    let key_id = text("kid")?.map(str::to_owned);
    let public = match header.get("jwk") {
        None | Some(Value::Null) => None,
        Some(jwk) => Some(public(jwk, algorithm, key_id.as_deref())?),
    };
    let own_id = || public.as_ref().and_then(PublicJwk::key_id).map(str::to_owned);
    Ok(Header { algorithm, key_id: key_id.or_else(own_id), public })
}

fn public(jwk: &Value, algorithm: Algorithm, key_id: Option<&str>) -> Result<PublicJwk, Error> {
    let mut options = KeyOptions::default().algorithm(algorithm);
    options.key_id = key_id.map(str::to_owned);
    PublicJwk::parse(jwk.to_string().as_bytes(), &options)
}

/// A request: its id, a blank, the signing input, the end of the line.
pub(super) fn request(id: u64, input: &str) -> String {
    format!("{id} {input}\n")
}

/// Reads an answer: `ID signature BASE64URL`, or `ID error TEXT`.
pub(super) fn answer(line: &[u8]) -> Option<Answer> {
    let line = line.trim_ascii();
    let (id, rest) = split(line)?;
    let id = std::str::from_utf8(id).ok()?.parse().ok()?;
    match split(rest).unwrap_or((rest, b"")) {
        (b"signature", text) => Some(Answer::Signature(id, decode(text)?)),
        (b"error", text) => Some(Answer::Failure(id, excerpt(text))),
        _ => None,
    }
}

fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(u8::is_ascii_whitespace)?;
    Some((&line[..at], line[at..].trim_ascii_start()))
}

/// A text as a program takes it: what a JWS signs is ASCII without blanks
/// ([RFC 7515 §5.1](https://www.rfc-editor.org/rfc/rfc7515#section-5.1)).
pub(super) fn text_of(input: &[u8]) -> Result<&str, Error> {
    let is_input = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let text = std::str::from_utf8(input).ok();
    text.filter(|text| (1..=MAX_INPUT).contains(&text.len()) && text.bytes().all(|b| is_input(&b)))
        .ok_or_else(|| {
            Error::from_remote_signer(
                ErrorKind::Input,
                "what is to be signed is not the signing input of a JWS",
                "give `BASE64URL(header).BASE64URL(payload)`, at most 64 KiB",
                None,
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use okta_introspect::SigningKey;

    #[test]
    fn a_header_says_at_least_the_algorithm() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some("k1".into()));
        let jwk = key.public_jwk().to_json();
        let of = |text: &str| header(text.as_bytes());
        let bare = of(r#"{"alg":"RS256"}"#).unwrap();
        assert_eq!(bare, Header { algorithm: Algorithm::Rs256, key_id: None, public: None });
        let whole = of(&format!(r#"{{"alg":"ES256","kid":null,"jwk":{jwk},"more":[1]}}"#)).unwrap();
        assert_eq!(whole.key_id.as_deref(), Some("k1"));
        assert_eq!(whole.public.as_ref(), Some(key.public_jwk()));
        for (text, kind) in [
            ("", ErrorKind::Malformed),
            ("ready", ErrorKind::Malformed),
            ("[]", ErrorKind::Malformed),
            (r#"{"kid":"k1"}"#, ErrorKind::Malformed),
            (r#"{"alg":"none"}"#, ErrorKind::Malformed),
            (r#"{"alg":7}"#, ErrorKind::Malformed),
            (r#"{"alg":"ES256","kid":7}"#, ErrorKind::Malformed),
            (r#"{"alg":"ES256","jwk":{"kty":"EC"}}"#, ErrorKind::Key),
            (r#"{"alg":"ES384","jwk":JWK}"#, ErrorKind::Key),
        ] {
            let error = of(&text.replace("JWK", &jwk)).expect_err(text);
            assert_eq!(error.kind(), kind, "{text}");
        }
    }

    #[test]
    fn an_answer_names_its_request() {
        let signature = |id, bytes: &[u8]| Some(Answer::Signature(id, bytes.to_vec()));
        for (line, expected) in [
            ("7 signature AQID", signature(7, &[1, 2, 3])),
            ("  7  signature  _-8= \r", signature(7, &[0xff, 0xef])),
            ("7 signature /+8", signature(7, &[0xff, 0xef])),
            ("7 error the slot is empty", Some(Answer::Failure(7, "the slot is empty".into()))),
            ("7 error", Some(Answer::Failure(7, String::new()))),
            ("7", None),
            ("7 signature", None),
            ("7 signature !", None),
            ("-7 signature AQID", None),
            ("signature AQID", None),
            ("7 AQID", None),
            ("", None),
        ] {
            assert_eq!(answer(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn only_signing_inputs_are_handed_out() {
        for wrong in [&b""[..], b"a b", b"a\nb", b"\xff", &vec![b'a'; MAX_INPUT + 1]] {
            assert_eq!(text_of(wrong).unwrap_err().kind(), ErrorKind::Input);
        }
        assert_eq!(request(7, text_of(b"eyJ-_.e30").unwrap()), "7 eyJ-_.e30\n");
        assert!(text_of(&vec![b'a'; MAX_INPUT]).is_ok());
    }
}
