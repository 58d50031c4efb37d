//! One page of the log, and what comes of it.

use std::ops::Range;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::server_clock::Answered;
use super::{Position, Read, SystemLog, lag, page};
use crate::clock::{later, shifted};
use crate::error::Error;
use crate::management::ResourceAnswer;
use crate::signals::event::LogEvent;
use crate::signals::feed::Applied;
use crate::signals::signal::SourceKind;

impl SystemLog {
    /// A log begins so much before now, by the server's clock: what happens while it is found out
    /// what is now is not lost.
    pub(super) const OVERLAP: Duration = Duration::from_secs(60);

    /// The bounds of what the overlap may be as it turns out: a server's dates leave out the
    /// fraction of the second.
    const LEAST_OVERLAP: Duration = Duration::from_secs(2);
    const MOST_OVERLAP: Duration = Duration::from_secs(5 * 60);

    /// So often at most it is found out in a row what is now.
    const MAX_BEGINNINGS: u32 = 3;

    /// Full pages follow each other no faster, whatever the server allows.
    const MIN_SPACING: Duration = Duration::from_millis(100);

    /// The longest pause after failures.
    const MAX_PAUSE: Duration = Duration::from_secs(60);

    /// A poll that is later than this after it was due has been kept from being sent.
    const PUNCTUAL: Duration = Duration::from_secs(5);

    /// What is asked for, and since when, if not by a link.
    pub(super) fn path(&self) -> (String, Option<DateTime<Utc>>) {
        match &self.position {
            Position::At(link) => (link.clone(), None),
            Position::Unknown | Position::Now(_) => {
                let since = shifted(self.server_now(), -delta(self.overlap));
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
    pub(super) fn server_now(&self) -> DateTime<Utc> {
        let offset = self.resource.clock_offset().map_or(0, |offset| offset.millis);
        shifted(self.clock.now(), TimeDelta::milliseconds(offset))
    }

    /// Applies a page, and moves on behind it.
    pub(super) fn take(
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
            self.outlet.begin_coverage(trip.start, &self.org);
        }
        if matches!(self.position, Position::At(_)) {
            self.failures = 0;
            self.report.went_on();
        }
        self.read_at = Some(trip.end);
        self.position = Position::At(next);
        self.seen_at = date;
        let date = date.ok_or_else(|| {
            Error::malformed("the System Log's answer has no date, by which late events are told")
                .advise("see whether a proxy takes the header Date away")
        })?;
        self.check_date(date, &trip)?;
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
        let beyond = delta(self.overlap.saturating_sub(Self::OVERLAP));
        let before =
            (shifted(date, -beyond) - since).to_std().unwrap_or_default().saturating_sub(trip);
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

    /// Refuses an answer that was made for an earlier request. What is in it has happened, but it
    /// may not be all.
    fn check_date(&mut self, date: DateTime<Utc>, trip: &Range<Instant>) -> Result<(), Error> {
        match self.server_clock.judge(date, trip) {
            Answered::Now => return Ok(()),
            Answered::Earlier => {}
            Answered::EarlierForLong => self.gap("answers_of_earlier"),
        }
        Err(Error::malformed("the System Log's answer is one of earlier, by its date")
            .advise("see whether a proxy keeps answers and gives them again"))
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
            let applied = self.outlet.apply_event(event);
            if let (Some(published), Some(seen)) = (event.published(), seen)
                && applied != Applied::Repeated
            {
                self.lags.saw(trip.end, published, seen);
            }
        }
    }

    /// After a page that counts: tells how far the log was read, and when to go on.
    pub(super) fn go_on(&mut self, read: Read, sent: Instant, now: Instant) -> Instant {
        // A beginning that has to be looked for once more is no success yet.
        if read != Read::Elsewhere {
            self.report.succeeded();
            self.error = None;
        }
        let spacing = if read == Read::All { self.interval } else { Self::MIN_SPACING };
        let due = self.pace.next(now, later(sent, spacing).max(now));
        let allowance = self.lags.allowance(now);
        if let Some(until) = sent.checked_sub(allowance).filter(|_| read == Read::All) {
            let patience = self.interval.saturating_add(Self::PUNCTUAL);
            self.outlet.advance_coverage(until, (due - now).saturating_add(patience), &self.org);
        }
        due
    }

    /// After a poll that failed: coverage stays where it is.
    pub(super) fn fail(&mut self, error: &Error, now: Instant) -> Instant {
        let reason = error.kind().as_str();
        self.outlet.feed.failed(SourceKind::SystemLog, reason);
        self.report.failed(reason, error);
        self.error = Some(error.clone());
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
}

/// A time as chrono has it; one too long for that is longer than Okta keeps its log.
fn delta(time: Duration) -> TimeDelta {
    TimeDelta::from_std(time).unwrap_or(TimeDelta::days(90))
}
