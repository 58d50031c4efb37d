//! JWTs and their keys, by josekit.
//!
//! Everything here is written apart from the library that is tested with the sandbox, so that a
//! fault there is not repeated here: signatures are josekit's, and what goes around them (strict
//! base64url and JSON, thumbprints, hashes) is this crate's own.

mod algorithm;
mod compact;
mod json;
mod public_key;
mod secret;
mod signing_key;
mod weak_rsa;

pub(crate) use algorithm::Algorithm;
pub(crate) use compact::Jws;
pub(crate) use public_key::{PublicKey, left_half_of_sha256, sha256, sha256_base64url};
pub(crate) use secret::{is_same_text, verifies};
pub(crate) use signing_key::SigningKey;
