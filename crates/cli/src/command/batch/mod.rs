//! `introspect --batch`: many tokens, one line each.

mod engine;
mod line;
mod lines;
mod members;
mod reader;
mod reply;
mod state;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use okta_introspect::{CircuitConfig, Client, ClientBuilder, Endpoint, RateWindows, SystemClock};
use serde::Serialize;

use crate::args::IntrospectArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, ProgressLine, Reader};
use crate::settings::{Found, Origin};

use super::destination::Destination;
use super::other_server::{self, Needed};
use super::runtime::{interrupt, wait_for};
use super::setup;
use super::verdict::{Servers, opaque};

use engine::{End, Engine, Sink};
use line::{Outcome, Record};
use state::{Progress, StateFile};

/// The default timeout: a call may wait for several rate windows of a minute.
const TIMEOUT: Duration = Duration::from_secs(300);

pub(super) fn run(args: IntrospectArgs, input: &Path) -> Result<Exit, Failure> {
    let settings = setup::settings(args.client)?;
    let concurrency = usize::from(args.concurrency);
    let settings = settings.or_timeout(Found::new(TIMEOUT.as_secs(), Origin::Flag("--batch")));
    let windows = RateWindows::default();
    let complete = |builder: ClientBuilder| {
        builder.max_in_flight(concurrency).rate_windows(windows.clone()).build()
    };
    let client_at = |issuer| {
        let builder = settings.client_builder_at(issuer)?.circuit(CircuitConfig::off());
        Ok(complete(builder)?)
    };
    let builder = other_server::builder(&settings, &args.server, &[Needed::Introspection])?;
    let client = complete(builder)?;
    let state = args.resume.as_deref().map(StateFile::new);
    let done = state.as_ref().map(StateFile::load).transpose()?.unwrap_or_default();
    let (lines, length) = reader::start(input, args.hint)?;
    if let Some(state) = &state {
        state.save(&done)?; // A state file that cannot be written is reported before any token is sent.
    }
    let servers = Servers::new(client.clone(), client_at).bound_to(Destination::of(&settings)?);
    let engine = Engine { servers, clock: Arc::new(SystemClock), concurrency };
    let line = ProgressLine::new(length);
    let mut sink =
        Output { state, progress: done.clone(), unprinted: None, opaque: 0, client, line };
    let end = wait_for(engine.run(lines, &done, interrupt(), &mut sink));
    sink.line.finish();
    sink.note_what_inactive_proves();
    if args.json && end != Ok(End::Unread) {
        sink.print_summary(end == Ok(End::Complete))?;
    }
    let progress = sink.progress;
    match end {
        Err(failure) => Err(failure.during(match progress.lines {
            0 => "stopped before the first answer".to_owned(),
            line => format!("stopped after line {line}"),
        })),
        Ok(End::Unread) => unread(progress, sink.unprinted),
        Ok(End::Interrupted) => Err(Failure::new(Exit::Interrupted, "interrupted")
            .during(&progress)
            .advise(match args.resume {
                Some(_) => "go on with the same --resume file",
                None => "with --resume, the next run would go on from here",
            })),
        Ok(End::Complete) => match progress.emptiness() {
            Some(empty) => Err(Failure::usage(empty)
                .advise("check its file, or what the command before it printed")),
            None => verdict(progress.exit(), &progress),
        },
    }
}

/// The exit code, and the counts in a note or, where it stands for a failure, in the error.
fn verdict(exit: Exit, counts: impl fmt::Display) -> Result<Exit, Failure> {
    let advice = match exit {
        Exit::Done | Exit::Denied => {
            output::note(counts);
            return Ok(exit);
        }
        Exit::Usage => "the output says for each such line what is wrong with it",
        _ => "the output says for each such line why",
    };
    Err(Failure::new(exit, counts.to_string()).advise(advice))
}

/// What is known by the time the reader of the output has left; that all is well never is.
fn unread(mut progress: Progress, unprinted: Option<Outcome>) -> Result<Exit, Failure> {
    let printed = progress.to_string();
    if let Some(outcome) = unprinted {
        progress.count(outcome);
    }
    let told =
        format!("the output is no longer read, and not every line was asked about; {printed}");
    match progress.exit() {
        Exit::Done => Err(Failure::new(Exit::Unknown, told).advise("read it to its end")),
        exit => verdict(exit, told),
    }
}

/// Prints answers, and keeps the progress.
struct Output {
    state: Option<StateFile>,
    progress: Progress,
    /// What came of the line that could not be printed.
    unprinted: Option<Outcome>,
    /// How many inactive tokens named no server.
    opaque: u64,
    client: Client,
    line: ProgressLine,
}

impl Output {
    fn note_what_inactive_proves(&self) {
        if self.opaque > 0 {
            let name = if self.opaque == 1 { "names" } else { "name" };
            let which = format!("{} of the inactive tokens {name} no server", self.opaque);
            output::note(opaque(self.client.issuer(), &which));
        }
    }

    /// The last line of `--json`.
    fn print_summary(&self, complete: bool) -> Result<(), Failure> {
        let Progress { lines, active, inactive, unknown, refused, unusable, blank, .. } =
            self.progress;
        output::json(&SummaryJson {
            summary: Counts {
                lines,
                active,
                inactive,
                without_verdict: unknown,
                refused,
                without_token: unusable,
                blank,
                complete,
            },
        })
    }
}

/// The names are stable.
#[derive(Serialize)]
struct SummaryJson {
    summary: Counts,
}

#[derive(Serialize)]
struct Counts {
    lines: u64,
    active: u64,
    inactive: u64,
    without_verdict: u64,
    refused: u64,
    without_token: u64,
    blank: u64,
    /// Whether this is all of the input.
    complete: bool,
}

impl Sink for Output {
    fn done(&mut self, record: &Record, bytes: u64) -> Result<bool, Failure> {
        if record.outcome != Outcome::Blank {
            let json = serde_json::to_string(record).map_err(|cause| {
                Failure::new(Exit::Unknown, "an answer cannot be written").because(&cause)
            })?;
            if output::part(&(json + "\n"))? == Reader::Gone {
                self.unprinted = Some(record.outcome);
                return Ok(false);
            }
        }
        self.opaque += u64::from(record.outcome == Outcome::Untaken);
        self.progress.add(record);
        // After printing: a run that is killed between the two prints a line twice rather than never.
        if let Some(state) = &self.state {
            state.save(&self.progress)?;
        }
        let rate_window = self.client.rate_limit(Endpoint::Introspection);
        let rate_window = rate_window.map(|stated| (stated.remaining, stated.limit));
        self.line.advance(bytes, self.progress.active, self.progress.inactive, rate_window);
        Ok(true)
    }

    fn waits(&mut self, until: Option<DateTime<Utc>>) {
        output::note(long_wait(until));
    }
}

/// Why the run waits, and until when as far as that is known.
fn long_wait(until: Option<DateTime<Utc>>) -> String {
    match until {
        Some(until) => {
            let until = until.to_rfc3339_opts(SecondsFormat::Secs, true);
            format!("the rate limit is used up: waiting until {until}")
        }
        None => "no answer for 5 s: the server is slow, or refuses for a while; waiting within --timeout".to_owned(),
    }
}

#[cfg(test)]
#[path = "../../../../../fuzz/src/batch_line.rs"]
mod fuzzing;

#[cfg(test)]
mod tests;
