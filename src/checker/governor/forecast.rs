//! How many re-checks are to come. Pure: time comes in as an argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Foresees re-checks. A token in use comes again when its answer is as old as its reader's
/// bound, and then once per bound. A token that does not come is not in use any more, and is
/// forgotten once its moment has passed.
#[derive(Debug, Default)]
pub(crate) struct Forecast {
    /// The moment from which seconds are counted.
    origin: Option<Instant>,
    /// Tokens by the second in which they come again.
    due: BTreeMap<u64, Due>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Due {
    tokens: f64,
    /// How often they come in a second, taken together.
    rate: f64,
}

impl Forecast {
    /// A token was found good `now`, by a reader with this bound. Whoever asks for now each time
    /// cannot be foreseen.
    pub(crate) fn note(&mut self, now: Instant, bound: Duration) {
        if bound.is_zero() {
            return;
        }
        let second = self.second(now);
        self.forget_before(second);
        // Rounded up: a token never comes before its time.
        let due = self.due.entry(second + bound.as_secs() + 1).or_default();
        due.tokens += 1.0;
        due.rate += 1.0 / bound.as_secs_f64();
    }

    /// How many re-checks will come from `now` until `end`.
    pub(crate) fn rechecks(&mut self, now: Instant, end: Instant) -> u64 {
        let (first, last) = (self.second(now), self.second(end));
        self.forget_before(first);
        let of_second = |(second, due): (&u64, &Due)| {
            let again = due.rate * (last - second) as f64;
            due.tokens + again
        };
        let expected: f64 = self.due.range(..=last).map(of_second).sum();
        expected.ceil() as u64 // saturates
    }

    fn forget_before(&mut self, second: u64) {
        while self.due.first_key_value().is_some_and(|(due, _)| *due < second) {
            self.due.pop_first();
        }
    }

    fn second(&mut self, at: Instant) -> u64 {
        let origin = *self.origin.get_or_insert(at);
        at.saturating_duration_since(origin).as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_token_comes_when_its_answer_is_too_old_and_then_once_per_bound() {
        let (mut forecast, now) = (Forecast::default(), SystemClock.monotonic());
        forecast.note(now, seconds(10));
        for (until, rechecks) in [(10, 0), (11, 1), (20, 2), (31, 3)] {
            assert_eq!(forecast.rechecks(now, now + seconds(until)), rechecks, "{until}");
        }
    }

    #[test]
    fn a_token_that_does_not_come_is_forgotten() {
        let (mut forecast, now) = (Forecast::default(), SystemClock.monotonic());
        forecast.note(now, seconds(10));
        assert_eq!(forecast.rechecks(now + seconds(11), now + seconds(12)), 2);
        assert_eq!(forecast.rechecks(now + seconds(12), now + seconds(600)), 0);
        assert!(forecast.due.is_empty());
    }

    #[test]
    fn who_asks_for_now_each_time_cannot_be_foreseen() {
        let (mut forecast, now) = (Forecast::default(), SystemClock.monotonic());
        forecast.note(now, Duration::ZERO);
        assert_eq!(forecast.rechecks(now, now + seconds(600)), 0);
    }
}
