//! Standard input, which one thing at most is read from.

use std::io::{self, Stdin};
use std::sync::OnceLock;

/// What was read from it.
static CONTENT: OnceLock<&'static str> = OnceLock::new();

/// Standard input, to read `content` from. Whatever asks second would get what the first left of it,
/// so that it gets an error.
pub fn stdin(content: &'static str) -> io::Result<Stdin> {
    match CONTENT.set(content) {
        Ok(()) => Ok(io::stdin()),
        Err(_) => {
            let first = CONTENT.get().copied().unwrap_or("something else");
            Err(io::Error::other(format!("{first} was read from it already")))
        }
    }
}
