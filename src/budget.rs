//! Keeps within a server's rate limit, as far as the server has told it.
//!
//! A request that the server is certain to refuse helps nobody, so it waits here instead. The
//! rule is simple: a request may go out while fewer are in flight than the window has left.
//! Requests in flight may or may not be counted in what the server said last, so they are taken
//! as not counted; when their answers come, what they did not use is free again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::clock::{Clock, before};
use crate::rate_limit::RateLimit;

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
    window: Window,
}

#[derive(Debug, Default)]
enum Window {
    /// Nothing has been answered yet.
    #[default]
    Unknown,
    /// The server does not state any limit.
    Unlimited,
    Stated {
        latest: RateLimit,
        left: u64,
        ends_at: Instant,
        /// The stated window has ended; `left` is what the next one is presumed to have.
        over: bool,
    },
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

impl Budget {
    /// How many requests may be in flight before the first answer has told the limit.
    const COLD_START: u64 = 64;

    /// The length of Okta's windows, assumed for the next one until the server states it.
    const WINDOW: Duration = Duration::from_secs(60);

    /// Waits for room and takes it; if there is none before `deadline`, says how long it takes.
    /// It is `now` when this is called.
    pub(crate) async fn reserve(
        &self,
        clock: &dyn Clock,
        mut now: Instant,
        deadline: Instant,
    ) -> Result<Reservation<'_>, Duration> {
        loop {
            let answered = self.answered.notified();
            match self.try_reserve(now) {
                Ok(()) => return Ok(Reservation { budget: self, taken_at: now, learned: None }),
                Err(Hold::Until(end)) if end > deadline => return Err(end - now),
                Err(Hold::Until(end)) => clock.sleep_until(end).await,
                Err(Hold::ForAnswers) => {
                    if before(clock, deadline, answered).await.is_none() {
                        return Err(Duration::ZERO);
                    }
                }
            }
            now = clock.monotonic();
        }
    }

    /// The latest statement of the server.
    pub(crate) fn latest(&self) -> Option<RateLimit> {
        match self.state().window {
            Window::Stated { latest, .. } => Some(latest),
            Window::Unknown | Window::Unlimited => None,
        }
    }

    /// What is left of the limit `now`; `None` while the server has not stated one.
    pub(crate) fn outlook(&self, now: Instant) -> Option<Outlook> {
        match self.state().window {
            Window::Unknown | Window::Unlimited => None,
            Window::Stated { latest, ends_at, .. } if now >= ends_at => {
                Some(Outlook { limit: latest.limit, left: latest.limit, renews_in: Self::WINDOW })
            }
            Window::Stated { latest, left, ends_at, .. } => {
                Some(Outlook { limit: latest.limit, left, renews_in: ends_at - now })
            }
        }
    }

    fn try_reserve(&self, now: Instant) -> Result<(), Hold> {
        let mut state = self.state();
        let in_flight = state.in_flight;
        let room = match &mut state.window {
            Window::Unlimited => u64::MAX,
            Window::Unknown => Self::COLD_START,
            Window::Stated { latest, left, ends_at, over } => {
                if now >= *ends_at {
                    (*left, *ends_at, *over) = (latest.limit, now + Self::WINDOW, true);
                }
                if *left == 0 {
                    return Err(Hold::Until(*ends_at));
                }
                *left
            }
        };
        if in_flight >= room {
            return Err(Hold::ForAnswers);
        }
        state.in_flight += 1;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Learns from an answer: what it stated, if anything, and how long that window still lasts.
    fn observe(&mut self, now: Instant, stated: Option<Stated>) {
        match (stated, &mut self.window) {
            // How many there are at once says nothing about the window.
            (Some((stated, _)), _) if stated.is_concurrency() => {}
            // Answers overtake each other: a window that has ended has nothing more to say, and
            // within one, less left is the later word.
            (Some((stated, _)), Window::Stated { latest, over, .. })
                if stated.reset < latest.reset || (*over && stated.reset == latest.reset) => {}
            (Some((stated, _)), Window::Stated { latest, left, .. })
                if stated.reset == latest.reset =>
            {
                *left = stated.remaining.min(*left);
                latest.remaining = *left;
            }
            (Some((stated, lasts)), window) => {
                *window = Window::Stated {
                    latest: stated,
                    left: stated.remaining,
                    ends_at: now + lasts,
                    over: false,
                };
            }
            (None, window @ Window::Unknown) => *window = Window::Unlimited,
            (None, Window::Unlimited | Window::Stated { .. }) => {}
        }
    }
}

/// The right to have one request in flight; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    budget: &'a Budget,
    pub(crate) taken_at: Instant,
    learned: Option<(Instant, Option<Stated>)>,
}

/// A server's statement, and how long its window lasts yet.
pub(crate) type Stated = (RateLimit, Duration);

impl Reservation<'_> {
    /// Gives it back with what the answer stated, if anything.
    pub(crate) fn answered(mut self, now: Instant, stated: Option<Stated>) {
        self.learned = Some((now, stated));
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        // Nobody waits where there is no limit.
        let is_limited = !matches!(state.window, Window::Unlimited);
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
    use crate::clock::SystemClock;
    use chrono::DateTime;

    fn stated(remaining: u64, reset: i64) -> RateLimit {
        RateLimit { limit: 600, remaining, reset: DateTime::from_timestamp(reset, 0).unwrap() }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn before_the_first_answer_a_few_may_go() {
        let (budget, now) = (Budget::default(), SystemClock.monotonic());
        for _ in 0..Budget::COLD_START {
            budget.try_reserve(now).unwrap();
        }
        assert_eq!(budget.try_reserve(now), Err(Hold::ForAnswers));
        budget.state().observe(now, None);
        assert!(budget.try_reserve(now).is_ok(), "the server states no limit");
    }

    #[test]
    fn no_more_are_in_flight_than_are_left() {
        let (budget, now) = (Budget::default(), SystemClock.monotonic());
        budget.state().observe(now, Some((stated(2, 60), MINUTE)));
        budget.try_reserve(now).unwrap();
        budget.try_reserve(now).unwrap();
        assert_eq!(budget.try_reserve(now), Err(Hold::ForAnswers));
        budget.state().observe(now, Some((stated(0, 60), MINUTE)));
        assert_eq!(budget.try_reserve(now), Err(Hold::Until(now + MINUTE)));
    }

    #[test]
    fn a_new_window_has_its_full_limit_until_the_server_says_otherwise() {
        let (budget, now) = (Budget::default(), SystemClock.monotonic());
        budget.state().observe(now, Some((stated(0, 60), MINUTE)));
        let next = now + MINUTE;
        for _ in 0..600 {
            budget.try_reserve(next).unwrap();
        }
        assert_eq!(budget.try_reserve(next), Err(Hold::ForAnswers));
        budget.state().observe(next, Some((stated(0, 60), MINUTE)));
        assert_eq!(
            budget.try_reserve(next),
            Err(Hold::ForAnswers),
            "a late word about the old window"
        );
        budget.state().observe(next, Some((stated(0, 120), MINUTE)));
        assert_eq!(budget.try_reserve(next), Err(Hold::Until(next + MINUTE)));
    }

    #[test]
    fn answers_that_overtake_each_other_never_give_room_back() {
        let (budget, now) = (Budget::default(), SystemClock.monotonic());
        for (remaining, reset, latest) in [(5, 120, 5), (7, 120, 5), (600, 60, 5), (4, 120, 4)] {
            budget.state().observe(now, Some((stated(remaining, reset), MINUTE)));
            assert_eq!(budget.latest().unwrap().remaining, latest, "{remaining} {reset}");
        }
    }

    #[test]
    fn a_concurrency_refusal_does_not_close_the_window() {
        let (budget, now) = (Budget::default(), SystemClock.monotonic());
        budget.state().observe(now, Some((stated(5, 60), MINUTE)));
        let concurrency =
            RateLimit { limit: 0, remaining: 0, reset: DateTime::from_timestamp(999, 0).unwrap() };
        budget.state().observe(now, Some((concurrency, MINUTE)));
        assert!(budget.try_reserve(now).is_ok());
    }
}
