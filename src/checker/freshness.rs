//! Whether what is known is young enough. Pure: time comes in as an argument.
//!
//! Three words, used the same everywhere. *Fresh*: no older than the reader's bound. *Stale*:
//! older, and still good for something if the server fails and the reader said so. *Expired*: the
//! token itself has ended, whatever anybody cached.

use std::time::{Duration, Instant};

use super::facts::Known;

/// What one reader accepts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Bounds {
    /// The age of an answer at the moment of the check; zero accepts nothing that is already
    /// there.
    pub(crate) max_age: Duration,
    /// The age of an inactive answer, if that is less.
    pub(crate) inactive_max_age: Duration,
    /// By how much an active answer may be older if the server cannot be asked.
    pub(crate) stale_if_error: Duration,
}

impl Bounds {
    /// Whether an answer to a request of this moment does at `now`.
    pub(crate) fn admit(&self, sent_at: Instant, now: Instant) -> bool {
        !self.max_age.is_zero() && age(sent_at, now) <= self.max_age
    }

    /// Whether something known does at `now`.
    pub(crate) fn fresh(&self, known: &Known, now: Instant) -> bool {
        let sent_at = known.sent().at;
        match known {
            Known::Active(_) => self.admit(sent_at, now),
            Known::Inactive(_) => {
                self.admit(sent_at, now) && age(sent_at, now) <= self.inactive_max_age
            }
        }
    }

    /// Whether an active answer does at `now` although the server cannot be asked.
    pub(crate) fn stale_but_usable(&self, sent_at: Instant, now: Instant) -> bool {
        !self.stale_if_error.is_zero()
            && age(sent_at, now) <= self.max_age.saturating_add(self.stale_if_error)
    }

    /// Whether an answer that does now should be replaced before it no longer does. `jitter`
    /// spreads the moment over the last tenth but one twentieth of the bound, so that entries
    /// which began together do not stay together, and each costs at most a ninth more.
    pub(crate) fn refresh_due(&self, sent_at: Instant, now: Instant, jitter: u8) -> bool {
        let age = age(sent_at, now);
        if age < self.max_age / 2 {
            return false; // the usual case, settled with little arithmetic
        }
        let earliest = self.max_age.saturating_sub(self.max_age / 10);
        let spread = self.max_age / 20 * u32::from(jitter) / 255;
        age >= earliest.saturating_add(spread)
    }
}

/// How old an answer to a request of this moment is.
pub(crate) fn age(sent_at: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(sent_at)
}

#[cfg(test)]
mod tests {
    use super::super::facts::sample::{active, inactive};
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn bounds(max_age: Duration) -> Bounds {
        Bounds { max_age, inactive_max_age: 10 * MS, stale_if_error: Duration::ZERO }
    }

    #[test]
    fn the_bound_itself_is_fresh_and_a_moment_later_is_not() {
        let (known, bounds) = (active(1), bounds(30 * MS));
        for (age, fresh) in [(29, true), (30, true), (31, false)] {
            assert_eq!(bounds.fresh(&known, known.sent().at + age * MS), fresh, "{age}");
        }
    }

    #[test]
    fn zero_accepts_nothing_even_of_this_very_moment() {
        let known = active(1);
        assert!(!bounds(Duration::ZERO).fresh(&known, known.sent().at));
    }

    #[test]
    fn an_inactive_answer_lives_for_the_shorter_of_two_bounds() {
        let known = inactive(1);
        for (max_age, age, fresh) in [(30, 10, true), (30, 11, false), (5, 5, true), (5, 6, false)]
        {
            let now = known.sent().at + age * MS;
            assert_eq!(bounds(max_age * MS).fresh(&known, now), fresh, "{max_age} {age}");
        }
    }

    #[test]
    fn stale_lasts_exactly_as_much_longer() {
        let (known, mut bounds) = (active(1), bounds(30 * MS));
        let sent_at = known.sent().at;
        assert!(!bounds.stale_but_usable(sent_at, sent_at), "off by default");
        bounds.stale_if_error = 5 * MS;
        for (age, usable) in [(34, true), (35, true), (36, false)] {
            assert_eq!(bounds.stale_but_usable(sent_at, sent_at + age * MS), usable, "{age}");
        }
    }

    #[test]
    fn refreshes_fall_into_the_last_tenth_and_not_its_last_half() {
        let (known, bounds) = (active(1), bounds(1000 * MS));
        let sent_at = known.sent().at;
        for (jitter, due) in [(0, 900), (255, 950)] {
            assert!(!bounds.refresh_due(sent_at, sent_at + (due - 1) * MS, jitter));
            assert!(bounds.refresh_due(sent_at, sent_at + due * MS, jitter));
        }
    }
}
