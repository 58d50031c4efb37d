//! How many re-checks are to come. Pure: time comes in as an argument.
//!
//! A token in use comes again when its answer is as old as its reader's bound, and then once per
//! bound. For the usual bounds of many seconds that is foreseen token by token: each check foresees
//! a handful of others, and the foresight ends when the token does not come.
//!
//! A bound below [`SHORT`] says little: one check with 100 ms would foresee 600 others within a
//! minute, and if it stays alone, newcomers starve for nothing. So re-checks with such bounds are
//! foreseen to come as often as they were seen to come of late.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Foresees re-checks. A token that does not come when it is due is not in use any more, and is
/// forgotten.
#[derive(Debug, Default)]
pub(crate) struct Forecast {
    /// When seconds began to be counted.
    origin: Option<Instant>,
    /// Tokens by the second in which they come again.
    due: BTreeMap<u64, Due>,
    /// How many good answers came for short bounds, by second.
    seen: BTreeMap<u64, u64>,
}

/// Bounds that are shorter are not foreseen by token.
const SHORT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, Default)]
struct Due {
    tokens: f64,
    /// How often they come in a second, taken together.
    rate: f64,
}

impl Forecast {
    /// A token was found good `now`, by a reader with this bound. Readers that ask for now each
    /// time cannot be foreseen.
    pub(crate) fn note(&mut self, now: Instant, bound: Duration) {
        if bound.is_zero() {
            return;
        }
        let second = self.second(now);
        self.forget_before(second);
        if bound < SHORT {
            *self.seen.entry(second).or_default() += 1;
            return;
        }
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
        let seen: u64 = self.seen.values().sum();
        let as_before = seen * (last - first) / SHORT.as_secs();
        as_before + expected.ceil() as u64 // the cast saturates
    }

    fn forget_before(&mut self, second: u64) {
        while self.due.first_key_value().is_some_and(|(due, _)| *due < second) {
            self.due.pop_first();
        }
        let since = second.saturating_sub(SHORT.as_secs());
        while self.seen.first_key_value().is_some_and(|(seen, _)| *seen <= since) && since > 0 {
            self.seen.pop_first();
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
    fn short_bounds_are_foreseen_to_come_as_often_as_they_were_seen() {
        let (mut forecast, now) = (Forecast::default(), SystemClock.monotonic());
        let short = Duration::from_millis(100);
        forecast.note(now, short);
        assert_eq!(forecast.rechecks(now, now + seconds(60)), 6, "one in ten seconds");
        for tenth in 0..100 {
            forecast.note(now + seconds(20) + tenth * short, short);
        }
        let now = now + seconds(29);
        assert_eq!(forecast.rechecks(now, now + seconds(60)), 600, "ten in a second");
        let now = now + seconds(10);
        assert_eq!(forecast.rechecks(now, now + seconds(60)), 0, "none any more");
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
    fn readers_that_ask_for_now_each_time_cannot_be_foreseen() {
        let (mut forecast, now) = (Forecast::default(), SystemClock.monotonic());
        forecast.note(now, Duration::ZERO);
        assert_eq!(forecast.rechecks(now, now + seconds(600)), 0);
    }
}
