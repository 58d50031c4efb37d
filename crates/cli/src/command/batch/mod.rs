//! `introspect --batch`: many tokens, one line each.

mod engine;
mod line;
mod reader;
mod state;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use okta_introspect::{Client, Endpoint, SystemClock};

use crate::args::IntrospectArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, ProgressLine, Reader};
use crate::settings::{Found, Origin};

use super::destination::Destination;
use super::runtime::{interrupt, wait_for};
use super::setup;

use engine::{End, Engine, Sink};
use line::Record;
use state::{Progress, StateFile};

/// The default timeout: a call may wait for several rate windows of a minute.
const TIMEOUT: Duration = Duration::from_secs(300);

pub(super) fn run(args: IntrospectArgs, input: &Path) -> Result<Exit, Failure> {
    let settings = setup::settings(args.client)?;
    let concurrency = usize::from(args.concurrency);
    let settings = settings.or_timeout(Found::new(TIMEOUT.as_secs(), Origin::Flag("--batch")));
    let (client_id, key) = settings.credentials()?;
    let builder = settings.builder(settings.issuer()?, client_id, key)?;
    let client = builder.max_in_flight(concurrency).build()?;
    let state = args.resume.as_deref().map(StateFile::new);
    let done = state.as_ref().map(StateFile::load).transpose()?.unwrap_or_default();
    let (lines, length) = reader::start(input, args.hint)?;
    if let Some(state) = &state {
        state.save(&done)?; // A state file that cannot be written is reported before any token is sent.
    }
    let destination = Destination::of(&settings)?;
    let engine =
        Engine { client: client.clone(), clock: Arc::new(SystemClock), destination, concurrency };
    let line = ProgressLine::new(length);
    let mut sink = Output { state, progress: done.clone(), client, line };
    let end = wait_for(engine.run(lines, &done, interrupt(), &mut sink));
    sink.line.finish();
    let progress = sink.progress;
    match end {
        Err(failure) => Err(failure.during(match progress.lines {
            0 => "stopped before the first answer".to_owned(),
            line => format!("stopped after line {line}"),
        })),
        Ok(End::Unread) => Ok(Exit::Done),
        Ok(End::Interrupted) => Err(Failure::new(Exit::Interrupted, "interrupted")
            .during(summary(&progress))
            .advise(match args.resume {
                Some(_) => "go on with the same --resume file",
                None => "with --resume, the next run would go on from here",
            })),
        Ok(End::Complete) => verdict(&progress),
    }
}

fn verdict(progress: &Progress) -> Result<Exit, Failure> {
    if progress.unusable > 0 {
        return Err(Failure::usage(summary(progress))
            .advise("the output says for each such line what is wrong with it"));
    }
    output::note(summary(progress));
    Ok(if progress.inactive > 0 { Exit::Denied } else { Exit::Done })
}

fn summary(progress: &Progress) -> String {
    let Progress { lines, active, inactive, unusable, .. } = progress;
    let noun = if *lines == 1 { "line" } else { "lines" };
    format!("{lines} {noun}: {active} active, {inactive} inactive, {unusable} without a token")
}

/// Prints answers, and keeps the progress.
struct Output {
    state: Option<StateFile>,
    progress: Progress,
    client: Client,
    line: ProgressLine,
}

impl Sink for Output {
    fn answer(&mut self, record: &Record, bytes: u64) -> Result<bool, Failure> {
        let json = serde_json::to_string(record).map_err(|cause| {
            Failure::new(Exit::Unknown, "an answer cannot be written").because(&cause)
        })?;
        if output::part(&(json + "\n"))? == Reader::Gone {
            return Ok(false);
        }
        let progress = &mut self.progress;
        (progress.lines, progress.last) = (record.line, record.token.clone());
        match record.introspection.as_ref().map(|answer| answer.active) {
            Some(true) => progress.active += 1,
            Some(false) => progress.inactive += 1,
            None => progress.unusable += 1,
        }
        // After printing: a run that is killed between the two prints a line twice rather than never.
        if let Some(state) = &self.state {
            state.save(progress)?;
        }
        let rate_window = self.client.rate_limit(Endpoint::Introspection);
        let rate_window = rate_window.map(|stated| (stated.remaining, stated.limit));
        self.line.advance(bytes, progress.active, progress.inactive, rate_window);
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
