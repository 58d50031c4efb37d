//! `signals watch`: what the System Log tells of tokens, as it comes.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use okta_introspect::signals::{Applied, Feed, Signal, SystemLog};
use okta_introspect::{Client, Clock, Deadline, Error, ErrorKind, Scopes, SystemClock};

use crate::args::SignalsWatchArgs;
use crate::command::runtime::{Told, told_to_end, wait_for};
use crate::command::setup;
use crate::command::times::later;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Reader};
use crate::settings::Settings;

use super::line::{Line, Seen};

pub(super) fn run(args: SignalsWatchArgs) -> Result<Exit, Failure> {
    let settings = setup::settings(args.client.requesting(&[], &args.dpop))?;
    let client = settings.org_client()?;
    let printed = Arc::new(Printed::new(client.clone(), args.json));
    let own = Arc::clone(&printed);
    let feed = Feed::builder([]).on_signal(move |signal, applied| own.print(signal, applied));
    let (feed, logs) = (feed.build(), client.resource(Scopes::parse(SystemLog::SCOPE)?));
    let builder = SystemLog::builder(logs, feed.clone()).interval(args.interval);
    let builder = builder.since(args.since.unwrap_or_default());
    let builder = match args.cursor {
        Some(path) => builder.cursor_file(path),
        None => builder,
    };
    let deadline = args.limit.map(|limit| later(SystemClock.monotonic(), limit));
    let log = builder.build()?;
    let mut watch =
        Watch { settings: &settings, feed, log, printed, failing: None, gaps: 0, has_read: false };
    match wait_for(async { watch.run(told_to_end()?, deadline).await })? {
        End::Told(Told::Interrupted) => Err(Failure::new(Exit::Interrupted, "interrupted")),
        End::TimeUp if !watch.has_read => Err(Failure::new(
            Exit::Unknown,
            "time is up, and the System Log was not read to its end",
        )
        .advise("see the note above, if there is one, or allow more time with --for")),
        End::Told(Told::Terminated) | End::TimeUp | End::Unread => Ok(Exit::Done),
    }
}

/// How a watch ended, if not by a failure.
#[derive(Clone, Copy, Debug)]
enum End {
    Told(Told),
    TimeUp,
    /// The output is no longer read.
    Unread,
}

struct Watch<'a> {
    settings: &'a Settings,
    feed: Feed,
    log: SystemLog,
    printed: Arc<Printed>,
    /// The kind of failure that a note has told of.
    failing: Option<ErrorKind>,
    gaps: u64,
    /// Whether the latest poll was good.
    has_read: bool,
}

impl Watch<'_> {
    async fn run(
        &mut self,
        told: impl Future<Output = Told>,
        deadline: Option<Instant>,
    ) -> Result<End, Failure> {
        let mut told = pin!(told);
        loop {
            let due = tokio::select! {
                biased;
                told = &mut told => return Ok(End::Told(told)),
                due = self.log.read() => due,
                () = reached(deadline) => return Ok(End::TimeUp),
            };
            // What could not be printed is to come again at the next start.
            match self.printed.outcome()? {
                Reader::Present => self.log.keep().await?,
                Reader::Gone => return Ok(End::Unread),
            }
            self.tell()?;
            tokio::select! {
                biased;
                told = &mut told => return Ok(End::Told(told)),
                () = SystemClock.sleep_until(due) => {}
                () = reached(deadline) => return Ok(End::TimeUp),
            }
        }
    }

    /// Tells how the poll went, where that has changed. A failure, where asking again cannot help.
    fn tell(&mut self) -> Result<(), Failure> {
        let gaps = self.feed.status().iter().map(|status| status.gaps).sum();
        let is_gap = gaps > std::mem::replace(&mut self.gaps, gaps);
        if is_gap {
            output::note("signals may be lost: the System Log begins anew");
        }
        let error = self.log.error().cloned();
        self.has_read = error.is_none();
        match error {
            None if self.failing.take().is_some() => {
                output::note("the System Log is read again");
                Ok(())
            }
            None => Ok(()),
            // A link that leads nowhere any more is refused as well, and followed no more.
            Some(error) if !is_gap && Exit::from(error.kind()) != Exit::Unknown => {
                Err(self.explain(error))
            }
            Some(error) => {
                if self.failing.replace(error.kind()) != Some(error.kind()) {
                    let failure = self.explain(error);
                    output::note(format_args!(
                        "the System Log cannot be read: {failure}; asking again"
                    ));
                }
                Ok(())
            }
        }
    }

    fn explain(&self, error: Error) -> Failure {
        setup::explain(self.settings, error)
    }
}

/// Prints signals where they come in: what was printed is told to the log after that.
struct Printed {
    client: Client,
    json: bool,
    start: DateTime<Utc>,
    outcome: Mutex<Result<Reader, Failure>>,
}

impl Printed {
    fn new(client: Client, json: bool) -> Self {
        let outcome = Mutex::new(Ok(Reader::Present));
        Self { client, json, start: SystemClock.now(), outcome }
    }

    fn print(&self, signal: &Signal, applied: Applied) {
        let mut outcome = self.lock();
        if applied != Applied::New || *outcome != Ok(Reader::Present) {
            return;
        }
        let offset = self.client.clock_offset().filter(|offset| offset.is_significant());
        let offset = TimeDelta::milliseconds(offset.map_or(0, |offset| offset.millis));
        let seen = Seen { now: SystemClock.now(), offset, start: self.start };
        let line = Line::new(signal, seen);
        *outcome = match self.json {
            true => output::json_line(&line),
            false => output::line(line.text()),
        };
    }

    /// Whether all was printed.
    fn outcome(&self) -> Result<Reader, Failure> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Result<Reader, Failure>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(at) => {
            Deadline::new(&SystemClock, at).before(std::future::pending::<()>()).await;
        }
        None => std::future::pending().await,
    }
}
