//! Signed JWTs in compact form ([RFC 7515 §7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)).

#[cfg(feature = "sandbox")]
mod compact;
mod sign;

#[cfg(feature = "sandbox")]
pub(crate) use compact::{Compact, VerificationKey};
pub(crate) use sign::{segment, sign};
