//! Whether what is known is young enough. Pure: its age comes in as an argument.
//!
//! Four words, used the same everywhere. *Fresh*: no older than the reader's bound. *Stale*:
//! older, and still good for something if the server fails and the reader said so. *Extended*: older,
//! and fresh all the same, since signals tell that nothing has become of the token. *Expired*: the
//! token itself has ended, whatever was cached.

use std::time::Duration;

use crate::checker::cache::facts::{Facts, Known};
use crate::clock::ticks::{Age, Ticks};

/// What one reader accepts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Bounds {
    /// The greatest age of an answer when the check begins; zero accepts nothing that is already
    /// there.
    pub(crate) max_age: Age,
    /// The greatest age of an inactive answer, if that is less.
    pub(crate) inactive_max_age: Age,
    /// By how much an active answer may be older if the server cannot be asked.
    pub(crate) stale_if_error: Age,
}

/// From when on an answer must have been asked for. `None` where only one counts that is yet to be
/// asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Oldest {
    active: Option<Ticks>,
    inactive: Option<Ticks>,
}

impl Oldest {
    /// What satisfies both.
    pub(crate) fn stricter(self, other: Self) -> Self {
        let later = |one: Option<Ticks>, other: Option<Ticks>| Some(one?.max(other?));
        Self {
            active: later(self.active, other.active),
            inactive: later(self.inactive, other.inactive),
        }
    }

    /// Whether nothing counts that is already there.
    pub(crate) fn is_now(self) -> bool {
        self.active.is_none()
    }

    /// Whether something known counts.
    pub(crate) fn admits(self, known: &Known) -> bool {
        let oldest = match known {
            Known::Active(_) => self.active,
            Known::Inactive(_) => self.inactive,
        };
        oldest.is_some_and(|oldest| known.sent().at >= oldest)
    }
}

/// How far signals lengthen what one reader accepts: from when on they were complete, and up to
/// when they have come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Extension {
    pub(crate) since: Ticks,
    pub(crate) until: Ticks,
    /// The greatest age, counted from when the server was asked.
    pub(crate) limit: Age,
}

impl Extension {
    /// The age that counts of an answer that was asked for at `asked` and is not named by any
    /// signal: it is known to be good up to where signals have come.
    fn age(&self, asked: Ticks, now: Ticks) -> Age {
        let good_at = if asked >= self.since { asked.max(self.until) } else { asked };
        good_at.age(now)
    }
}

impl Bounds {
    /// Whether an answer of this age does.
    pub(crate) fn admit(&self, age: Age) -> bool {
        self.max_age > Age::ZERO && age <= self.max_age
    }

    /// Whether something known does at this age.
    pub(crate) fn fresh(&self, known: &Known, age: Age) -> bool {
        match known {
            Known::Active(_) => self.admit(age),
            Known::Inactive(_) => self.admit(age) && age <= self.inactive_max_age,
        }
    }

    /// What counts for a check that begins at `begun`: what is [fresh](Self::fresh) then.
    pub(crate) fn oldest(&self, begun: Ticks) -> Oldest {
        let of = |bound: Age| (self.max_age > Age::ZERO).then(|| begun.earlier(bound));
        Oldest { active: of(self.max_age), inactive: of(self.max_age.min(self.inactive_max_age)) }
    }

    /// What counts in place of an answer that is to be replaced ahead of time: what will do for as
    /// long again.
    pub(crate) fn oldest_ahead(&self, begun: Ticks) -> Oldest {
        Self { max_age: self.max_age.half(), ..*self }.oldest(begun)
    }

    /// Whether an active answer of this age does although the server cannot be asked.
    pub(crate) fn stale_but_usable(&self, age: Age) -> bool {
        self.stale_if_error > Age::ZERO && age <= self.max_age.saturating_add(self.stale_if_error)
    }

    /// Whether an answer that does now should be replaced before it no longer does. `jitter`
    /// spreads that over the last tenth but one twentieth of the bound, so that entries
    /// which began together do not stay together, and each costs at most a ninth more.
    pub(crate) fn refresh_due(&self, age: Age, jitter: u8) -> bool {
        // The usual case is settled with little arithmetic.
        age >= self.max_age.half() && age >= self.refresh_at(jitter)
    }

    #[cold]
    fn refresh_at(&self, jitter: u8) -> Age {
        early(self.max_age, 10, jitter)
    }

    /// Whether something known that is not [fresh](Self::fresh) is so by extension.
    pub(crate) fn fresh_by(&self, extension: &Extension, known: &Known, now: Ticks) -> bool {
        let Known::Active(facts) = known else { return false };
        let asked = facts.sent.at;
        asked.age(now) <= extension.limit && self.admit(extension.age(asked, now))
    }

    /// As [`refresh_due`](Self::refresh_due), for what may be extended: by the age that counts, or
    /// by the hard bound. That is a long time, so half the margin is enough there, and each answer
    /// costs at most a nineteenth more.
    pub(crate) fn refresh_due_by(&self, extension: &Extension, facts: &Facts, now: Ticks) -> bool {
        let (asked, jitter) = (facts.sent.at, facts.jitter);
        extension.age(asked, now) >= self.refresh_at(jitter)
            || asked.age(now) >= early(extension.limit, 20, jitter)
    }
}

/// A bound less one part of so many, and by jitter up to half of that part more.
fn early(bound: Age, parts: u32, jitter: u8) -> Age {
    let bound = Duration::from(bound);
    let spread = bound / (2 * parts) * u32::from(jitter) / 255;
    Age::from(bound.saturating_sub(bound / parts).saturating_add(spread))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::cache::facts::sample::{active, inactive};
    use std::sync::Arc;

    fn ms(count: u64) -> Age {
        Age::from(Duration::from_millis(count))
    }

    fn bounds(max_age: u64) -> Bounds {
        Bounds { max_age: ms(max_age), inactive_max_age: ms(10), stale_if_error: Age::ZERO }
    }

    #[test]
    fn the_bound_itself_is_fresh_and_a_millisecond_more_is_not() {
        for (age, fresh) in [(29, true), (30, true), (31, false)] {
            assert_eq!(bounds(30).fresh(&active(1), ms(age)), fresh, "{age}");
        }
    }

    #[test]
    fn zero_accepts_nothing_even_of_now() {
        assert!(!bounds(0).fresh(&active(1), Age::ZERO));
    }

    #[test]
    fn an_inactive_answer_lives_for_the_shorter_of_two_bounds() {
        for (max_age, age, fresh) in [(30, 10, true), (30, 11, false), (5, 5, true), (5, 6, false)]
        {
            assert_eq!(bounds(max_age).fresh(&inactive(1), ms(age)), fresh, "{max_age} {age}");
        }
    }

    #[test]
    fn what_counts_for_all_that_wait_is_what_is_fresh_for_each() {
        let at = |millis: u64| Ticks::from_nanos(1_000_000 * millis);
        let asked = |mut known: Known, millis| {
            match &mut known {
                Known::Active(facts) => Arc::get_mut(facts).unwrap().sent.at = at(millis),
                Known::Inactive(refused) => refused.sent.at = at(millis),
            }
            known
        };
        let now = |known: &Known, bounds: Bounds| bounds.fresh(known, known.age(at(100)));
        let oldest = |bounds: Bounds| bounds.oldest(at(100));
        for asked_at in [69, 70, 71, 79, 80, 81, 89, 90, 91, 100] {
            for known in [asked(active(1), asked_at), asked(inactive(1), asked_at)] {
                for (one, other) in [(30, 20), (20, 30), (30, 5), (0, 30), (30, 0), (0, 0)] {
                    let (one, other) = (bounds(one), bounds(other));
                    let both = oldest(one).stricter(oldest(other));
                    let expected = now(&known, one) && now(&known, other);
                    assert_eq!(both.admits(&known), expected, "{asked_at} {one:?} {other:?}");
                    assert_eq!(both.is_now(), one.max_age.min(other.max_age) == Age::ZERO);
                }
            }
        }
        let ahead = bounds(40).oldest_ahead(at(100));
        assert_eq!([79, 80].map(|millis| ahead.admits(&asked(active(1), millis))), [false, true]);
    }

    #[test]
    fn stale_lasts_exactly_as_much_longer() {
        let mut bounds = bounds(30);
        assert!(!bounds.stale_but_usable(Age::ZERO), "off by default");
        bounds.stale_if_error = ms(5);
        for (age, usable) in [(34, true), (35, true), (36, false)] {
            assert_eq!(bounds.stale_but_usable(ms(age)), usable, "{age}");
        }
    }

    #[test]
    fn refreshes_fall_into_the_last_tenth_and_not_its_last_half() {
        let bounds = bounds(1000);
        for (jitter, due) in [(0, 900), (255, 950)] {
            assert!(!bounds.refresh_due(ms(due - 1), jitter));
            assert!(bounds.refresh_due(ms(due), jitter));
        }
    }
}
