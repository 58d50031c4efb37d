//! Follows Okta's System Log.

mod builder;
mod cursor;
mod lag;
mod pace;
mod page;
mod report;

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::task::{JoinHandle, spawn_blocking};

pub use builder::SystemLogBuilder;

use super::event::LogEvent;
use super::feed::{Applied, Feed};
use super::signal::SourceKind;
use crate::clock::{Clock, later, shifted};
use crate::error::{Error, ErrorKind};
use crate::management::{Resource, ResourceAnswer, ResourceCall};
use crate::support::random::Random;
use cursor::Cursor;
use lag::Lags;
use pace::Pace;
use report::Report;

/// Follows Okta's System Log, and gives a [`Feed`] what it tells of tokens.
///
/// It is the only source of Okta's that tells everything it knows of revocations, and the only one
/// that says when it has: so it is also what lets answers count longer, see
/// [`Coverage`](crate::checker::Coverage). It needs a service app with the scope `okta.logs.read`
/// and a role that may read the log, and calls `/api/v1/logs` once an interval. Okta counts these calls
/// apart from introspections, but together with those of other programs that read the log; see
/// [`interval`](SystemLogBuilder::interval).
///
/// - **Nothing is skipped.** The log is followed by its own links, which come in the order in which
///   events were written. With a [file for the cursor](SystemLogBuilder::cursor_file) it goes on
///   where it was when the program ended, however that was.
/// - **What may have been lost is noticed.** Where the log cannot be gone on with, everything is
///   declared invalid, and it begins anew. [`SourceStatus::gaps`](super::SourceStatus::gaps) counts
///   that.
/// - **Coverage is never ahead of the log.** It ends where the last complete poll was sent, less the
///   time by which events came late in the last hour, and one second at least. Whatever fails, it
///   stays where it is.
/// - **Others are left room.** What other programs use of the rate limit is seen from what each
///   answer states, and left to them.
///
/// # Example: signals for a checker until the handle is dropped
///
/// ```no_run
/// use okta_introspect::signals::{Feed, SystemLog};
/// use okta_introspect::{Checker, Client, Error, Scopes};
///
/// # async fn example(client: &Client, checker: &Checker) -> Result<(), Error> {
/// let logs = client.resource(Scopes::parse("okta.logs.read")?);
/// let feed = Feed::new([checker.clone()]);
/// let log = SystemLog::builder(logs, feed.clone()).cursor_file("/var/lib/orders/log").build()?;
/// let following = log.start();
/// println!("{:?}", feed.status());
/// following.stop().await;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct SystemLog {
    resource: Resource,
    feed: Feed,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    interval: Duration,
    cursor_file: Option<PathBuf>,
    org: String,
    filter: String,
    position: Position,
    /// Whether the feed knows that the log is followed from somewhere on.
    has_begun: bool,
    /// The date, by the server's clock, of the last page that was all there was, of this chain of
    /// links.
    complete: Option<DateTime<Utc>>,
    /// When the last page came.
    read_at: Option<Instant>,
    /// When the cursor was written, and its link.
    saved: Option<(Instant, String)>,
    /// When the next poll is due.
    due: Option<Instant>,
    /// How many polls failed since a page was found by a link.
    failures: u32,
    /// Whether a poll failed or was late since the last complete one: what it brings may have been
    /// there for a while.
    was_held_up: bool,
    lags: Lags,
    pace: Pace,
    report: Report,
}

/// Where the log goes on.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Position {
    /// Perhaps where a file says.
    Unknown,
    /// Now; at this attempt to tell what is now.
    Now(u32),
    /// Behind this link.
    At(String),
}

/// What came of a poll that was answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Read {
    /// All there was.
    All,
    /// There is more.
    Part,
    /// It did not begin where it should have; this computer's clock is now known to be off.
    Elsewhere,
}

impl SystemLog {
    /// The scope that the token for it needs.
    pub const SCOPE: &str = "okta.logs.read";

    /// The default of [`SystemLogBuilder::interval`].
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(2);

    /// The least [`SystemLogBuilder::interval`].
    pub const MIN_INTERVAL: Duration = Duration::from_secs(1);

    /// A log begins so much before now, by the server's clock: what happens while it is found out
    /// what is now is not lost.
    const OVERLAP_SECONDS: i64 = 60;

    /// The bounds of what the overlap may be as it turns out: a server's dates leave out the
    /// fraction of the second.
    const LEAST_OVERLAP: Duration = Duration::from_secs(2);
    const MOST_OVERLAP: Duration = Duration::from_secs(5 * 60);

    /// So often at most it is found out in a row what is now.
    const MAX_BEGINNINGS: u32 = 3;

    /// Okta keeps its log for 90 days; what was not read for longer than this may be gone.
    const RETENTION: Duration = Duration::from_secs(89 * 24 * 3600);

    /// Full pages follow each other no faster, whatever the server allows.
    const MIN_SPACING: Duration = Duration::from_millis(100);

    /// The longest pause after failures.
    const MAX_PAUSE: Duration = Duration::from_secs(60);

    /// A poll that is later than this after it was due has been kept from being sent.
    const PUNCTUAL: Duration = Duration::from_secs(5);

    /// How often the cursor is written where it does not change: often enough to tell its age.
    const SAVE_AGAIN: Duration = Duration::from_secs(3600);

    /// Begins what follows the log of an org, called with tokens of the scope
    /// [`okta.logs.read`](Self::SCOPE), and feeds `feed`.
    pub fn builder(resource: Resource, feed: Feed) -> SystemLogBuilder {
        SystemLogBuilder::new(resource, feed)
    }

    /// Follows the log in a task of its own, until the handle is dropped.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start(self) -> Following {
        Following { task: tokio::spawn(self.run()) }
    }

    /// Follows the log for as long as the future is kept.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends it. With a file for the cursor nothing is lost that way; some
    /// events may be applied once more the next time.
    pub async fn run(mut self) {
        loop {
            let due = self.poll().await;
            self.clock.sleep_until(due).await;
        }
    }

    /// Reads one page, and tells when to read the next. For programs with a loop of their own;
    /// [`run`](Self::run) is that.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is safe: the same page is read again.
    pub async fn poll(&mut self) -> Instant {
        self.resume().await;
        let sent = self.clock.monotonic();
        if self.read_at.is_some_and(|at| sent.saturating_duration_since(at) > Self::RETENTION) {
            self.gap("cursor_too_old");
        }
        let (path, since) = self.path();
        let answer = self.resource.call(&ResourceCall::get(path.as_str())).await;
        let now = self.clock.monotonic();
        let read = match answer {
            Ok(answer) => self.take(&answer, &path, since, sent..now).await,
            Err(error) => Err(error),
        };
        let due = match read {
            Ok(read) => self.go_on(read, sent, now),
            Err(error) => self.fail(&error, now),
        };
        self.due = Some(due);
        due
    }

    /// What is asked for, and since when, if not by a link.
    fn path(&self) -> (String, Option<DateTime<Utc>>) {
        match &self.position {
            Position::At(link) => (link.clone(), None),
            Position::Unknown | Position::Now(_) => {
                let since = shifted(self.server_now(), -TimeDelta::seconds(Self::OVERLAP_SECONDS));
                let text = since.to_rfc3339_opts(SecondsFormat::Millis, true);
                let [since_text, filter] = [&text, &self.filter]
                    .map(|text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string());
                let (path, limit) = (page::PATH, page::MAX_EVENTS);
                let query =
                    format!("since={since_text}&sortOrder=ASCENDING&limit={limit}&filter={filter}");
                (format!("{path}?{query}"), Some(since))
            }
        }
    }

    /// Now, by the server's clock as far as it is known.
    fn server_now(&self) -> DateTime<Utc> {
        let offset = self.resource.clock_offset().map_or(0, |offset| offset.millis);
        shifted(self.clock.now(), TimeDelta::milliseconds(offset))
    }

    /// Applies a page, and moves on behind it.
    async fn take(
        &mut self,
        answer: &ResourceAnswer,
        path: &str,
        since: Option<DateTime<Utc>>,
        trip: Range<Instant>,
    ) -> Result<Read, Error> {
        let date = page::date(answer);
        self.pace.stated(trip.end, &page::limits(answer));
        if self.began_elsewhere(since, date, trip.end - trip.start)? {
            return Ok(Read::Elsewhere);
        }
        let events = page::events(answer)?;
        // Whatever else is wrong with the answer: these events have happened.
        self.apply(&events, date, &trip);
        let next = page::next(answer, self.resource.origin())?;
        if !events.is_empty() && next == path {
            return Err(Error::malformed("the System Log's page with events links to itself"));
        }
        if !std::mem::replace(&mut self.has_begun, true) {
            self.feed.begin_coverage(trip.start);
        }
        if matches!(self.position, Position::At(_)) {
            self.failures = 0;
            self.report.went_on();
        }
        self.read_at = Some(trip.end);
        self.position = Position::At(next);
        self.save(date, trip.end).await;
        let date = date.ok_or_else(|| {
            Error::malformed("the System Log's answer has no date, by which late events are told")
                .advise("see whether a proxy takes the header Date away")
        })?;
        if events.len() >= page::size(path) {
            return Ok(Read::Part);
        }
        self.complete = Some(date);
        self.was_held_up = false;
        Ok(Read::All)
    }

    /// Whether a log that was to begin now began at another time, because this computer's clock is
    /// off. Too late, and events may be missing; much too early, and there are days of them.
    fn began_elsewhere(
        &mut self,
        since: Option<DateTime<Utc>>,
        date: Option<DateTime<Utc>>,
        trip: Duration,
    ) -> Result<bool, Error> {
        let (Some((since, date)), Position::Now(attempt)) = (since.zip(date), &mut self.position)
        else {
            return Ok(false);
        };
        let before = (date - since).to_std().unwrap_or_default().saturating_sub(trip);
        if (Self::LEAST_OVERLAP..=Self::MOST_OVERLAP).contains(&before) {
            return Ok(false);
        }
        *attempt += 1;
        if *attempt > Self::MAX_BEGINNINGS {
            *attempt = 0;
            return Err(Error::malformed("it cannot be told what is now at the System Log")
                .advise("set this computer's clock, or see why calls take so long"));
        }
        Ok(true)
    }

    /// Applies the events of a page, and takes note of how late they are.
    fn apply(&mut self, events: &[LogEvent], date: Option<DateTime<Utc>>, trip: &Range<Instant>) {
        let is_late = |due| trip.start.saturating_duration_since(due) > Self::PUNCTUAL;
        self.was_held_up |= self.failures > 0 || self.due.is_some_and(is_late);
        // They were written after the last complete poll was sent, and before this answer.
        let seen = self.complete.zip(date).map(|(complete, date)| match self.was_held_up {
            true => complete,
            false => lag::latest(date),
        });
        for event in events {
            let applied = self.feed.apply_event(SourceKind::SystemLog, event);
            if let (Some(published), Some(seen)) = (event.published(), seen)
                && applied != Applied::Repeated
            {
                self.lags.saw(trip.end, published, seen);
            }
        }
    }

    /// After a page that counts: tells how far the log was read, and when to go on.
    fn go_on(&mut self, read: Read, sent: Instant, now: Instant) -> Instant {
        self.report.succeeded();
        let spacing = if read == Read::All { self.interval } else { Self::MIN_SPACING };
        let due = self.pace.next(now, later(sent, spacing).max(now));
        let allowance = self.lags.allowance(now);
        if let Some(until) = sent.checked_sub(allowance).filter(|_| read == Read::All) {
            let patience = self.interval.saturating_add(Self::PUNCTUAL);
            self.feed.advance_coverage(until, (due - now).saturating_add(patience));
        }
        due
    }

    /// After a poll that failed: coverage stays where it is.
    fn fail(&mut self, error: &Error, now: Instant) -> Instant {
        let reason = error.kind().as_str();
        self.feed.failed(SourceKind::SystemLog, reason);
        self.report.failed(reason, error);
        let status = error.refusal().map(|refusal| refusal.status);
        // What these say of a page that the server itself has linked to.
        let is_refused = matches!(status, Some(400 | 404 | 410));
        if is_refused && matches!(self.position, Position::At(_)) {
            self.gap("cursor_refused");
        }
        self.failures = self.failures.saturating_add(1);
        self.was_held_up = true;
        let doubled = self.interval.saturating_mul(1 << (self.failures - 1).min(16));
        let pause = doubled.min(Self::MAX_PAUSE).mul_f64(0.5 + self.random.fraction() / 2.0);
        let wait = error.retry_after().unwrap_or_default().min(Self::MAX_PAUSE).max(pause);
        self.pace.next(now, later(now, wait))
    }

    /// Signals may be lost: nothing that is known counts any more, and the log begins anew.
    fn gap(&mut self, why: &'static str) {
        self.report.gap(why);
        self.feed.invalidate_everything(SourceKind::SystemLog, why);
        self.position = Position::Now(0);
        self.has_begun = false;
        (self.complete, self.read_at) = (None, None);
    }

    /// Finds out where the log goes on after a start.
    async fn resume(&mut self) {
        if self.position != Position::Unknown {
            return;
        }
        let Some(path) = self.cursor_file.clone() else {
            self.position = Position::Now(0);
            return;
        };
        let read = spawn_blocking(move || cursor::read(&path)).await;
        match read
            .map_err(|_| "cursor_unreadable")
            .and_then(|read| read.map_err(|fault| fault.as_str()))
        {
            Ok(None) => self.position = Position::Now(0),
            Ok(Some(cursor)) => match self.fault(&cursor) {
                None => self.position = Position::At(cursor.next),
                Some(why) => self.gap(why),
            },
            Err(why) => self.gap(why),
        }
    }

    /// Why the log cannot be gone on with at a cursor.
    fn fault(&self, cursor: &Cursor) -> Option<&'static str> {
        let is_own = cursor.org == self.org
            && cursor.filter == self.filter
            && page::is_local(&cursor.next, self.resource.origin());
        let age = self.server_now() - cursor.read_at;
        // A computer without a battery may think that it is 1970.
        let is_young =
            -TimeDelta::days(1) <= age && age.to_std().unwrap_or_default() <= Self::RETENTION;
        match (is_own, is_young) {
            (false, _) => Some("cursor_foreign"),
            (true, false) => Some("cursor_too_old"),
            (true, true) => None,
        }
    }

    /// Writes where the log goes on, if that has changed.
    async fn save(&mut self, date: Option<DateTime<Utc>>, now: Instant) {
        let (Some(path), Position::At(link)) = (self.cursor_file.clone(), &self.position) else {
            return;
        };
        let is_saved = |(at, saved): &(Instant, String)| {
            saved == link && now.saturating_duration_since(*at) < Self::SAVE_AGAIN
        };
        if self.saved.as_ref().is_some_and(is_saved) {
            return;
        }
        let (link, read_at) = (link.clone(), date.unwrap_or_else(|| self.server_now()));
        let cursor = Cursor::new(&self.org, &self.filter, &link, read_at);
        let written = spawn_blocking(move || cursor::write(&path, &cursor)).await;
        match written.map_err(std::io::Error::from).flatten() {
            Ok(()) => {
                self.saved = Some((now, link));
                self.report.saved();
            }
            Err(error) => {
                self.feed.failed(SourceKind::SystemLog, "cursor_not_written");
                self.report.not_saved(&error);
            }
        }
    }
}

impl fmt::Debug for SystemLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemLog")
            .field("resource", &self.resource)
            .field("feed", &self.feed)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// A task that follows the System Log; it ends when this is dropped.
///
/// # Example: until the program is told to end
///
/// ```no_run
/// use okta_introspect::signals::SystemLog;
///
/// # async fn told_to_end() {}
/// async fn follow(log: SystemLog) {
///     let following = log.start();
///     told_to_end().await;
///     following.stop().await;
/// }
/// ```
#[derive(Debug)]
#[must_use = "the System Log is followed until this is dropped"]
pub struct Following {
    task: JoinHandle<()>,
}

impl Following {
    /// Ends the task, and waits until it has.
    pub async fn stop(mut self) {
        self.task.abort();
        // It was cancelled, or has panicked; either way it has ended.
        let _ = (&mut self.task).await;
    }

    /// Whether the task has ended by itself, as it does if something panics in it.
    pub fn has_ended(&self) -> bool {
        self.task.is_finished()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}
