//! How often the log may be asked, beside all others that ask.
//!
//! Okta counts the calls of an org's programs together, and those of one app apart. Each answer
//! states what is left, from which it follows how many calls others make; what they are likely to
//! make until the window ends is left for them. So we cause no refusal, neither of ours nor of
//! theirs, but by what nothing foretells.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::clock::later;
use crate::wire::rate_limit::RateLimit;

/// Paces the polls.
#[derive(Debug, Default)]
pub(super) struct Pace {
    windows: Vec<Window>,
}

/// The rate window of one limit, that of the org or that of the app.
#[derive(Debug)]
struct Window {
    limit: u64,
    remaining: u64,
    reset: DateTime<Utc>,
    ends: Instant,
    stated_at: Instant,
    /// How many of the calls in it were ours.
    ours: u64,
    /// How many calls others made in the window before, if that was seen.
    others_before: Option<f64>,
}

impl Pace {
    /// More limits than an answer states; those beyond are not heeded.
    const MAX_WINDOWS: usize = 4;

    /// Okta's windows.
    const LENGTH: Duration = Duration::from_secs(60);

    /// After so long one call goes out whatever was stated.
    const MAX_WAIT: Duration = Duration::from_secs(61);

    /// While one in so many calls is left, one goes out after [`LOOK`](Self::LOOK): what others do can
    /// be seen in no other way, and a burst of theirs is not all that they will do for ever.
    const PLENTY: f64 = 8.0;

    const LOOK: Duration = Duration::from_secs(10);

    /// One in so many calls of a limit is left alone, besides what others are likely to make.
    const RESERVE: u64 = 60;

    /// Takes note of what an answer that has just come to a call of ours states: limits, and how
    /// long their windows last yet.
    pub(super) fn stated(&mut self, now: Instant, limits: &[(RateLimit, Duration)]) {
        for (stated, lasts) in limits.iter().filter(|(stated, _)| !stated.is_concurrency()) {
            let ends = later(now, *lasts);
            let is_full = self.windows.len() >= Self::MAX_WINDOWS;
            match self.windows.iter_mut().find(|window| window.limit == stated.limit) {
                Some(window) if window.reset == stated.reset => {
                    window.remaining = window.remaining.min(stated.remaining);
                    window.ours = window.ours.saturating_add(1);
                    window.stated_at = now;
                }
                Some(window) => {
                    let others_before = window.others_in_all();
                    *window = Window { others_before, ..Window::new(*stated, ends, now) };
                }
                None if is_full => {}
                None => self.windows.push(Window::new(*stated, ends, now)),
            }
        }
    }

    /// When the next call may go out that is wanted at `wanted`.
    pub(super) fn next(&self, now: Instant, wanted: Instant) -> Instant {
        let spacings = self.windows.iter().filter_map(|window| window.spacing(now));
        let wait = spacings.max().unwrap_or_default().min(Self::MAX_WAIT);
        later(now, wait).max(wanted)
    }
}

impl Window {
    fn new(stated: RateLimit, ends: Instant, now: Instant) -> Self {
        let RateLimit { limit, remaining, reset, .. } = stated;
        Self { limit, remaining, reset, ends, stated_at: now, ours: 1, others_before: None }
    }

    /// How long after `now` the next call may go out, so that those that fit are spread over what is
    /// left of the window; `None` once it has ended.
    fn spacing(&self, now: Instant) -> Option<Duration> {
        let rest = self.ends.checked_duration_since(now).filter(|rest| !rest.is_zero())?;
        let reserve = (self.limit / Pace::RESERVE).max(1) as f64;
        let left = self.remaining as f64 - reserve;
        let room = left - self.others_to_come(rest);
        let spacing = if room < 1.0 { rest } else { rest.div_f64(room.floor()) };
        let may_look = left >= self.limit as f64 / Pace::PLENTY;
        Some(if may_look { spacing.min(Pace::LOOK) } else { spacing })
    }

    /// How many of the calls so far were made by others.
    fn others(&self) -> f64 {
        self.limit.saturating_sub(self.remaining).saturating_sub(self.ours) as f64
    }

    /// How many calls others are likely to make in the rest of the window: what is left of what they
    /// made in the one before; where they are beyond that, or it is not known, as many a second as
    /// so far.
    fn others_to_come(&self, rest: Duration) -> f64 {
        match self.others_before {
            Some(before) if before >= self.others() => before - self.others(),
            _ => self.others() * rest.as_secs_f64() / self.elapsed().as_secs_f64().max(1.0),
        }
    }

    /// How many calls others made in the whole window, by what was stated last.
    fn others_in_all(&self) -> Option<f64> {
        // Too little of it was seen to tell.
        let share = self.elapsed().as_secs_f64() / Pace::LENGTH.as_secs_f64();
        (share >= 0.5).then(|| (self.others() / share.min(1.0)).max(self.others()))
    }

    /// How much of the window had gone by when it was stated last.
    fn elapsed(&self) -> Duration {
        let left = self.ends.saturating_duration_since(self.stated_at);
        Pace::LENGTH.saturating_sub(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};
    use std::collections::HashSet;

    /// A bucket as Okta has it: a limit for the org and one for the app, in windows of a minute.
    struct Bucket {
        org: u64,
        app: u64,
        window: u64,
        used: u64,
        used_by_us: u64,
        refused: u64,
    }

    impl Bucket {
        fn new(org: u64, app: u64) -> Self {
            Self { org, app, window: 0, used: 0, used_by_us: 0, refused: 0 }
        }

        /// A call at so many milliseconds; what is stated if it is ours.
        fn call(&mut self, millis: u64, is_ours: bool) -> [(RateLimit, Duration); 2] {
            if self.window != millis / 60_000 {
                (self.window, self.used, self.used_by_us) = (millis / 60_000, 0, 0);
            }
            if self.used >= self.org || is_ours && self.used_by_us >= self.app {
                self.refused += 1;
            } else {
                self.used += 1;
                self.used_by_us += u64::from(is_ours);
            }
            let end = (self.window + 1) * 60_000;
            let reset = DateTime::from_timestamp_millis(end as i64).unwrap();
            let lasts = Duration::from_millis(end - millis);
            let org = RateLimit { limit: self.org, remaining: self.org - self.used, reset };
            let left = self.app - self.used_by_us;
            [(org, lasts), (RateLimit { limit: self.app, remaining: left, reset }, lasts)]
        }
    }

    /// Polls every second for ten minutes beside another program that calls at these times of each
    /// minute. How many calls each made in the last window, and how many were refused.
    fn beside(mut bucket: Bucket, others: &HashSet<u64>) -> (u64, u64) {
        let (start, mut pace) = (SystemClock.monotonic(), Pace::default());
        let (mut ours, mut next) = (0, 7_300);
        for millis in 0..600_000_u64 {
            if others.contains(&(millis % 60_000)) {
                bucket.call(millis, false);
            }
            if millis >= next {
                let now = start + Duration::from_millis(millis);
                pace.stated(now, &bucket.call(millis, true));
                let at = pace.next(now, now + Duration::from_secs(1));
                next = (at - start).as_millis() as u64;
                ours += u64::from(millis >= 540_000);
            }
        }
        (ours, bucket.refused)
    }

    #[test]
    fn alone_the_app_gets_what_is_its_own_without_a_refusal() {
        let (ours, refused) = beside(Bucket::new(120, 60), &HashSet::new());
        assert_eq!(refused, 0);
        assert!((56..=60).contains(&ours), "{ours}");
    }

    #[test]
    fn beside_one_that_uses_sixty_per_cent_nothing_is_refused() {
        let even: HashSet<u64> = (0..72).map(|call| call * 833).collect();
        let at_the_beginning: HashSet<u64> = (0..72).map(|call| call * 20).collect();
        let in_the_middle: HashSet<u64> = (0..72).map(|call| 30_000 + call * 20).collect();
        let in_bursts: HashSet<u64> =
            (0..72).map(|call| call / 12 * 10_000 + call % 12 * 100).collect();
        for (name, others) in [
            ("even", even),
            ("at the beginning", at_the_beginning),
            ("in the middle", in_the_middle),
            ("in bursts", in_bursts),
        ] {
            let (ours, refused) = beside(Bucket::new(120, 60), &others);
            assert!(ours >= 30, "{name}: {ours}");
            assert_eq!(refused, 0, "{name}");
        }
    }

    fn one(limit: u64, remaining: u64, lasts: u64) -> (Pace, Instant) {
        let (mut pace, now) = (Pace::default(), SystemClock.monotonic());
        let reset = DateTime::from_timestamp(1000, 0).unwrap();
        pace.stated(now, &[(RateLimit { limit, remaining, reset }, Duration::from_secs(lasts))]);
        (pace, now)
    }

    #[test]
    fn where_nothing_is_left_the_next_window_is_waited_for_and_no_longer_than_a_minute() {
        for (remaining, lasts, wait) in [(0, 30, 30), (1, 30, 30), (0, 300, 61), (1, 1, 1)] {
            let (pace, now) = one(60, remaining, lasts);
            let waits = pace.next(now, now) - now;
            assert_eq!(waits, Duration::from_secs(wait), "{remaining} for {lasts} s");
        }
        let (pace, now) = one(60, 0, 30);
        let end = now + Duration::from_secs(30);
        assert_eq!(pace.next(end, end), end, "a window that has ended limits nothing");
    }

    #[test]
    fn what_is_wanted_later_is_not_sooner_and_absurd_limits_do_no_harm() {
        let (pace, now) = one(1_000_000_000, 1_000_000_000, 60);
        let wanted = now + Duration::from_secs(2);
        assert_eq!(pace.next(now, wanted), wanted);
        for (limit, remaining) in [(0, 5), (1, 1), (5, 1000)] {
            let (pace, now) = one(limit, remaining, 60);
            assert!(pace.next(now, now) - now <= Pace::MAX_WAIT, "{limit} {remaining}");
        }
    }

    #[test]
    fn so_many_limits_are_heeded_and_no_more() {
        let (mut pace, now) = one(60, 59, 30);
        let reset = DateTime::from_timestamp(1000, 0).unwrap();
        for limit in 1..10_000 {
            let limit = RateLimit { limit, remaining: 1, reset };
            pace.stated(now, &[(limit, Duration::from_secs(30))]);
        }
        assert_eq!(pace.windows.len(), Pace::MAX_WINDOWS);
    }
}
