//! Keeps within a server's rate limit, as far as the server has told it, and within what may be
//! under way at once.
//!
//! A request that the server is certain to refuse helps nobody, so it waits here instead. The
//! rule is simple: a request may go out while fewer are in flight than the window has left.
//! Requests in flight may or may not be counted in what the server said last, so they are taken
//! as not counted; when their answers come, what they did not use is free again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::clock::{Clock, Deadline};
use crate::wire::rate_limit::RateLimit;

/// The rate limit of one endpoint, and our requests in flight to it.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    state: Mutex<State>,
    /// Something came back: whoever waits may look again.
    answered: Notify,
}

#[derive(Debug, Default)]
struct State {
    in_flight: u64,
    /// `None` while the server has not stated any limit.
    window: Option<Window>,
}

#[derive(Debug)]
struct Window {
    latest: RateLimit,
    left: u64,
    ends_at: Instant,
    /// The stated window has ended; `left` is what the next one is presumed to have.
    over: bool,
}

/// What is left of a rate limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Outlook {
    /// How many requests a window allows.
    pub(crate) limit: u64,
    /// How many of them are left in this one, those in flight not taken away.
    pub(crate) left: u64,
    /// How long this window lasts yet.
    pub(crate) renews_in: Duration,
}

/// Why a request may not go out yet.
#[derive(Debug, Eq, PartialEq)]
enum Hold {
    /// The window is used up until then.
    Until(Instant),
    /// What is left is taken by requests in flight.
    ForAnswers,
}

/// Why there was no reservation in time.
#[derive(Debug)]
pub(crate) enum Unreserved {
    /// As many requests as may be were under way all along.
    NoTurn,
    /// The window is used up for so long yet.
    UsedUp(Duration),
}

impl Budget {
    /// The length of Okta's windows, assumed for the next one until the server states it.
    const WINDOW: Duration = Duration::from_secs(60);

    /// Waits for a turn while there is room in the window, and takes both.
    pub(crate) async fn reserve<'a>(
        &'a self,
        turns: &'a Semaphore,
        clock: &dyn Clock,
        deadline: &mut Deadline<'_>,
    ) -> Result<Reservation<'a>, Unreserved> {
        loop {
            let turn = deadline.before(turns.acquire()).await;
            // Nobody closes the semaphore.
            let turn = turn.and_then(Result::ok).ok_or(Unreserved::NoTurn)?;
            let now = clock.monotonic();
            let answered = self.answered.notified();
            let hold = match self.try_reserve(now) {
                Ok(()) => {
                    let (budget, learned) = (self, None);
                    return Ok(Reservation { budget, taken_at: now, learned, _turn: turn });
                }
                Err(hold) => hold,
            };
            // Other endpoints may have room.
            drop(turn);
            match hold {
                Hold::Until(end) if end > deadline.at() => {
                    return Err(Unreserved::UsedUp(end - now));
                }
                Hold::Until(end) => clock.sleep_until(end).await,
                Hold::ForAnswers => {
                    deadline.before(answered).await.ok_or(Unreserved::UsedUp(Duration::ZERO))?
                }
            }
        }
    }

    /// The latest statement of the server.
    pub(crate) fn latest(&self) -> Option<RateLimit> {
        self.state().window.as_ref().map(|window| window.latest)
    }

    /// What is left of the limit `now`; `None` while the server has not stated one.
    pub(crate) fn outlook(&self, now: Instant) -> Option<Outlook> {
        let state = self.state();
        let Window { latest, left, ends_at, .. } = state.window.as_ref()?;
        let (left, renews_in) =
            if now >= *ends_at { (latest.limit, Self::WINDOW) } else { (*left, *ends_at - now) };
        Some(Outlook { limit: latest.limit, left, renews_in })
    }

    fn try_reserve(&self, now: Instant) -> Result<(), Hold> {
        let mut state = self.state();
        let in_flight = state.in_flight;
        if let Some(Window { latest, left, ends_at, over }) = &mut state.window {
            if now >= *ends_at {
                (*left, *ends_at, *over) = (latest.limit, now + Self::WINDOW, true);
            }
            if *left == 0 {
                return Err(Hold::Until(*ends_at));
            }
            if in_flight >= *left {
                return Err(Hold::ForAnswers);
            }
        }
        state.in_flight += 1;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Learns what an answer stated, and how long that window still lasts.
    fn observe(&mut self, now: Instant, (stated, lasts): Stated) {
        match &mut self.window {
            // How many there are at once says nothing about the window.
            _ if stated.is_concurrency() => {}
            // Answers overtake each other: a window that has ended has nothing more to say, and
            // within one, less left is the later word.
            Some(Window { latest, over, .. })
                if stated.reset < latest.reset || (*over && stated.reset == latest.reset) => {}
            Some(Window { latest, left, .. }) if stated.reset == latest.reset => {
                *left = stated.remaining.min(*left);
                latest.remaining = *left;
            }
            window => {
                *window = Some(Window {
                    latest: stated,
                    left: stated.remaining,
                    ends_at: now + lasts,
                    over: false,
                });
            }
        }
    }
}

/// The right to have one request in flight; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    budget: &'a Budget,
    pub(crate) taken_at: Instant,
    learned: Option<(Instant, Stated)>,
    _turn: SemaphorePermit<'a>,
}

/// A server's statement, and how long its window lasts yet.
pub(crate) type Stated = (RateLimit, Duration);

impl Reservation<'_> {
    /// Gives it back with what the answer stated, if anything.
    pub(crate) fn answered(mut self, now: Instant, stated: Option<Stated>) {
        self.learned = stated.map(|stated| (now, stated));
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        // Nobody waits where there is no limit.
        let is_limited = state.window.is_some();
        state.in_flight -= 1;
        if let Some((now, stated)) = self.learned {
            state.observe(now, stated);
        }
        drop(state);
        if is_limited {
            self.budget.answered.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, SystemClock};
    use chrono::DateTime;

    fn stated(remaining: u64, reset: i64) -> RateLimit {
        RateLimit { limit: 600, remaining, reset: DateTime::from_timestamp(reset, 0).unwrap() }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn who_gets_no_turn_in_time_is_told_so_and_takes_nothing() {
        let (budget, turns) = (Budget::default(), Semaphore::new(1));
        let clock = ManualClock::new(DateTime::UNIX_EPOCH);
        let mut deadline = Deadline::new(&clock, clock.monotonic());
        let first = budget.reserve(&turns, &clock, &mut deadline).await.unwrap();
        let second = budget.reserve(&turns, &clock, &mut deadline).await;
        assert!(matches!(second, Err(Unreserved::NoTurn)));
        assert_eq!(budget.state().in_flight, 1);
        drop(first);
        assert!(budget.reserve(&turns, &clock, &mut deadline).await.is_ok());
    }

    #[tokio::test]
    async fn who_waits_for_a_window_leaves_the_turn_to_others() {
        let (full, free, turns) = (Budget::default(), Budget::default(), Semaphore::new(1));
        let clock = ManualClock::stepped(DateTime::UNIX_EPOCH);
        let now = clock.monotonic();
        full.state().observe(now, (stated(0, 60), MINUTE));
        let (mut late, mut early) =
            (Deadline::new(&clock, now + MINUTE), Deadline::new(&clock, now));
        let held_back = async {
            full.reserve(&turns, &clock, &mut late).await.map(|reservation| reservation.taken_at)
        };
        let other = async {
            let taken = free.reserve(&turns, &clock, &mut early).await;
            let taken = taken.map(|reservation| reservation.taken_at);
            clock.step(1).await;
            taken
        };
        let (held_back, other) = tokio::join!(held_back, other);
        assert_eq!((held_back.unwrap(), other.unwrap()), (now + MINUTE, now));
    }

    #[test]
    fn no_more_are_in_flight_than_are_left() {
        let (budget, now) = (Budget::default(), SystemClock.monotonic());
        budget.state().observe(now, (stated(2, 60), MINUTE));
        budget.try_reserve(now).unwrap();
        budget.try_reserve(now).unwrap();
        assert_eq!(budget.try_reserve(now), Err(Hold::ForAnswers));
        budget.state().observe(now, (stated(0, 60), MINUTE));
        assert_eq!(budget.try_reserve(now), Err(Hold::Until(now + MINUTE)));
    }

    #[test]
    fn a_new_window_has_its_full_limit_until_the_server_says_otherwise() {
        let (budget, now) = (Budget::default(), SystemClock.monotonic());
        budget.state().observe(now, (stated(0, 60), MINUTE));
        let next = now + MINUTE;
        for _ in 0..600 {
            budget.try_reserve(next).unwrap();
        }
        assert_eq!(budget.try_reserve(next), Err(Hold::ForAnswers));
        budget.state().observe(next, (stated(0, 60), MINUTE));
        assert_eq!(
            budget.try_reserve(next),
            Err(Hold::ForAnswers),
            "a late word about the old window"
        );
        budget.state().observe(next, (stated(0, 120), MINUTE));
        assert_eq!(budget.try_reserve(next), Err(Hold::Until(next + MINUTE)));
    }

    #[test]
    fn answers_that_overtake_each_other_never_give_room_back() {
        let (budget, now) = (Budget::default(), SystemClock.monotonic());
        for (remaining, reset, latest) in [(5, 120, 5), (7, 120, 5), (600, 60, 5), (4, 120, 4)] {
            budget.state().observe(now, (stated(remaining, reset), MINUTE));
            assert_eq!(budget.latest().unwrap().remaining, latest, "{remaining} {reset}");
        }
    }

    #[test]
    fn a_concurrency_refusal_does_not_close_the_window() {
        let (budget, now) = (Budget::default(), SystemClock.monotonic());
        budget.state().observe(now, (stated(5, 60), MINUTE));
        let concurrency =
            RateLimit { limit: 0, remaining: 0, reset: DateTime::from_timestamp(999, 0).unwrap() };
        budget.state().observe(now, (concurrency, MINUTE));
        assert!(budget.try_reserve(now).is_ok());
    }
}
