//! What commands work on: the token, what a JWT says about itself, other documents, and what the user
//! answers.

pub(crate) mod answer;
pub(crate) mod document;
pub(crate) mod jwt;
pub(crate) mod public;
pub(crate) mod token;
pub(crate) mod wrapping;
