//! What commands work on: the token, what a JWT says about itself, and what the user answers.

pub(crate) mod answer;
pub(crate) mod jwt;
pub(crate) mod token;
pub(crate) mod wrapping;
