//! Takes the input apart into lines.

use std::io::{self, BufRead, Read};

use okta_introspect::TokenTypeHint;

use super::line::Question;

/// Room for the longest token and as much again for other members.
pub(super) const MAX_LINE: u64 = 64 * 1024;

/// Reads what a line asks; `length` is that of the whole line.
pub(super) fn question(
    number: u64,
    line: &[u8],
    length: u64,
    hint: Option<TokenTypeHint>,
) -> Question {
    if length > MAX_LINE {
        return Question::unreadable(number, line, "the line is longer than 64 KiB");
    }
    match std::str::from_utf8(line) {
        Ok(text) => Question::read(number, text, hint),
        Err(_) => Question::unreadable(number, line, "the line is binary data"),
    }
}

/// Reads a line, of a long one only the beginning. Returns its whole length, 0 at the end.
pub(super) fn next(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    let mut length = input.by_ref().take(MAX_LINE + 1).read_until(b'\n', line)? as u64;
    while length > MAX_LINE && line.last() != Some(&b'\n') {
        line.clear();
        let more = input.by_ref().take(MAX_LINE).read_until(b'\n', line)? as u64;
        if more == 0 {
            break;
        }
        length += more;
    }
    Ok(length)
}
