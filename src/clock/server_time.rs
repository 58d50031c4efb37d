//! The server's clock, as far as its `Date` headers tell.
//!
//! Assertions and proofs are judged by the server's clock. This computer's own is trusted until
//! the server refuses something for its time; from then on the measured difference is applied.
//!
//! A computer without a battery may be wrong by decades, and so the difference has no bound. The
//! date has: one before 2026, when this software was made, or after 2075 is no statement, unless it
//! is within a day of this computer's own. By 1970, or 9999, assertions would be dated for another age.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::{Clock, shifted};

/// How far the server's clock is ahead of this computer's.
///
/// Measured by dates from 2026 to 2075, and by others within a day of this computer's own; what else
/// a server calls its date is not believed.
///
/// # Example: a warning about a clock that is off
///
/// ```
/// use okta_introspect::Client;
///
/// fn warn(client: &Client) {
///     if let Some(offset) = client.clock_offset().filter(|offset| offset.is_significant()) {
///         eprintln!("{offset}");
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ClockOffset {
    /// Server minus local, in milliseconds; negative if the local clock is fast.
    pub millis: i64,
    /// By how much the measurement may be wrong in either direction, in milliseconds: half a
    /// second for the resolution of `Date`, and half the round trip.
    pub uncertainty_millis: i64,
    /// Whether assertions are dated by it. Only after the server refused one for its time.
    pub applied: bool,
}

impl ClockOffset {
    /// Whether the clocks differ by more than the measurement may be wrong.
    pub fn is_significant(&self) -> bool {
        self.millis.abs() > self.uncertainty_millis
    }
}

impl fmt::Display for ClockOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.millis as f64 / 1000.0;
        let (amount, direction) = (seconds.abs(), if seconds < 0.0 { "fast" } else { "slow" });
        let uncertainty = self.uncertainty_millis as f64 / 1000.0;
        write!(f, "this computer's clock is {amount:.1} s {direction} (±{uncertainty:.1} s)")
    }
}

/// Tells the server's time.
#[derive(Debug)]
pub(crate) struct ServerTime {
    clock: Arc<dyn Clock>,
    /// What `state` says about it, for readers that want the time alone.
    correction_millis: AtomicI64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    offset: Option<ClockOffset>,
    /// The latest `Date`, as text and read.
    latest_date: Option<(String, DateTime<Utc>)>,
}

impl ServerTime {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, correction_millis: AtomicI64::new(0), state: Mutex::default() }
    }

    /// Now, by the server's clock once it has to be, by our own until then.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        shifted(self.clock.now(), self.correction())
    }

    /// By how much our own clock is corrected.
    pub(crate) fn correction(&self) -> TimeDelta {
        TimeDelta::milliseconds(self.correction_millis.load(Ordering::Acquire))
    }

    /// The latest measurement.
    pub(crate) fn offset(&self) -> Option<ClockOffset> {
        self.lock().offset
    }

    /// Learns from an answer that has just come after `round_trip` with this `Date`.
    pub(crate) fn observe(&self, date: &str, round_trip: Duration) {
        let now = self.clock.now();
        let mut state = self.lock();
        if let Some(moment) = state.moment(date).filter(|moment| is_statement(*moment, now)) {
            state.measure(moment, round_trip, now);
            self.correction_millis.store(state.correction_millis(), Ordering::Release);
        }
    }

    /// Goes by the server's clock from now on, as far as it has been measured. Whether that dates
    /// things otherwise than `before`, the correction with which something was refused.
    pub(crate) fn apply(&self, before: TimeDelta) -> bool {
        let mut state = self.lock();
        if let Some(offset) = &mut state.offset {
            offset.applied = true;
        }
        let correction = state.correction_millis();
        self.correction_millis.store(correction, Ordering::Release);
        correction.abs_diff(before.num_milliseconds()) >= 1000
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Reads a date, unless it is the latest one: many answers come within a second. What is no
    /// date is not kept; it may be anything.
    fn moment(&mut self, date: &str) -> Option<DateTime<Utc>> {
        match &self.latest_date {
            Some((text, moment)) if text == date => Some(*moment),
            _ => {
                let moment = parse_date(date)?;
                self.latest_date = Some((date.to_owned(), moment));
                Some(moment)
            }
        }
    }

    fn measure(&mut self, date: DateTime<Utc>, round_trip: Duration, now: DateTime<Utc>) {
        let half_trip = i64::try_from(round_trip.as_millis() / 2).unwrap_or(i64::MAX / 4);
        // `Date` drops the fraction of the second: on average half a one.
        let written_at = date.timestamp_millis() + HALF_RESOLUTION_MILLIS;
        let millis = written_at + half_trip - now.timestamp_millis();
        let applied = self.offset.is_some_and(|offset| offset.applied);
        self.offset = Some(ClockOffset {
            millis,
            uncertainty_millis: HALF_RESOLUTION_MILLIS + half_trip,
            applied,
        });
    }

    fn correction_millis(&self) -> i64 {
        let applied = self.offset.filter(|offset| offset.applied && offset.is_significant());
        applied.map_or(0, |offset| offset.millis)
    }
}

/// Reads a date as HTTP writes it, in any of its three forms
/// ([RFC 9110 §5.6.7](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7)).
pub(crate) fn parse_date(text: &str) -> Option<DateTime<Utc>> {
    // The years are 1970 to 9999, which a `DateTime` can hold.
    httpdate::parse_http_date(text).ok().map(DateTime::from)
}

/// Whether the date may be the time at which a server has answered.
fn is_statement(date: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    (EARLIEST..=LATEST).contains(&date.timestamp()) || (date - now).abs() <= NEAR
}

const HALF_RESOLUTION_MILLIS: i64 = 500;

/// The first second of 2026, before which this software did not exist.
const EARLIEST: i64 = 1_767_225_600;

/// The last second of 2075.
const LATEST: i64 = 3_345_062_399;

/// As far from our own clock any date is believed: simulations have times of their own.
const NEAR: TimeDelta = TimeDelta::days(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn date(seconds: i64) -> String {
        httpdate::fmt_http_date(at(seconds).into())
    }

    #[test]
    fn each_form_of_a_date_is_read_and_nothing_else() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse_date(text), Some(at(784_111_777)), "{text}");
        }
        let last = parse_date("Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(last, Some(at(253_402_300_799)));
        for text in ["", "784111777", "1994-11-06T08:49:37Z", "Sun, 06 Nov 10000 08:49:37 GMT"] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    fn server_time(now: i64) -> (ManualClock, ServerTime) {
        let clock = ManualClock::new(at(now));
        (clock.clone(), ServerTime::new(Arc::new(clock)))
    }

    #[test]
    fn the_offset_counts_half_the_round_trip_and_half_a_second() {
        let (_, time) = server_time(1000);
        time.observe(&date(1600), Duration::from_millis(400));
        let offset = time.offset().unwrap();
        assert_eq!((offset.millis, offset.uncertainty_millis), (600_700, 700));
    }

    #[test]
    fn a_difference_is_applied_only_when_it_has_to_be_and_then_followed() {
        let (clock, time) = server_time(1000);
        time.observe(&date(400), Duration::ZERO);
        assert_eq!(time.now(), at(1000));
        assert!(time.apply(TimeDelta::zero()));
        assert_eq!(time.now(), at(400) + TimeDelta::milliseconds(500));
        let correction = time.correction();
        assert!(!time.apply(correction), "it is applied already");
        // The administrator mends the clock: the next answer takes the correction back.
        clock.set_wall(at(400));
        time.observe(&date(400), Duration::ZERO);
        assert_eq!(time.now(), at(400));
        assert!(time.apply(correction), "what was refused had been corrected too much");
    }

    #[test]
    fn a_difference_within_the_uncertainty_is_none() {
        let (_, time) = server_time(1000);
        assert!(!time.apply(TimeDelta::zero()), "nothing was measured");
        time.observe(&date(1000), Duration::from_millis(20));
        assert!(!time.offset().unwrap().is_significant());
        assert!(!time.apply(TimeDelta::zero()));
    }

    #[test]
    fn a_date_of_another_age_is_no_statement() {
        let now = 1_796_000_000; // In November 2026.
        let (_, time) = server_time(now);
        for text in ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            time.observe(text, Duration::ZERO);
            assert_eq!(time.offset(), None, "{text}");
            assert!(!time.apply(TimeDelta::zero()));
            assert_eq!(time.now(), at(now), "{text}");
        }
        time.observe(&date(now + 600), Duration::ZERO);
        let before = time.offset().unwrap();
        time.observe("Fri, 31 Dec 9999 23:59:59 GMT", Duration::ZERO);
        assert_eq!(time.offset(), Some(before), "what was measured before holds");
        for far in [at(EARLIEST - 1), at(LATEST + 1)] {
            time.observe(&date(far.timestamp()), Duration::ZERO);
            assert_eq!(time.offset(), Some(before), "{far}");
        }
    }

    #[test]
    fn a_computer_without_a_battery_learns_what_year_it_is() {
        for local in [0, EARLIEST - 400 * 24 * 3600, LATEST + 24 * 3600] {
            let (_, time) = server_time(local);
            for server in [EARLIEST, LATEST] {
                time.observe(&date(server), Duration::ZERO);
                assert_eq!(time.offset().unwrap().millis, (server - local) * 1000 + 500);
            }
        }
        // Both in the past, as in a simulation.
        let (_, time) = server_time(24 * 3600);
        time.observe(&date(0), Duration::ZERO);
        assert!(time.offset().unwrap().is_significant());
    }
}
