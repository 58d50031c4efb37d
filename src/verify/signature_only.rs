//! A signature and nothing else.

use std::fmt;

use super::header::Header;
use super::invalid::InvalidToken;
use super::verification::{Verification, Verified};
use super::verifier::{bad_signature, choice_fault};
use crate::jwks::JwkSet;
use crate::jws::Segments;

/// The payload of a JWS whose signature is good, and of which **nothing else is known**: it may
/// have expired, be meant for another audience, or not be a token at all.
///
/// # Example: how much was signed
///
/// ```
/// use okta_introspect::verify::UncheckedPayload;
///
/// fn length(payload: &UncheckedPayload) -> usize {
///     payload.bytes().len()
/// }
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct UncheckedPayload(Vec<u8>);

impl UncheckedPayload {
    /// The payload's bytes, which need not be JSON.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for UncheckedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UncheckedPayload([redacted])")
    }
}

/// Verifies the signature of a compact JWS with given keys, and looks at no claim whatsoever.
///
/// For test vectors and for finding out which key signed something. **Never enough to accept a
/// token**: for that there is [`Verifier`](crate::Verifier).
///
/// Any supported algorithm is taken that suits the key: RS, PS and ES with SHA-256, -384 and
/// -512. The header is held to the same rules as a token's.
pub fn signature_only(jws: &str, keys: &JwkSet) -> Verification<UncheckedPayload> {
    match check(jws, keys) {
        Ok(verified) => Verification::Verified(verified),
        Err(reason) => Verification::Invalid(reason),
    }
}

fn check(jws: &str, keys: &JwkSet) -> Result<Verified<UncheckedPayload>, InvalidToken> {
    let jws = Segments::decode(jws)?;
    let header = Header::read(jws.header())?;
    let key = keys
        .choose(header.key_id.as_deref(), header.algorithm)
        .map_err(|fault| choice_fault(fault, None, &header))?;
    if !key.verifies(header.algorithm, &jws) {
        return Err(bad_signature(&header));
    }
    let claims = UncheckedPayload(jws.payload().to_vec());
    let key_id = header.key_id.map(|id| id.into_owned());
    Ok(Verified { claims, algorithm: header.algorithm, key_id })
}
