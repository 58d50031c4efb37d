//! Where a caller shows its secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode;
use zeroize::Zeroizing;

use super::refused::Refused;
use super::secret_hash::SecretHash;

/// The header with which a proxy shows its secret. It is one of its own because `Authorization` has
/// the token of the proxy's client. The proxy must replace what its client sent under this name.
pub const CALLER_KEY: HeaderName = HeaderName::from_static("x-okta-introspect-key");

/// The longest secret, in bytes, so that guesses cost little.
pub const MAX_SECRET: usize = 256;

/// What a caller shows: the hash of the secret, and its name if it says that too.
pub(super) struct Shown {
    pub(super) hash: SecretHash,
    pub(super) name: Option<String>,
    /// The other way to read the same.
    pub(super) or: Option<Box<Self>>,
}

/// Reads [`CALLER_KEY`].
pub(super) fn key(headers: &HeaderMap) -> Result<Option<Shown>, Refused> {
    sole(headers, &CALLER_KEY)?.map(|secret| shown(secret, None)).transpose()
}

/// Reads `Authorization: Bearer SECRET`, or `Basic` with name and secret in base64, both
/// form-encoded before that ([RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1))
/// or as they are, as most clients do it.
pub(super) fn authorization(headers: &HeaderMap) -> Result<Option<Shown>, Refused> {
    let Some(value) = sole(headers, &AUTHORIZATION)? else { return Ok(None) };
    let text = std::str::from_utf8(value).map_err(|_| Refused::Malformed)?;
    let (scheme, rest) = text.split_once(' ').ok_or(Refused::Malformed)?;
    let rest = rest.trim_matches(' ');
    match scheme {
        scheme if scheme.eq_ignore_ascii_case("Bearer") => shown(rest.as_bytes(), None).map(Some),
        scheme if scheme.eq_ignore_ascii_case("Basic") => basic(rest).map(Some),
        _ => Err(Refused::Malformed),
    }
}

fn basic(encoded: &str) -> Result<Shown, Refused> {
    // Each byte may be escaped, so three times the longest pair, and a third more for base64.
    if encoded.len() > 8 * MAX_SECRET {
        return Err(Refused::Malformed);
    }
    let pair = STANDARD.decode(encoded).map_err(|_| Refused::Malformed)?;
    let pair = Zeroizing::new(pair);
    let at = pair.iter().position(|byte| *byte == b':').ok_or(Refused::Malformed)?;
    let (name, secret) = (&pair[..at], &pair[at + 1..]);
    let raw = named(name, secret);
    if !pair.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        return raw;
    }
    match (named(&form_decoded(name), &form_decoded(secret)), raw) {
        (Ok(decoded), Ok(raw)) => Ok(Shown { or: Some(Box::new(raw)), ..decoded }),
        (decoded, raw) => decoded.or(raw),
    }
}

fn named(name: &[u8], secret: &[u8]) -> Result<Shown, Refused> {
    let name = String::from_utf8(name.to_vec()).map_err(|_| Refused::Malformed)?;
    shown(secret, Some(name))
}

fn shown(secret: &[u8], name: Option<String>) -> Result<Shown, Refused> {
    let is_one_word = secret.iter().all(|byte| byte.is_ascii_graphic() && *byte != b',');
    // A list of two, in one line, is no secret; with a name before it everything may stand in it.
    let readable = name.is_some() || is_one_word;
    match (1..=MAX_SECRET).contains(&secret.len()) && readable {
        true => Ok(Shown { hash: SecretHash::of(secret), name, or: None }),
        false => Err(Refused::Malformed),
    }
}

/// Without the escapes of a form. Nothing of it stays behind in memory.
fn form_decoded(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let blanks = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte });
    let blanks: Zeroizing<Vec<u8>> = Zeroizing::new(blanks.collect());
    Zeroizing::new(percent_decode(&blanks).collect())
}

/// The value of a header of which there may be one.
fn sole<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Refused> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(|value| value.as_bytes())),
        (_, Some(_)) => Err(Refused::Malformed),
    }
}
