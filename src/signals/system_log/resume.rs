//! Where the log goes on after a start, and what becomes of one that cannot be gone on with.

use std::io;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use tokio::task::spawn_blocking;

use super::cursor::{self, Cursor};
use super::{Position, SystemLog, page};
use crate::error::Error;
use crate::signals::signal::SourceKind;

impl SystemLog {
    /// How often the cursor is written where it does not change: often enough to tell its age.
    const SAVE_AGAIN: Duration = Duration::from_secs(3600);

    /// Signals may be lost: nothing that is known counts any more, and the log begins anew.
    pub(super) fn gap(&mut self, why: &'static str) {
        self.report.gap(why);
        self.outlet.gap(why);
        self.position = Position::Now(0);
        self.has_begun = false;
        // What is older was told before, or is lost.
        self.overlap = Self::OVERLAP;
        (self.complete, self.read_at) = (None, None);
    }

    /// Finds out where the log goes on after a start.
    pub(super) async fn resume(&mut self) {
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
    pub(super) fn fault(&self, cursor: &Cursor) -> Option<&'static str> {
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

    /// Writes into the file where the log goes on, if that has changed.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if it cannot be written. The log is
    /// followed all the same; a program that is started again does not go on here.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is safe: the file is written as well, or stays as it was.
    pub async fn keep(&mut self) -> Result<(), Error> {
        let (Some(path), Position::At(link)) = (self.cursor_file.clone(), &self.position) else {
            return Ok(());
        };
        // A link that was not followed yet is as old as it was.
        if self.read_at.is_none() {
            return Ok(());
        }
        let now = self.clock.monotonic();
        let is_saved = |(at, saved): &(Instant, String)| {
            saved == link && now.saturating_duration_since(*at) < Self::SAVE_AGAIN
        };
        if self.saved.as_ref().is_some_and(is_saved) {
            return Ok(());
        }
        let (link, read_at) = (link.clone(), self.seen_at.unwrap_or_else(|| self.server_now()));
        let cursor = Cursor::new(&self.org, &self.filter, &link, read_at);
        let written = spawn_blocking(move || cursor::write(&path, &cursor)).await;
        match written.map_err(io::Error::from).flatten() {
            Ok(()) => {
                self.saved = Some((now, link));
                self.report.saved();
                Ok(())
            }
            Err(error) => {
                self.outlet.feed.noted(SourceKind::SystemLog, "cursor_not_written");
                self.report.not_saved(&error);
                Err(Error::configuration("the cursor of the System Log cannot be written")
                    .because(error)
                    .advise("name a regular file in a folder that is there and can be written to"))
            }
        }
    }
}
