//! Signed JWTs in compact form ([RFC 7515 §7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)).

mod compact;
mod json;
mod key;
mod roca;
mod sign;

pub use compact::Part;
pub use json::JsonFault;
pub use key::KeyFault;

pub(crate) use compact::{Compact, Fault, Segments};
pub(crate) use json::{Node, Object};
pub(crate) use key::VerificationKey;
pub(crate) use sign::{segment, sign};
