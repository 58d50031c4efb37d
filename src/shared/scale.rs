//! The store's clock as seen from here: times by it, with what is not known of them.
//!
//! A reading says that the store's clock showed a time at some moment between the request and its
//! answer. From there on, and back, both clocks may drift apart. So each time of one clock is a span
//! on the other, and callers take the end that makes an answer older and knowledge less.

use std::time::{Duration, Instant};

use super::store::{StoreTime, TimeScale};
use crate::clock::later;

/// How often the clock is read.
pub(super) const RENEW_AFTER: Duration = Duration::from_secs(30);

/// How soon it is read again if there are signs that it was set, and on a scale that is new: the
/// sooner instances have watched it at one time, the sooner they share. From there on the pauses
/// double.
pub(super) const RENEW_SOON_AFTER: Duration = Duration::from_secs(1);

/// A reading that is older is none.
pub(super) const MAX_AGE: Duration = Duration::from_secs(90);

/// A reading that took longer says too little.
pub(super) const MAX_ROUND_TRIP: Duration = Duration::from_millis(100);

/// Two clocks drift apart by one part in so many: 500 parts in a million.
const DRIFT: i128 = 2_000;

const NANOS: i128 = 1_000;

/// How many of the scales that this instance has left are remembered.
const MAX_LEFT: usize = 16;

/// One reading of the store's clock. It showed `micros` at a moment from `sent` to `received`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Reading {
    pub(super) sent: Instant,
    pub(super) received: Instant,
    pub(super) micros: u64,
}

impl Reading {
    /// The earliest that the store's clock may have shown at a moment, in nanoseconds.
    fn earliest(&self, at: Instant) -> i128 {
        let elapsed = nanos(self.received, at);
        self.nanos() + elapsed - drift(elapsed, DRIFT)
    }

    /// The latest. A clock that shows whole microseconds may be almost one further.
    fn latest(&self, at: Instant) -> i128 {
        let elapsed = nanos(self.sent, at);
        self.nanos() + NANOS + elapsed + drift(elapsed, DRIFT)
    }

    /// The earliest moment, in nanoseconds after `sent`, at which the clock may have shown `micros`.
    fn earliest_moment(&self, micros: u64) -> i128 {
        let elapsed = i128::from(micros) * NANOS - self.nanos() - NANOS;
        elapsed - drift(elapsed, DRIFT - 1)
    }

    fn nanos(&self) -> i128 {
        i128::from(self.micros) * NANOS
    }

    /// Whether one steady clock can have given both readings.
    fn agrees(&self, later: &Self) -> bool {
        let at = later.received;
        self.earliest(at) <= later.latest(at) && later.earliest(at) <= self.latest(at)
    }
}

/// From one moment to another, in nanoseconds; negative if that is the earlier one.
fn nanos(from: Instant, to: Instant) -> i128 {
    let span = |from: Instant, to: Instant| {
        i128::try_from(to.saturating_duration_since(from).as_nanos()).unwrap_or(i128::MAX / 4)
    };
    span(from, to) - span(to, from)
}

/// By how much two clocks may drift apart meanwhile, rounded up.
fn drift(elapsed: i128, part: i128) -> i128 {
    (elapsed.abs() + part - 1) / part
}

/// The span, by the store's clock, in which an instance has watched that clock go steadily.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Watched {
    /// What the first of the readings showed that agree with each other, in microseconds since 1970.
    pub(crate) since: u64,
    /// What the last one showed.
    pub(crate) until: u64,
}

/// What is known of the store's clock at one moment. A copy: it does not follow the clock, and is
/// good for what is done next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    id: TimeScale,
    /// The first reading that agrees with the ones behind it.
    first: Reading,
    reading: Reading,
    /// The one before: a step too small to be told from drift is between the two, and times of
    /// either side are right by one of them.
    before: Option<Reading>,
}

impl Scale {
    pub(crate) fn id(&self) -> TimeScale {
        self.id
    }

    /// In which span this instance has watched the clock.
    pub(crate) fn watched(&self) -> Watched {
        Watched { since: self.first.micros, until: self.reading.micros }
    }

    /// Whether another instance on this scale counts time as this one does: both have watched the
    /// clock at one time. Otherwise it may have been set between what one has seen of it and what
    /// the other has, without either knowing.
    pub(crate) fn meets(&self, other: Watched) -> bool {
        let own = self.watched();
        own.since <= other.until && other.since <= own.until
    }

    /// The earliest that the store's clock may have shown at a moment, in microseconds since 1970.
    pub(crate) fn earliest(&self, at: Instant) -> u64 {
        let earliest = self.readings().map(|reading| reading.earliest(at)).min();
        micros(earliest.unwrap_or_default().div_euclid(NANOS))
    }

    /// The latest.
    pub(crate) fn latest(&self, at: Instant) -> u64 {
        let latest = self.readings().map(|reading| reading.latest(at)).max();
        micros((latest.unwrap_or_default() + NANOS - 1).div_euclid(NANOS))
    }

    /// The earliest moment at which the store's clock may have shown these microseconds since
    /// 1970; `None` if no clock of this computer reaches so far.
    pub(crate) fn earliest_moment(&self, micros: u64) -> Option<Instant> {
        let moments =
            self.readings().map(|reading| moment(reading.sent, reading.earliest_moment(micros)));
        moments.min().flatten()
    }

    /// How far the two ends were from each other when the clock was read.
    fn uncertainty(&self) -> Duration {
        let at = self.reading.received;
        Duration::from_micros(self.latest(at).saturating_sub(self.earliest(at)))
    }

    fn readings(&self) -> impl Iterator<Item = Reading> {
        [Some(self.reading), self.before].into_iter().flatten()
    }
}

fn micros(of: i128) -> u64 {
    u64::try_from(of.max(0)).unwrap_or(u64::MAX)
}

/// So many nanoseconds after a moment, or before it.
fn moment(from: Instant, nanos: i128) -> Option<Instant> {
    let span = Duration::from_nanos(u64::try_from(nanos.unsigned_abs()).ok()?);
    match nanos < 0 {
        true => from.checked_sub(span),
        false => from.checked_add(span),
    }
}

/// Which scale the store is on, as far as this instance knows.
#[derive(Debug, Default)]
pub(super) struct Scales {
    current: Option<Scale>,
    /// When the store last failed: since then it may be another one.
    doubted_at: Option<Instant>,
    /// A scale on which the store's clock was set: to be replaced.
    broken: Option<TimeScale>,
    /// Those that were left. The store may be made to return to one, this instance does not.
    left: Vec<TimeScale>,
    /// How often a scale was left.
    changes: u64,
    /// Whether something came from another scale: others may know more.
    has_sign: bool,
    /// Whether a reading is under way.
    is_renewing: bool,
}

impl Scales {
    /// The scale, if it is known well enough.
    pub(super) fn current(&self, now: Instant) -> Option<Scale> {
        let age = |scale: &Scale| now.saturating_duration_since(scale.reading.sent);
        self.current.filter(|scale| self.doubted_at.is_none() && age(scale) <= MAX_AGE)
    }

    /// Whether it is time for another reading and nobody makes one; that is the caller's then.
    pub(super) fn begin_renewal(&mut self, now: Instant) -> bool {
        let due = self.current.is_none_or(|scale| {
            let watched = scale.reading.sent.saturating_duration_since(scale.first.sent);
            let pause = watched.clamp(RENEW_SOON_AFTER, RENEW_AFTER);
            let pause = if self.has_sign { RENEW_SOON_AFTER } else { pause };
            now > later(scale.reading.sent, pause)
        });
        let begins = due && !self.is_renewing;
        self.is_renewing |= begins;
        begins
    }

    pub(super) fn end_renewal(&mut self) {
        self.is_renewing = false;
    }

    /// The store has failed. What answers next may have another clock.
    pub(super) fn doubt(&mut self, now: Instant) {
        self.doubted_at = Some(now);
    }

    /// Something came from another scale.
    pub(super) fn note_sign(&mut self) {
        self.has_sign = true;
    }

    pub(super) fn broken(&self) -> Option<TimeScale> {
        self.broken
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn uncertainty(&self) -> Option<Duration> {
        self.current.as_ref().map(Scale::uncertainty)
    }

    /// Takes a reading. Whether there has to be another one, which replaces the scale.
    pub(super) fn take(&mut self, sent: Instant, received: Instant, time: StoreTime) -> bool {
        let reading = Reading { sent, received, micros: time.micros };
        if received.saturating_duration_since(sent) > MAX_ROUND_TRIP {
            return false;
        }
        if self.left.contains(&time.scale) {
            return self.reject(sent, time.scale);
        }
        let before = match self.current {
            Some(scale) if sent < scale.reading.sent => return false,
            Some(scale) if scale.id == time.scale => {
                if !scale.reading.agrees(&reading) {
                    return self.reject(sent, time.scale);
                }
                Some(scale)
            }
            Some(scale) => {
                self.leave(scale.id);
                None
            }
            None => None,
        };
        let first = before.map_or(reading, |scale| scale.first);
        let before = before.map(|scale| scale.reading);
        self.current = Some(Scale { id: time.scale, first, reading, before });
        self.doubted_at = self.doubted_at.filter(|doubted| sent < *doubted);
        self.broken = None;
        self.has_sign = false;
        false
    }

    /// Does not go on with a scale, unless a later reading was of another one.
    fn reject(&mut self, sent: Instant, scale: TimeScale) -> bool {
        match self.current {
            Some(current) if current.id != scale && sent < current.reading.sent => return false,
            Some(current) => self.leave(current.id),
            None => {}
        }
        self.current = None;
        self.broken = Some(scale);
        true
    }

    fn leave(&mut self, scale: TimeScale) {
        if self.left.len() == MAX_LEFT {
            self.left.remove(0);
        }
        self.left.push(scale);
        self.changes = self.changes.saturating_add(1);
    }
}

#[cfg(test)]
mod tests;
