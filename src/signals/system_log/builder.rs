//! How the System Log is followed.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::outlet::Outlet;
use super::{Position, SystemLog};
use crate::error::Error;
use crate::error::bounds::within;
use crate::management::Resource;
use crate::signals::event_type;
use crate::signals::feed::Feed;
use crate::support::random::{Random, SystemRandom};

/// Builds a [`SystemLog`].
///
/// # Example: revocations within two seconds
///
/// ```no_run
/// use std::time::Duration;
///
/// use okta_introspect::signals::{Feed, SystemLog};
/// use okta_introspect::{Error, Resource};
///
/// fn every_second(logs: Resource, feed: Feed) -> Result<SystemLog, Error> {
///     SystemLog::builder(logs, feed).interval(Duration::from_secs(1)).build()
/// }
/// ```
#[must_use]
pub struct SystemLogBuilder {
    resource: Resource,
    feed: Feed,
    random: Arc<dyn Random>,
    interval: Duration,
    cursor_file: Option<PathBuf>,
    since: Duration,
}

impl SystemLogBuilder {
    /// The longest [`interval`](Self::interval).
    const MAX_INTERVAL: Duration = Duration::from_secs(3600);

    /// The longest [`since`](Self::since).
    const MAX_SINCE: Duration = Duration::from_secs(90 * 24 * 3600);

    pub(super) fn new(resource: Resource, feed: Feed) -> Self {
        let (random, interval) = (Arc::new(SystemRandom), SystemLog::DEFAULT_INTERVAL);
        Self { resource, feed, random, interval, cursor_file: None, since: Duration::ZERO }
    }

    /// From one poll to the next, where the rate limit has room for it. Default: 2 s. Bounds: 1 s to
    /// one hour.
    ///
    /// Okta allows an org 120 calls a minute to its log and one app half of them: an interval of a
    /// second is all that an app gets, so such an app should read nothing else of the log, and have
    /// a larger share of that limit where other programs read it too.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The file in which it is kept where the log goes on. Default: none, and each start begins with
    /// what happens then.
    ///
    /// It is written with the mode 0600 and always whole, after the events before it were applied, so
    /// that a program which is killed loses none. A file that holds no cursor of this org, is older
    /// than Okta keeps its log, or is another user's or writable by others, is not gone on with: that is a gap.
    /// Its folder has to be there, and no other program may use the file.
    pub fn cursor_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.cursor_file = Some(path.into());
        self
    }

    /// How far back the log begins where no cursor says where it goes on. Default: zero, which is
    /// what happens from the start on. Bounds: at most 90 days, for which Okta keeps its log.
    pub fn since(mut self, before_now: Duration) -> Self {
        self.since = before_now;
        self
    }

    /// The generator of random pauses after failures. Default: the operating system's.
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// What follows the log, by the clock of the feed.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the interval, or how far back it begins,
    /// is out of bounds.
    pub fn build(self) -> Result<SystemLog, Error> {
        within("interval", self.interval, SystemLog::MIN_INTERVAL..=Self::MAX_INTERVAL)?;
        within("since", self.since, Duration::ZERO..=Self::MAX_SINCE)?;
        let org = self.resource.origin().origin().ascii_serialization();
        Ok(SystemLog {
            overlap: self.since.max(SystemLog::OVERLAP),
            error: None,
            clock: Arc::clone(self.feed.clock()),
            org,
            filter: event_type::filter(),
            resource: self.resource,
            outlet: Outlet::new(self.feed),
            random: self.random,
            interval: self.interval,
            cursor_file: self.cursor_file,
            position: Position::Unknown,
            has_begun: false,
            complete: None,
            read_at: None,
            seen_at: None,
            saved: None,
            due: None,
            failures: 0,
            was_held_up: false,
            server_clock: Default::default(),
            lags: Default::default(),
            pace: Default::default(),
            report: Default::default(),
        })
    }
}

impl fmt::Debug for SystemLogBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemLogBuilder")
            .field("resource", &self.resource)
            .field("interval", &self.interval)
            .field("cursor_file", &self.cursor_file)
            .finish_non_exhaustive()
    }
}
