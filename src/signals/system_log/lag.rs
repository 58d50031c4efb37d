//! How late events come into the log.
//!
//! An event is told when it is written, which may be a while after it happened. What a poll did not
//! bring may still have happened before it; so coverage ends that much earlier.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// The longest lags of the last hour.
#[derive(Debug, Default)]
pub(super) struct Lags {
    /// The longest lag of each minute and when that minute began, oldest first.
    minutes: VecDeque<(Instant, Duration)>,
}

impl Lags {
    /// What is allowed for where nothing was late.
    pub(super) const FLOOR: Duration = Duration::from_secs(1);

    /// A lag beyond this is taken for this much: it ends all coverage for as long as it counts, and
    /// an event from another age must not end it for longer.
    pub(super) const MAX: Duration = Duration::from_secs(3600);

    /// As many minutes as count.
    const MOST: usize = 62;

    const MINUTE: Duration = Duration::from_secs(60);

    /// How long a lag counts.
    const MEMORY: Duration = Duration::from_secs(3600);

    /// Takes note of an event that was published then and was first seen in an answer of `date`,
    /// by the server's clock.
    pub(super) fn saw(&mut self, now: Instant, published: DateTime<Utc>, date: DateTime<Utc>) {
        // What claims to be of the future was not late; it says nothing of the others.
        let lag = (date - published).to_std().unwrap_or_default().min(Self::MAX);
        match self.minutes.back_mut() {
            Some((begun, longest)) if now.saturating_duration_since(*begun) < Self::MINUTE => {
                *longest = lag.max(*longest);
            }
            _ => self.minutes.push_back((now, lag)),
        }
        self.forget(now);
    }

    /// How late an event may come, as far as the last hour tells.
    pub(super) fn allowance(&mut self, now: Instant) -> Duration {
        self.forget(now);
        let longest = self.minutes.iter().map(|(_, lag)| *lag).max();
        longest.unwrap_or_default().max(Self::FLOOR)
    }

    /// What another instance has to know: how many seconds ago events came late, and by how many
    /// milliseconds.
    pub(super) fn handed_over(&self, now: Instant) -> Vec<(u64, u64)> {
        let late = self.minutes.iter().filter(|(_, lag)| *lag > Self::FLOOR);
        let told = late.map(|(begun, lag)| {
            // Rounded so that it counts for longer, and for more.
            let millis = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
            (now.saturating_duration_since(*begun).as_secs(), millis)
        });
        told.collect()
    }

    /// Counts what another instance has seen as if it were its own.
    pub(super) fn take_over(&mut self, now: Instant, told: &[(u64, u64)]) {
        let of_hour = told.iter().take(Self::MOST);
        let minutes = of_hour.filter_map(|(secs, millis)| {
            let begun = now.checked_sub(Duration::from_secs(*secs))?;
            Some((begun, Duration::from_millis(*millis).min(Self::MAX)))
        });
        self.minutes.extend(minutes);
        self.minutes.make_contiguous().sort();
        // In order, and not more than there are minutes.
        let surplus = self.minutes.len().saturating_sub(Self::MOST);
        self.minutes.drain(..surplus);
        self.forget(now);
    }

    fn forget(&mut self, now: Instant) {
        // The last lag of a minute counts for the whole hour.
        let memory = Self::MEMORY.saturating_add(Self::MINUTE);
        let is_old = |(begun, _): &(Instant, _)| now.saturating_duration_since(*begun) > memory;
        while self.minutes.front().is_some_and(is_old) {
            self.minutes.pop_front();
        }
    }
}

/// By which time, by the server's clock, an event was certainly there that an answer of `date`
/// brings: `Date` leaves the fraction of the second out.
pub(super) fn latest(date: DateTime<Utc>) -> DateTime<Utc> {
    crate::clock::shifted(date, TimeDelta::seconds(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_796_032_800_000 + millis).unwrap()
    }

    #[test]
    fn the_longest_lag_counts_for_an_hour_and_never_less_than_the_floor() {
        let (mut lags, start) = (Lags::default(), SystemClock.monotonic());
        assert_eq!(lags.allowance(start), Lags::FLOOR);
        lags.saw(start, at(0), at(999));
        assert_eq!(lags.allowance(start), Lags::FLOOR);
        lags.saw(start, at(0), at(7000));
        lags.saw(start, at(0), at(3000));
        let last = start + Lags::MEMORY + Lags::MINUTE;
        for (now, allowance) in
            [(start, 7), (start + 60 * SECOND, 7), (last, 7), (last + SECOND, 1)]
        {
            assert_eq!(lags.allowance(now), allowance * SECOND);
        }
    }

    #[test]
    fn absurd_times_never_shorten_the_allowance_and_end_coverage_for_an_hour_at_most() {
        let (mut lags, start) = (Lags::default(), SystemClock.monotonic());
        lags.saw(start, at(0), at(5000));
        for future in [at(5001), at(86_400_000), DateTime::<Utc>::MAX_UTC] {
            lags.saw(start, future, at(5000));
            assert_eq!(lags.allowance(start), 5 * SECOND);
        }
        for past in [DateTime::UNIX_EPOCH, DateTime::<Utc>::MIN_UTC] {
            lags.saw(start, past, at(5000));
            assert_eq!(lags.allowance(start), Lags::MAX);
        }
        assert_eq!(lags.allowance(start + Lags::MEMORY + 61 * SECOND), Lags::FLOOR);
    }

    #[test]
    fn what_another_instance_saw_counts_as_long_as_if_it_were_the_own() {
        let (mut lags, start) = (Lags::default(), SystemClock.monotonic());
        lags.saw(start, at(0), at(7000));
        lags.saw(start + 120 * SECOND, at(0), at(900));
        let told = lags.handed_over(start + 600 * SECOND);
        assert_eq!(told, [(600, 7001)], "what is allowed for anyway is not told");
        let (mut other, now) = (Lags::default(), start + 10_000 * SECOND);
        other.saw(now, at(0), at(3000));
        other.take_over(now, &told);
        let millis = Duration::from_millis;
        assert_eq!(other.allowance(now), millis(7001));
        assert_eq!(other.allowance(now + 3060 * SECOND), millis(7001));
        assert_eq!(other.allowance(now + 3061 * SECOND), millis(3000));
        // What somebody else has written.
        for _ in 0..3 {
            other.take_over(now, &[(0, u64::MAX); 1000]);
            assert!(other.minutes.len() <= 62);
        }
        assert_eq!(other.allowance(now), Lags::MAX);
        other.take_over(now, &[(u64::MAX, 1)]);
    }

    #[test]
    fn what_is_remembered_is_an_hour_of_minutes() {
        let (mut lags, start) = (Lags::default(), SystemClock.monotonic());
        for second in 0..20_000 {
            lags.saw(start + second * SECOND, at(0), at(1500));
            assert!(lags.minutes.len() <= 63, "{}", lags.minutes.len());
        }
    }
}
