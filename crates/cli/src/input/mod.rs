//! What commands work on: the token, and what a JWT says about itself.

pub(crate) mod jwt;
pub(crate) mod token;
pub(crate) mod wrapping;
