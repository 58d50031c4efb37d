//! What a token's header says, and what it must not say.

use std::borrow::Cow;

use super::fact::quote;
use super::invalid::InvalidToken;
use crate::jws::Part;
use crate::key::Algorithm;
use crate::support::json::{Node, Object};

/// The parameters that matter ([RFC 7515 §4.1](https://www.rfc-editor.org/rfc/rfc7515#section-4.1)).
/// Others are ignored, as the RFC demands, unless they are dangerous.
pub(super) struct Header<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<Cow<'a, str>>,
    pub(super) typ: Option<Cow<'a, str>>,
}

impl<'a> Header<'a> {
    pub(super) fn read(json: &'a [u8]) -> Result<Self, InvalidToken> {
        let header = Object::parse(json)
            .map_err(|fault| InvalidToken::Json { part: Part::Header, fault })?;
        let (mut algorithm, mut key_id, mut typ) = (None, None, None);
        for (name, node) in header {
            match &*name {
                "alg" => algorithm = Some(text("alg", node)?),
                "kid" => key_id = Some(text("kid", node)?),
                "typ" => typ = Some(text("typ", node)?),
                "crit" => return Err(InvalidToken::CriticalExtension),
                "jwk" => return Err(InvalidToken::KeyFromSender { name: "jwk" }),
                "jku" => return Err(InvalidToken::KeyFromSender { name: "jku" }),
                "x5u" => return Err(InvalidToken::KeyFromSender { name: "x5u" }),
                "x5c" => return Err(InvalidToken::KeyFromSender { name: "x5c" }),
                _ => {}
            }
        }
        let algorithm = algorithm.ok_or(InvalidToken::MalformedHeader { name: "alg" })?;
        Ok(Self { algorithm: signature_algorithm(&algorithm)?, key_id, typ })
    }

    /// Whether `typ` is this media type: in any case, and with or without `application/`
    /// ([RFC 7515 §4.1.9](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9)).
    pub(super) fn is_typed(&self, media_type: &str) -> bool {
        const PREFIX: &str = "application/";
        self.typ.as_deref().is_some_and(|typ| {
            let bare = match typ.get(..PREFIX.len()) {
                Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) => &typ[PREFIX.len()..],
                _ => typ,
            };
            bare.eq_ignore_ascii_case(media_type)
        })
    }

    pub(super) fn quoted_key_id(&self) -> Option<String> {
        self.key_id.as_deref().map(quote)
    }
}

fn text<'a>(name: &'static str, node: Node<'a>) -> Result<Cow<'a, str>, InvalidToken> {
    match node {
        Node::Text(text) => Ok(text),
        _ => Err(InvalidToken::MalformedHeader { name }),
    }
}

/// Names are compared exactly (RFC 7515 §4.1.1); the dangerous ones are recognised in any case.
fn signature_algorithm(name: &str) -> Result<Algorithm, InvalidToken> {
    match name.parse() {
        Ok(algorithm) => Ok(algorithm),
        Err(_) if name.eq_ignore_ascii_case("none") => Err(InvalidToken::Unsigned),
        Err(_) if name.get(..2).is_some_and(|family| family.eq_ignore_ascii_case("hs")) => {
            Err(InvalidToken::SymmetricAlgorithm { found: quote(name) })
        }
        Err(_) => Err(InvalidToken::UnsupportedAlgorithm { found: quote(name) }),
    }
}
