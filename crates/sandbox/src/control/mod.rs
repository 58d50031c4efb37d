//! What a test may do: fill and start a sandbox, change it, look at it, and let it fail.

pub(crate) mod builder;
pub(crate) mod faults;
mod limits;
mod log;
mod revocation;
pub(crate) mod sandbox;
mod sign_in;
