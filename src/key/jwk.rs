//! Reads JWKs, private and public alike ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517),
//! [RFC 7518 §6](https://www.rfc-editor.org/rfc/rfc7518#section-6)).
//!
//! A member that is `null` counts as absent: Okta's app API and several serialisers write it so.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, Curve};
use crate::error::Error;
use crate::support::json::{Node, Object};

/// Why a JWK cannot be used.
///
/// # Example
///
/// ```
/// use okta_introspect::verify::KeyFault;
///
/// assert_eq!(KeyFault::Private.to_string(), "holds a private or secret key");
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyFault {
    /// It is neither an RSA nor an EC key.
    #[error("is neither an RSA nor an EC key")]
    Type,
    /// A private or secret member stands where only public keys belong: every reader of it can
    /// sign with it.
    #[error("holds a private or secret key")]
    Private,
    /// Its curve is none of P-256, P-384 and P-521.
    #[error("has a curve that is not supported")]
    Curve,
    /// A member is missing, or is not what the key's type asks for
    /// ([RFC 7518 §6](https://www.rfc-editor.org/rfc/rfc7518#section-6)).
    #[error("cannot be read: `{member}` {fault}")]
    Member {
        /// Its name.
        member: String,
        /// What is wrong with it.
        fault: MemberFault,
    },
    /// The RSA modulus has fewer than 2048 bits
    /// ([RFC 7518 §3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3)), or over 8192.
    #[error("is an RSA key of {bits} bits")]
    Size {
        /// How many it has.
        bits: u32,
    },
    /// The RSA modulus or exponent is one with which signatures can be forged: an even number,
    /// the exponent 1, an exponent over 64 bits, or a modulus of the ROCA kind (CVE-2017-15361).
    #[error("is a weak RSA key")]
    Weak,
    /// OpenSSL does not take it, as with a point that is not on the curve, or private members
    /// that do not belong to the public ones.
    #[error("is not a key: its members do not fit together")]
    Invalid,
    /// `use` or `key_ops` is not for signatures
    /// ([RFC 7517 §4.2](https://www.rfc-editor.org/rfc/rfc7517#section-4.2)).
    #[error("is not for signatures, by its `use` or `key_ops`")]
    Use,
    /// `alg` names no signature algorithm, or one that the key's type or curve cannot have.
    #[error("names an algorithm that it cannot have")]
    Algorithm,
}

/// What is wrong with a member of a JWK.
///
/// # Example
///
/// ```
/// use okta_introspect::verify::MemberFault;
///
/// assert_eq!(MemberFault::Padded.to_string(), "is padded with `=`");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MemberFault {
    /// It is absent, or `null`.
    #[error("is missing")]
    Missing,
    /// It is JSON of another type.
    #[error("is not a text")]
    NotText,
    /// It ends in `=`.
    #[error("is padded with `=`")]
    Padded,
    /// It is not base64url.
    #[error("is not base64url")]
    Encoding,
    /// It has not the full width of the curve, leading zeros included
    /// ([RFC 7518 §6.2.1.2](https://www.rfc-editor.org/rfc/rfc7518#section-6.2.1.2)).
    #[error("has {found} bytes and not {expected}")]
    Length {
        /// How many it has.
        found: usize,
        /// How many it must have.
        expected: usize,
    },
}

impl MemberFault {
    fn advice(self, member: &str) -> String {
        match self {
            Self::Missing => format!("export the JWK whole, with `{member}`"),
            Self::NotText => format!("write `{member}` as a text in quotes"),
            Self::Padded => format!("remove the `=` at the end of `{member}`"),
            Self::Encoding => {
                format!("write `{member}` in base64url, with - and _ in the place of + and /")
            }
            Self::Length { found, expected } if found < expected => {
                format!("write the leading zero bytes of `{member}` too, {expected} bytes in all")
            }
            Self::Length { expected, .. } => {
                format!("write `{member}` in exactly {expected} bytes")
            }
        }
    }
}

impl From<KeyFault> for Error {
    fn from(fault: KeyFault) -> Self {
        let advice = match &fault {
            KeyFault::Type => "set `kty` to RSA or EC",
            KeyFault::Private => "give the public half only",
            KeyFault::Curve => "use P-256, P-384 or P-521",
            KeyFault::Member { member, fault: of } => {
                let advice = of.advice(member);
                return Self::key(format!("the JWK {fault}")).advise(advice);
            }
            KeyFault::Invalid => "export the JWK again from where it was made",
            KeyFault::Size { .. } => "use an RSA key of 2048 bits or more",
            KeyFault::Weak => "make a new key",
            KeyFault::Use => "give the key whose `use` is `sig`, or leave `use` and `key_ops` out",
            KeyFault::Algorithm => "set `alg` to an algorithm of the key's type and curve",
        };
        Self::key(format!("the JWK {fault}")).advise(advice)
    }
}

/// The value of a member.
pub(crate) enum Member<'a> {
    Absent,
    Text(&'a str),
    /// Texts in a list; items of other types are left out.
    List(Vec<&'a str>),
    Other,
}

/// A JSON object with the members of a JWK.
pub(crate) trait Jwk {
    /// The value of a member; `null` is absent.
    fn member(&self, name: &str) -> Member<'_>;

    /// Whether the key has one of these members.
    fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| !matches!(self.member(name), Member::Absent))
    }

    /// The text of a member, if it is one.
    fn text(&self, name: &str) -> Option<&str> {
        match self.member(name) {
            Member::Text(text) => Some(text),
            Member::Absent | Member::List(_) | Member::Other => None,
        }
    }

    /// The bytes of a number in base64url.
    fn bytes(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
        let fault = match self.member(name) {
            Member::Text("") | Member::Absent => MemberFault::Missing,
            Member::List(_) | Member::Other => MemberFault::NotText,
            Member::Text(text) => match URL_SAFE_NO_PAD.decode(text) {
                Ok(bytes) => return Ok(Zeroizing::new(bytes)),
                Err(_) if PADDED.decode(text).map(Zeroizing::new).is_ok() => MemberFault::Padded,
                Err(_) => MemberFault::Encoding,
            },
        };
        Err(KeyFault::Member { member: name.to_owned(), fault })
    }

    /// A number that must have the full width of the curve, as coordinates and private numbers do.
    fn wide(&self, name: &str, curve: Curve) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
        let bytes = self.bytes(name)?;
        let (found, expected) = (bytes.len(), curve.len() as usize);
        if found == expected {
            return Ok(bytes);
        }
        let fault = MemberFault::Length { found, expected };
        Err(KeyFault::Member { member: name.to_owned(), fault })
    }

    /// The curve of an EC key.
    fn curve(&self) -> Result<Curve, KeyFault> {
        let name = self.text("crv").unwrap_or_default();
        Curve::ALL.into_iter().find(|curve| curve.name() == name).ok_or(KeyFault::Curve)
    }

    /// The one algorithm that the key is for, if it names one
    /// ([RFC 7517 §4.4](https://www.rfc-editor.org/rfc/rfc7517#section-4.4)).
    fn algorithm(&self) -> Result<Option<Algorithm>, KeyFault> {
        match self.member("alg") {
            Member::Absent => Ok(None),
            // A common misspelling of the algorithm of P-521; no other algorithm has this name.
            Member::Text("ES521") => Ok(Some(Algorithm::Es512)),
            Member::Text(name) => name.parse().map(Some).map_err(|_| KeyFault::Algorithm),
            Member::List(_) | Member::Other => Err(KeyFault::Algorithm),
        }
    }

    /// Whether the key may be used for `operation`, which is `sign` or `verify`.
    fn is_for(&self, operation: &str) -> bool {
        let usage = match self.member("use") {
            Member::Absent => true,
            Member::Text(usage) => usage == "sig",
            Member::List(_) | Member::Other => false,
        };
        let operations = match self.member("key_ops") {
            Member::Absent => true,
            Member::List(operations) => operations.contains(&operation),
            Member::Text(_) | Member::Other => false,
        };
        usage && operations
    }
}

impl Jwk for Map<String, Value> {
    fn member(&self, name: &str) -> Member<'_> {
        match self.get(name) {
            None | Some(Value::Null) => Member::Absent,
            Some(Value::String(text)) => Member::Text(text),
            Some(Value::Array(list)) => {
                Member::List(list.iter().filter_map(Value::as_str).collect())
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Member::Other,
        }
    }
}

impl Jwk for Object<'_> {
    fn member(&self, name: &str) -> Member<'_> {
        match self.get(name) {
            None | Some(Node::Null) => Member::Absent,
            Some(Node::Text(text)) => Member::Text(text),
            Some(Node::List(list)) => Member::List(list.iter().filter_map(Node::as_text).collect()),
            Some(Node::Bool(_) | Node::Number(_) | Node::Object(_)) => Member::Other,
        }
    }
}

const PADDED: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);
