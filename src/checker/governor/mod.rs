//! The governor: which calls may be made when the rate limit is not enough for all.
//!
//! Three kinds of calls share one rate window. A *re-check* is about a token that was good when it
//! was last asked about; a *refresh* is a re-check ahead of time; a *newcomer* is a token never
//! seen, or seen to be bad. Anybody can make newcomers, as many as they like. So what re-checks
//! will need until the window ends is [forecast](Forecast), and kept for them. A call that does
//! not get through is refused with the time to wait: nothing queues here.
//!
//! Each call also takes a signature. Where the signer says how many it can make in a second, these are
//! divided in the same way.

pub(crate) mod forecast;
mod purpose;
mod signatures;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::checker::governor::forecast::Forecast;
use crate::checker::governor::purpose::{NEWCOMERS_PERCENT, REFRESH_PERCENT};
use crate::checker::governor::signatures::Signatures;
use crate::clock::later;
use crate::wire::rate_limit::Remaining;

pub(crate) use crate::checker::governor::purpose::Purpose;

/// How the rate window is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Division {
    /// What may be used of the limit, in per cent.
    pub(crate) share_percent: u64,
    /// How many calls for newcomers may be under way at once.
    pub(crate) max_newcomers: u64,
}

/// Admits calls to one server.
#[derive(Debug)]
pub(crate) struct Governor {
    division: Division,
    state: Arc<Mutex<State>>,
}

/// What there is too little of, and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NoRoom {
    /// In the rate limit, or among the newcomers under way.
    Calls(Duration),
    /// Signatures.
    Signatures(Duration),
}

#[derive(Debug, Default)]
struct State {
    under_way: u64,
    newcomers_under_way: u64,
    /// When the window ends in which `newcomers` were counted.
    window_ends: Option<Instant>,
    newcomers: u64,
    forecast: Forecast,
    /// Those that the signer can make, if it says how many.
    signatures: Option<Signatures>,
}

impl Governor {
    /// `signatures` is how many a second there are, if that is known.
    pub(crate) fn new(division: Division, signatures: Option<NonZeroU32>) -> Self {
        let signatures = signatures.map(Signatures::new);
        let state = State { signatures, ..State::default() };
        Self { division, state: Arc::new(Mutex::new(state)) }
    }

    /// Admits a call, or says what is missing and how long to wait.
    pub(crate) fn admit(
        &self,
        purpose: Purpose,
        remaining: Option<Remaining>,
        now: Instant,
    ) -> Result<Permit, NoRoom> {
        let mut state = self.state();
        state.check(purpose, remaining, self.division, now).map_err(NoRoom::Calls)?;
        let State { signatures, forecast, .. } = &mut *state;
        if let Some(signatures) = signatures {
            signatures.take(purpose, forecast, now).map_err(NoRoom::Signatures)?;
        }
        state.under_way += 1;
        if purpose == Purpose::Newcomer {
            state.newcomers += 1;
            state.newcomers_under_way += 1;
        }
        Ok(Permit { state: Arc::clone(&self.state), purpose })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The rule itself.
    fn check(
        &mut self,
        purpose: Purpose,
        remaining: Option<Remaining>,
        division: Division,
        now: Instant,
    ) -> Result<(), Duration> {
        if purpose == Purpose::Newcomer && self.newcomers_under_way >= division.max_newcomers {
            return Err(SOON);
        }
        let Some(remaining) = remaining else { return Ok(()) };
        let (limit, left, renews_in) = (remaining.limit(), remaining.left(), remaining.renews_in());
        if self.window_ends.is_none_or(|end| now >= end) {
            (self.window_ends, self.newcomers) = (Some(later(now, renews_in)), 0);
        }
        let others = limit * (100 - division.share_percent) / 100;
        let room = left.saturating_sub(others).saturating_sub(self.under_way);
        let admitted = match purpose {
            Purpose::Recheck => room > 0,
            Purpose::Refresh => room > limit * REFRESH_PERCENT / 100,
            Purpose::Newcomer => {
                let few = self.newcomers < limit * NEWCOMERS_PERCENT / 100;
                room > 0 && (few || room > self.forecast.rechecks(now, later(now, renews_in)))
            }
        };
        if admitted { Ok(()) } else { Err(renews_in) }
    }
}

/// When to try again where only the number of calls under way stands in the way.
const SOON: Duration = Duration::from_secs(1);

/// The right to make one call; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    state: Arc<Mutex<State>>,
    purpose: Purpose,
}

impl Permit {
    /// The call has brought a good answer, for a reader that will want another one after `bound`.
    pub(crate) fn good(&self, now: Instant, bound: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.forecast.note(now, bound);
    }
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
        let division = Division { share_percent, max_newcomers: 1000 };
        (Governor::new(division, None), SystemClock.monotonic())
    }

    fn left(left: u64) -> Option<Remaining> {
        Some(Remaining::new(100, left, MINUTE))
    }

    /// How many calls of a kind get through before one is refused, all under way at once.
    fn flood(governor: &Governor, purpose: Purpose, allowance: u64, now: Instant) -> usize {
        let admit = |_| governor.admit(purpose, left(allowance), now).ok();
        let permits: Vec<_> = (0..1000).map_while(admit).collect();
        permits.len()
    }

    /// So many tokens were found to be good, by readers with this bound.
    fn in_use(governor: &Governor, tokens: usize, bound: Duration, now: Instant) {
        for _ in 0..tokens {
            governor.state().forecast.note(now, bound);
        }
    }

    #[test]
    fn a_share_is_left_to_others() {
        let (governor, now) = governor(90);
        assert_eq!(flood(&governor, Purpose::Recheck, 100, now), 90);
        assert_eq!(flood(&governor, Purpose::Recheck, 10, now), 0);
        assert_eq!(
            governor.admit(Purpose::Recheck, left(10), now).unwrap_err(),
            NoRoom::Calls(MINUTE)
        );
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
    fn newcomers_leave_what_rechecks_will_need_until_the_window_ends() {
        let (governor, now) = governor(100);
        in_use(&governor, 40, MINUTE / 2, now);
        // Each of the 40 comes again in half a minute, and nearly all of them once more.
        assert_eq!(flood(&governor, Purpose::Newcomer, 100, now), 100 - 79);
        // Two minutes later none of them has come again: they are not in use any more.
        assert_eq!(flood(&governor, Purpose::Newcomer, 100, now + 2 * MINUTE), 100);
    }

    #[test]
    fn tokens_that_come_again_only_in_a_later_window_take_nothing_from_this_one() {
        let (governor, now) = governor(100);
        in_use(&governor, 40, 2 * MINUTE, now);
        assert_eq!(flood(&governor, Purpose::Newcomer, 60, now), 60);
        assert_eq!(flood(&governor, Purpose::Newcomer, 60, now + MINUTE + MINUTE / 2), 10);
    }

    #[test]
    fn a_full_house_lets_a_few_newcomers_in() {
        let (governor, now) = governor(100);
        for window in [now, now + MINUTE] {
            in_use(&governor, 100, MINUTE / 2, window);
            assert_eq!(flood(&governor, Purpose::Newcomer, 100, window), 5);
            assert_eq!(flood(&governor, Purpose::Newcomer, 100, window), 0, "once a window");
        }
    }

    #[test]
    fn a_good_answer_is_foreseen_to_be_asked_for_again() {
        let (governor, now) = governor(100);
        governor.admit(Purpose::Newcomer, left(100), now).unwrap().good(now, MINUTE / 2);
        assert_eq!(governor.state().forecast.rechecks(now, now + MINUTE), 2);
    }

    #[test]
    fn one_check_with_a_tiny_bound_does_not_starve_newcomers() {
        let (governor, now) = governor(100);
        in_use(&governor, 1, Duration::from_millis(100), now);
        assert_eq!(flood(&governor, Purpose::Newcomer, 100, now), 94);
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
        assert_eq!(admit(Purpose::Newcomer).unwrap_err(), NoRoom::Calls(SOON));
        assert!(admit(Purpose::Recheck).is_ok());
        drop(newcomers);
        assert!(admit(Purpose::Newcomer).is_ok());
    }
}
