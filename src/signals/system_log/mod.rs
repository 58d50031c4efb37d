//! Follows Okta's System Log.

mod builder;
mod cursor;
mod following;
mod lag;
mod outlet;
mod pace;
mod page;
mod poll;
mod report;
mod resume;
mod server_clock;
mod signal_log;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

pub use builder::SystemLogBuilder;
pub use following::Following;

use super::feed::Feed;
use crate::clock::Clock;
use crate::error::Error;
use crate::management::{Resource, ResourceCall};
use crate::support::random::Random;
use lag::Lags;
use outlet::Outlet;
use pace::Pace;
use report::Report;
use server_clock::ServerClock;

/// Follows Okta's System Log, and gives a [`Feed`] what it tells of tokens.
///
/// It is the only source of Okta's that tells everything it knows of revocations, and the only one
/// that says when it has: so it is also what lets answers count longer, see
/// [`Coverage`](crate::checker::Coverage). It needs a service app with the scope `okta.logs.read`
/// and a role that may read the log, a client of the org itself (a custom authorization server gives
/// no token of that scope), and calls `/api/v1/logs` once an interval. Okta counts these calls
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
///   stays where it is; so it does where an answer is an earlier one by its date, as of a proxy that
///   keeps them.
/// - **Coverage is that of one org.** A checker that also asks elsewhere has none.
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
    outlet: Outlet,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    interval: Duration,
    cursor_file: Option<PathBuf>,
    org: String,
    filter: String,
    position: Position,
    /// Whether the feed knows that the log is followed from somewhere on.
    has_begun: bool,
    /// How much before now a log begins.
    overlap: Duration,
    /// Why the last poll failed.
    error: Option<Error>,
    /// The date, by the server's clock, of the last page that was all there was, of this chain of
    /// links.
    complete: Option<DateTime<Utc>>,
    /// When the last page came.
    read_at: Option<Instant>,
    /// The date of that page, by the server's clock.
    seen_at: Option<DateTime<Utc>>,
    /// When the cursor was written, and its link.
    saved: Option<(Instant, String)>,
    /// When the next poll is due.
    due: Option<Instant>,
    /// How many polls failed since a page was found by a link.
    failures: u32,
    /// Whether a poll failed or was late since the last complete one: what it brings may have been
    /// there for a while.
    was_held_up: bool,
    server_clock: ServerClock,
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

    /// Okta keeps its log for 90 days; what was not read for longer than this may be gone.
    const RETENTION: Duration = Duration::from_secs(89 * 24 * 3600);

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
        Following::new(tokio::spawn(self.run()))
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

    /// Reads one page, keeps in the file where the log goes on, and tells when to read the next. For
    /// programs with a loop of their own; [`run`](Self::run) is that.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is safe: the same page is read again.
    pub async fn poll(&mut self) -> Instant {
        let due = self.read().await;
        // It was told and counted.
        let _ = self.keep().await;
        due
    }

    /// Reads one page, and tells when to read the next. For programs that do something lasting with
    /// what they hear: one that is started again goes on behind the page only after
    /// [`keep`](Self::keep).
    ///
    /// # Cancellation
    ///
    /// Dropping the future is safe: the same page is read again.
    pub async fn read(&mut self) -> Instant {
        self.resume().await;
        let sent = self.clock.monotonic();
        if self.read_at.is_some_and(|at| sent.saturating_duration_since(at) > Self::RETENTION) {
            self.gap("cursor_too_old");
        }
        let (path, since) = self.path();
        let answer = self.resource.call(&ResourceCall::get(path.as_str())).await;
        let now = self.clock.monotonic();
        let read = match answer {
            Ok(answer) => self.take(&answer, &path, since, sent..now),
            Err(error) => Err(error),
        };
        let due = match read {
            Ok(read) => self.go_on(read, sent, now),
            Err(error) => self.fail(&error, now),
        };
        self.due = Some(due);
        due
    }

    /// Why the last poll failed; `None` if it did not.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }
}

impl fmt::Debug for SystemLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemLog")
            .field("resource", &self.resource)
            .field("feed", &self.outlet.feed)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}
