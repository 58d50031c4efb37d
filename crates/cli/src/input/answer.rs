//! Answers of the user at a terminal.

use std::io::{self, BufRead, Read};

use crate::failure::Failure;
use crate::output;

/// The longest answer that is read, in bytes.
const MAX_LEN: u64 = 4096;

/// Asks for what `flag` would have given.
pub(crate) fn required(question: &str, flag: &str) -> Result<String, Failure> {
    let missing = || Failure::usage(format!("{flag} is missing")).advise(format!("give {flag}"));
    if !output::stdin_is_terminal() {
        return Err(missing());
    }
    ask(question)?.ok_or_else(missing)
}

/// Asks for what need not be given; where nobody can be asked, it is not.
pub(crate) fn optional(question: &str) -> Result<Option<String>, Failure> {
    match output::stdin_is_terminal() {
        true => ask(question),
        false => Ok(None),
    }
}

fn ask(question: &str) -> Result<Option<String>, Failure> {
    output::question(question);
    let mut line = String::new();
    let read = io::stdin().lock().take(MAX_LEN).read_line(&mut line);
    read.map_err(|cause| Failure::usage("the answer cannot be read").because(&cause))?;
    let answer = line.trim();
    Ok((!answer.is_empty()).then(|| answer.to_owned()))
}
