//! The governor: who may ask the server, when the rate limit is not enough for all.
//!
//! Three kinds of calls want the same budget. A *re-check* is about a token that was good when it
//! was last asked about; a *refresh* is a re-check ahead of time; a *newcomer* is a token never
//! seen, or seen to be bad. Anybody can make newcomers, as many as they like. So what re-checks
//! will need until the window ends, going by the windows before, is kept for them. A call that
//! does not get through is refused with the time to wait: nothing queues here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What of an upstream's rate limit is left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Allowance {
    /// How many requests a window allows.
    pub limit: u64,
    /// How many are left in this window. Requests whose answers have not come are not yet taken
    /// away.
    pub left: u64,
    /// How long this window lasts yet.
    pub renews_in: Duration,
}

impl Allowance {
    /// So many of so many left, for so long.
    pub fn new(limit: u64, left: u64, renews_in: Duration) -> Self {
        Self { limit, left, renews_in }
    }
}

/// What a call is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    Recheck,
    Refresh,
    Newcomer,
}

/// How the budget is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Division {
    /// What may be used of the limit, in per cent.
    pub(crate) share_percent: u64,
    /// How many calls for newcomers may be under way at once.
    pub(crate) most_newcomers: u64,
}

/// Admits calls to one server.
#[derive(Debug)]
pub(crate) struct Governor {
    division: Division,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    under_way: u64,
    newcomers_under_way: u64,
    window_ends: Option<Instant>,
    /// Re-checks and newcomers so far in this window.
    rechecks: u64,
    newcomers: u64,
    /// Re-checks in the windows before, in a ring.
    past: [u64; PAST_WINDOWS],
    next: usize,
}

/// So many windows back reaches the memory of what re-checks need. Tokens that are re-checked
/// every few minutes come in waves, and one quiet window must not give their part away.
const PAST_WINDOWS: usize = 10;

/// The window that is assumed while the server states none.
const DEFAULT_WINDOW: Duration = Duration::from_secs(60);

/// What newcomers may always use of the limit, in per cent, so that a full house still lets
/// somebody new in.
const NEWCOMERS_PERCENT: u64 = 5;

/// A refresh can wait for the window's end: it goes only while this much of the limit is left, in
/// per cent.
const REFRESH_PERCENT: u64 = 10;

impl Governor {
    pub(crate) fn new(division: Division) -> Self {
        Self { division, state: Arc::default() }
    }

    /// Admits a call, or says how long to wait.
    pub(crate) fn admit(
        &self,
        purpose: Purpose,
        allowance: Option<Allowance>,
        now: Instant,
    ) -> Result<Permit, Duration> {
        let mut state = self.state();
        state.turn(allowance, now);
        state.judge(purpose, allowance, self.division)?;
        state.under_way += 1;
        match purpose {
            Purpose::Recheck | Purpose::Refresh => state.rechecks += 1,
            Purpose::Newcomer => {
                state.newcomers += 1;
                state.newcomers_under_way += 1;
            }
        }
        Ok(Permit { state: Arc::clone(&self.state), purpose })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Begins a new window when the old one is over.
    fn turn(&mut self, allowance: Option<Allowance>, now: Instant) {
        let stated = allowance.map_or(DEFAULT_WINDOW, |allowance| allowance.renews_in);
        let over = self.window_ends.is_some_and(|end| now >= end);
        if over {
            self.past[self.next] = self.rechecks;
            self.next = (self.next + 1) % PAST_WINDOWS;
            (self.rechecks, self.newcomers) = (0, 0);
        }
        if over || self.window_ends.is_none() {
            self.window_ends = Some(now + stated);
        }
    }

    /// What re-checks will still need in this window: as many as in the busiest one before, and a
    /// quarter more.
    fn expected_rechecks(&self) -> u64 {
        let busiest = self.past.iter().copied().max().unwrap_or(0).max(self.rechecks);
        (busiest + busiest.div_ceil(4)).saturating_sub(self.rechecks)
    }

    /// The rule itself.
    fn judge(
        &self,
        purpose: Purpose,
        allowance: Option<Allowance>,
        division: Division,
    ) -> Result<(), Duration> {
        if purpose == Purpose::Newcomer && self.newcomers_under_way >= division.most_newcomers {
            return Err(SOON);
        }
        let Some(Allowance { limit, left, renews_in }) = allowance else { return Ok(()) };
        let others = limit * (100 - division.share_percent) / 100;
        let room = left.saturating_sub(others).saturating_sub(self.under_way);
        let admitted = match purpose {
            Purpose::Recheck => room > 0,
            Purpose::Refresh => room > limit * REFRESH_PERCENT / 100,
            Purpose::Newcomer => {
                room > self.expected_rechecks()
                    || room > 0 && self.newcomers < limit * NEWCOMERS_PERCENT / 100
            }
        };
        if admitted { Ok(()) } else { Err(renews_in) }
    }
}

/// When to try again where nothing but a moment's crowd stands in the way.
const SOON: Duration = Duration::from_secs(1);

/// The right to make one call; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    state: Arc<Mutex<State>>,
    purpose: Purpose,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.under_way -= 1;
        if self.purpose == Purpose::Newcomer {
            state.newcomers_under_way -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    const MINUTE: Duration = Duration::from_secs(60);

    fn governor(share_percent: u64) -> (Governor, Instant) {
        let division = Division { share_percent, most_newcomers: 1000 };
        (Governor::new(division), SystemClock.monotonic())
    }

    fn left(left: u64) -> Option<Allowance> {
        Some(Allowance::new(100, left, MINUTE))
    }

    /// How many calls of a kind get through before one is refused, all under way at once.
    fn flood(governor: &Governor, purpose: Purpose, allowance: u64, now: Instant) -> usize {
        let admit = |_| governor.admit(purpose, left(allowance), now).ok();
        let permits: Vec<_> = (0..1000).map_while(admit).collect();
        permits.len()
    }

    #[test]
    fn a_share_is_left_to_others() {
        let (governor, now) = governor(90);
        assert_eq!(flood(&governor, Purpose::Recheck, 100, now), 90);
        assert_eq!(flood(&governor, Purpose::Recheck, 10, now), 0);
        assert_eq!(governor.admit(Purpose::Recheck, left(10), now).unwrap_err(), MINUTE);
    }

    #[test]
    fn what_is_under_way_counts_until_it_lands() {
        let (governor, now) = governor(100);
        let permit = governor.admit(Purpose::Recheck, left(1), now).unwrap();
        assert!(governor.admit(Purpose::Recheck, left(1), now).is_err());
        drop(permit);
        assert!(governor.admit(Purpose::Recheck, left(1), now).is_ok());
    }

    #[test]
    fn newcomers_leave_what_rechecks_needed_in_the_busiest_window() {
        let (governor, now) = governor(100);
        assert_eq!(flood(&governor, Purpose::Recheck, 40, now), 40);
        // Nine quiet windows later it is still remembered, and in the tenth no more.
        for window in 1..=10_u32 {
            let now = now + window * MINUTE;
            // 40 and a quarter more are expected; 5 may always come.
            assert_eq!(flood(&governor, Purpose::Newcomer, 100, now), 50, "window {window}");
        }
        assert_eq!(flood(&governor, Purpose::Newcomer, 100, now + 11 * MINUTE), 100);
    }

    #[test]
    fn rechecks_that_have_been_made_are_not_expected_again() {
        let (governor, now) = governor(100);
        assert_eq!(flood(&governor, Purpose::Recheck, 40, now), 40);
        let now = now + MINUTE;
        for _ in 0..40 {
            assert!(governor.admit(Purpose::Recheck, left(100), now).is_ok());
        }
        assert_eq!(flood(&governor, Purpose::Newcomer, 60, now), 50);
    }

    #[test]
    fn a_full_house_lets_a_few_newcomers_in() {
        let (governor, now) = governor(100);
        assert_eq!(flood(&governor, Purpose::Recheck, 100, now), 100);
        let now = now + MINUTE;
        assert_eq!(flood(&governor, Purpose::Newcomer, 100, now), 5);
        assert_eq!(flood(&governor, Purpose::Newcomer, 100, now), 0, "once a window");
    }

    #[test]
    fn a_refresh_goes_only_while_there_is_plenty() {
        let (governor, now) = governor(100);
        assert!(governor.admit(Purpose::Refresh, left(10), now).is_err());
        assert!(governor.admit(Purpose::Refresh, left(11), now).is_ok());
    }

    #[test]
    fn without_a_stated_limit_only_the_crowd_of_newcomers_is_bounded() {
        let (governor, now) = governor(100);
        let admit = |purpose| governor.admit(purpose, None, now);
        let newcomers: Vec<_> = (0..1000).map(|_| admit(Purpose::Newcomer).unwrap()).collect();
        assert_eq!(admit(Purpose::Newcomer).unwrap_err(), SOON);
        assert!(admit(Purpose::Recheck).is_ok());
        drop(newcomers);
        assert!(admit(Purpose::Newcomer).is_ok());
    }
}
