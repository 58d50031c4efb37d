//! Signed JWTs in compact form ([RFC 7515 §7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)).

mod compact;
mod key;
mod roca;
mod sign;
pub(crate) mod unverified;

pub use compact::Part;

pub(crate) use compact::{Compact, Fault, Segments};
pub(crate) use key::VerificationKey;
pub(crate) use sign::{segment, sign};
