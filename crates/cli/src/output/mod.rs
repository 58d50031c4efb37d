//! All printing: data to stdout, notes and errors to stderr.
//!
//! A closed pipe (`okta-introspect … | head -1`) is no failure: the command goes on, and its exit
//! code stays its own.

mod progress;
mod requests;

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::{one_line, terminal, wrap};

pub(crate) use progress::ProgressLine;
pub(crate) use requests::log_requests;

/// For what is well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();

/// For what is not.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// For what deserves a second look.
pub(crate) const CAUTION: Style = AnsiColor::Yellow.on_default().bold();

/// Prints one or more lines of data. Colours reach terminals only, and only where `NO_COLOR`
/// and its like permit.
pub(crate) fn data(text: impl Display) -> Result<(), Failure> {
    line(text).map(|_| ())
}

/// As [`data`]; returns whether the reader is still there.
pub(crate) fn line(text: impl Display) -> Result<Reader, Failure> {
    let text = text.to_string();
    let text = if stdout_is_terminal() { terminal::plain(&text) } else { text.into() };
    let mut stdout = anstream::stdout().lock();
    reader_after(writeln!(stdout, "{text}").and_then(|()| stdout.flush()))
}

/// As [`line`], for people: on a terminal, lines are wrapped to its width.
pub(crate) fn report(text: impl Display) -> Result<Reader, Failure> {
    match stdout_width() {
        Some(width) => line(wrap::page(&text.to_string(), width)),
        None => line(text),
    }
}

/// Prints a part of the data, which is text of others: byte for byte, but on a terminal without what
/// it would act on. Returns whether the reader is still there, so that a long output can end early.
pub(crate) fn foreign(text: &str) -> Result<Reader, Failure> {
    match stdout_is_terminal() {
        true => bytes(&terminal::plain(text)),
        false => bytes(text),
    }
}

/// As [`foreign`], for JSON: on a terminal, what it would act on is escaped, so that it stays the
/// same JSON.
pub(crate) fn part(json: &str) -> Result<Reader, Failure> {
    match stdout_is_terminal() {
        true => bytes(&terminal::json(json)),
        false => bytes(json),
    }
}

fn bytes(text: &str) -> Result<Reader, Failure> {
    let mut stdout = io::stdout().lock();
    reader_after(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Whether the output is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reader {
    Present,
    Gone,
}

fn reader_after(written: io::Result<()>) -> Result<Reader, Failure> {
    match written {
        Ok(()) => Ok(Reader::Present),
        Err(cause) if cause.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(cause) => Err(unwritable(&cause)),
    }
}

/// Prints a value as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    json_line(value).map(|_| ())
}

/// As [`json`]; returns whether the reader is still there.
pub(crate) fn json_line(value: &impl Serialize) -> Result<Reader, Failure> {
    let text = serde_json::to_string(value).map_err(|cause| {
        Failure::new(Exit::Unknown, "the output cannot be written as JSON").because(&cause)
    })?;
    part(&(text + "\n"))
}

/// Prints a note, unless none are wanted.
pub(crate) fn note(text: impl Display) {
    if !QUIET.load(Ordering::Relaxed) {
        message("note", CAUTION, text);
    }
}

/// Prints what must be told even where no notes are wanted.
pub(crate) fn notice(text: impl Display) {
    message("note", CAUTION, text);
}

/// Leaves out all further notes. Errors are told all the same.
pub(crate) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether notes are left out; set once, before the first.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Prints why the command failed, in exactly one line, unless a terminal is narrower.
pub(crate) fn failure(failure: &Failure) {
    message("error", BAD, failure);
}

/// Asks the user something; the answer follows on the same line.
pub(crate) fn question(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = write!(stderr, "{text}: ").and_then(|()| stderr.flush());
}

/// Whether standard input is a terminal.
pub(crate) fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Whether standard output is a terminal.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether what is written to standard output gets anywhere. One that was closed is the null device by
/// now; one that is open for reading alone takes everything without an error.
#[cfg(unix)]
pub(crate) fn stdout_leads_on() -> bool {
    use std::fs::{self, File};
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

    let Ok(stdout) = io::stdout().as_fd().try_clone_to_owned() else { return false };
    let mut stdout = File::from(stdout);
    let is_null = match (stdout.metadata(), fs::metadata("/dev/null")) {
        (Ok(stdout), Ok(null)) => null.rdev() != 0 && stdout.rdev() == null.rdev(),
        _ => false,
    };
    !is_null && stdout.write(&[]).is_ok()
}

/// Elsewhere, only writing tells.
#[cfg(not(unix))]
pub(crate) fn stdout_leads_on() -> bool {
    true
}

/// How many columns the terminal at standard output has; `None` if it is none.
pub(crate) fn stdout_width() -> Option<usize> {
    width(terminal_size::terminal_size_of(io::stdout()))
}

fn width(size: Option<(terminal_size::Width, terminal_size::Height)>) -> Option<usize> {
    Some(usize::from(size?.0.0)).filter(|width| *width > 0)
}

/// Whether colours on stdout are kept.
pub(crate) fn stdout_has_colours() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

fn unwritable(cause: &io::Error) -> Failure {
    Failure::new(Exit::Unknown, "the output cannot be written")
        .because(cause)
        .advise("make room, or send it elsewhere")
}

/// An unwritable stderr is ignored: nothing depends on it.
fn message(label: &str, style: Style, text: impl Display) {
    let text = format!("{style}{label}:{style:#} {}", one_line(&text.to_string()));
    let text = match width(terminal_size::terminal_size_of(io::stderr())) {
        Some(width) => wrap::wrapped(&text, width, label.len() + 2),
        None => text,
    };
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
