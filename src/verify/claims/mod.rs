//! Claims as typed values: read strictly, once.

mod access_token;
mod id_token;

pub use access_token::AccessTokenClaims;
pub use id_token::IdTokenClaims;

use std::any::Any;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::fact::quote;
use super::invalid::InvalidToken;
use crate::support::json::Node;
use crate::support::json_misfit::Misfit;

/// The claims that both kinds of token have
/// ([RFC 7519 §4.1](https://www.rfc-editor.org/rfc/rfc7519#section-4.1)), while they are read.
#[derive(Default)]
pub(super) struct Registered {
    pub(super) iss: Option<String>,
    pub(super) sub: Option<String>,
    pub(super) aud: Option<Vec<String>>,
    aud_is_text: bool,
    pub(super) exp: Option<DateTime<Utc>>,
    pub(super) iat: Option<DateTime<Utc>>,
    pub(super) nbf: Option<DateTime<Utc>>,
    pub(super) jti: Option<String>,
}

impl Registered {
    /// Takes a claim if it is one of these, and gives it back if not.
    pub(super) fn take<'a>(
        &mut self,
        name: &str,
        node: Node<'a>,
    ) -> Result<Option<Node<'a>>, InvalidToken> {
        match name {
            "iss" => self.iss = text("iss", node)?,
            "sub" => self.sub = text("sub", node)?,
            "aud" => {
                self.aud_is_text = node.as_text().is_some();
                self.aud = texts("aud", node)?;
            }
            "exp" => self.exp = time("exp", node)?,
            "iat" => self.iat = time("iat", node)?,
            "nbf" => self.nbf = time("nbf", node)?,
            "jti" => self.jti = text("jti", node)?,
            _ => return Ok(Some(node)),
        }
        Ok(None)
    }
}

/// `aud` for writing: as a text where it came as one.
struct Audience<'a> {
    list: &'a [String],
    is_text: bool,
}

impl Serialize for Audience<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.list {
            [one] if self.is_text => serializer.serialize_str(one),
            list => serializer.collect_seq(list),
        }
    }
}

/// A claim that must be there.
pub(super) fn required<T>(name: &'static str, claim: Option<T>) -> Result<T, InvalidToken> {
    claim.ok_or(InvalidToken::MissingClaim { name })
}

/// `null` counts as absent.
fn text(name: &'static str, node: Node<'_>) -> Result<Option<String>, InvalidToken> {
    match node {
        Node::Null => Ok(None),
        Node::Text(text) => Ok(Some(text.into_owned())),
        _ => Err(InvalidToken::MalformedClaim { name }),
    }
}

/// One text or a list of texts, as `aud` may be (RFC 7519 §4.1.3).
fn texts(name: &'static str, node: Node<'_>) -> Result<Option<Vec<String>>, InvalidToken> {
    match node {
        Node::List(items) => items
            .into_iter()
            .map(|item| text(name, item)?.ok_or(InvalidToken::MalformedClaim { name }))
            .collect::<Result<_, _>>()
            .map(Some),
        node => Ok(text(name, node)?.map(|one| vec![one])),
    }
}

/// Seconds since the epoch; a fraction is allowed and dropped (RFC 7519 §2, NumericDate).
fn time(name: &'static str, node: Node<'_>) -> Result<Option<DateTime<Utc>>, InvalidToken> {
    let number = match node {
        Node::Null => return Ok(None),
        Node::Number(number) => number,
        _ => return Err(InvalidToken::MalformedClaim { name }),
    };
    // What is beyond an i64 saturates there, and chrono refuses it.
    let seconds = number.as_i64().or_else(|| number.as_f64().map(|secs| secs.floor() as i64));
    seconds
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .map(Some)
        .ok_or(InvalidToken::MalformedClaim { name })
}

/// The claims that are not typed here, in the shape that the program asks for.
fn further<E: DeserializeOwned + 'static>(claims: Map<String, Value>) -> Result<E, InvalidToken> {
    // Most programs ask for the map itself. To read it from a map would be to build it twice.
    let mut claims = Some(claims);
    let as_wanted = (&mut claims as &mut dyn Any).downcast_mut::<Option<E>>();
    if let Some(wanted) = as_wanted.and_then(Option::take) {
        return Ok(wanted);
    }
    let claims = Value::Object(claims.unwrap_or_default());
    E::deserialize(&claims).map_err(|_| {
        let fault = Misfit::of_foreign::<E>(&claims).map(|misfit| misfit.to_string());
        InvalidToken::FurtherClaims { fault: quote(&fault.unwrap_or_default()) }
    })
}
