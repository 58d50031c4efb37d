//! How a client proves who it is: assertions to servers, and proofs that a token is its own.

pub(crate) mod assertion;
pub(crate) mod audience;
pub(crate) mod dpop;
mod id;
mod pace;
