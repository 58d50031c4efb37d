//! Reads the input on a thread of its own, no further ahead than is needed.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::thread;

use okta_introspect::TokenTypeHint;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::files;
use crate::text::{self, is_utf_16};

use super::line::Question;
use super::lines;

/// How many lines are read ahead.
const AHEAD: usize = 16;

const IN_UTF_16: &str = "it is in UTF-16: convert it with `iconv -f UTF-16 -t UTF-8`";

/// A question, and how many bytes of the input it took.
pub(super) type Item = io::Result<(Question, u64)>;

/// Begins to read. Returns the questions, and the length of the input if it is known.
pub(super) fn start(
    path: &Path,
    hint: Option<TokenTypeHint>,
) -> Result<(Receiver<Item>, Option<u64>), Failure> {
    let (sender, receiver) = channel(AHEAD);
    if path == Path::new("-") {
        let stdin = files::stdin("the batch").map_err(|cause| {
            Failure::usage("the batch cannot be read from standard input")
                .because(&cause)
                .advise("name its file behind --batch")
        })?;
        thread::spawn(move || read(stdin.lock(), hint, &sender));
        return Ok((receiver, None));
    }
    let file = File::open(path).map_err(|cause| {
        Failure::usage(format!("the batch file cannot be read: {}", text::path(path)))
            .because(&cause)
            .advise("check the path and the right to read it")
    })?;
    let length = file.metadata().ok().filter(|file| file.is_file()).map(|file| file.len());
    thread::spawn(move || read(BufReader::new(file), hint, &sender));
    Ok((receiver, length))
}

/// Sends question after question until the input ends or the receiver is gone.
fn read(mut input: impl BufRead, hint: Option<TokenTypeHint>, sender: &Sender<Item>) {
    let (mut number, mut bytes) = (0, 0);
    loop {
        let mut line = Zeroizing::new(Vec::new());
        let question = match lines::next(&mut input, &mut line) {
            Ok(0) => return,
            Ok(_) if number == 0 && is_utf_16(&line) => {
                // The receiver may be gone.
                let _ = sender.blocking_send(Err(io::Error::other(IN_UTF_16)));
                return;
            }
            Ok(length) => {
                number += 1;
                bytes += length;
                lines::question(number, &line, length, hint)
            }
            Err(cause) => {
                // The receiver may be gone.
                let _ = sender.blocking_send(Err(cause));
                return;
            }
        };
        if sender.blocking_send(Ok((question, bytes))).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lines::MAX_LINE;
    use super::*;

    #[test]
    fn lines_are_numbered_as_in_an_editor_and_long_ones_are_no_questions() {
        let long = "x".repeat(MAX_LINE as usize + 7);
        let input = format!("a\n\n{long}\nb\r\n\u{1}\nlast");
        let (sender, mut receiver) = channel(100);
        read(input.as_bytes(), None, &sender);
        drop(sender);
        let mut told = Vec::new();
        while let Some(item) = receiver.blocking_recv() {
            let (question, bytes) = item.unwrap();
            told.push((question.line, question.token.is_ok(), bytes));
        }
        let end = input.len() as u64;
        let long_end = 3 + long.len() as u64 + 1;
        assert_eq!(
            told,
            [
                (1, true, 2),
                (2, false, 3),
                (3, false, long_end),
                (4, true, long_end + 3),
                (5, false, long_end + 5),
                (6, true, end),
            ]
        );
    }
}
