//! All printing: data to stdout, words for people to stderr.
//!
//! A reader that has gone away (`okta-introspect … | head -1`) is no failure: what it did not
//! read, it did not want. The command goes on, and its exit code stays its own.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;

/// For what is well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();

/// For what is not.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// For what deserves a second look.
pub(crate) const CAUTION: Style = AnsiColor::Yellow.on_default().bold();

/// Prints one or more lines of data. Colours reach terminals only, and only where `NO_COLOR`
/// and its like permit.
pub(crate) fn data(text: impl Display) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    match written {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Unknown, "the output cannot be written").because(&cause))
        }
        _ => Ok(()),
    }
}

/// Prints a value as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(value).map_err(|cause| {
        Failure::new(Exit::Unknown, "the output cannot be written as JSON").because(&cause)
    })?;
    data(line)
}

/// Says something that is good to know.
pub(crate) fn note(text: impl Display) {
    say("note", CAUTION, text);
}

/// Says why the command failed, in exactly one line.
pub(crate) fn failure(failure: &Failure) {
    say("error", BAD, failure);
}

/// Whether somebody sits at standard input.
pub(crate) fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Nothing can be done about an unwritable stderr, and nothing depends on it.
fn say(label: &str, style: Style, text: impl Display) {
    let text = one_line(&text.to_string());
    let _ = writeln!(anstream::stderr().lock(), "{style}{label}:{style:#} {text}");
}

/// Texts may quote foreign words: neither line breaks nor terminal controls get through.
pub(crate) fn one_line(text: &str) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_without_terminal_controls() {
        assert_eq!(one_line("two\r\nlines \u{1b}[31mred\u{9b}0m"), "two lines [31mred 0m");
    }
}
