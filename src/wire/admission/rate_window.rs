//! Keeps within a server's rate limit, as far as the server has stated it.
//!
//! A request that the server is certain to refuse is of no use, so it waits here instead. The
//! rule is simple: a request may go out while fewer are in flight than the window has left.
//! Requests in flight may or may not be counted in what the server said last, so they are taken
//! as not counted; when their answers come, what they did not use is free again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::clock::later;
use crate::wire::rate_limit::{RateLimit, Remaining};

/// The rate window of one bucket, and our requests in flight to it.
#[derive(Debug, Default)]
pub(crate) struct RateWindow {
    state: Mutex<State>,
    /// A request came back: those that wait may look again.
    returned: Notify,
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
    stated_at: Instant,
    left: u64,
    ends_at: Instant,
    /// The stated window has ended; `left` is what the next one is presumed to have.
    over: bool,
}

/// Why a request may not go out yet.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Hold {
    /// The window is used up until then.
    Until(Instant),
    /// What is left is taken by requests in flight.
    ForAnswers,
}

impl RateWindow {
    /// The length of Okta's windows, assumed for the next one until the server states it.
    const LENGTH: Duration = Duration::from_secs(60);

    /// A statement holds for the length of a window and the second that `Date` leaves out. Should
    /// the server have said that its window lasts longer, one request at a time finds out.
    const HOLDS_FOR: Duration = Duration::from_secs(61);

    /// Takes room for one request, if there is any.
    pub(crate) fn try_take(self: &Arc<Self>, now: Instant) -> Result<Slot, Hold> {
        let mut state = self.state();
        let in_flight = state.in_flight;
        if let Some(window) = &mut state.window {
            window.renew(now);
            window.check(in_flight, now)?;
        }
        state.in_flight += 1;
        Ok(Slot { window: Arc::clone(self), statement: None })
    }

    /// Completes when a request has come back. Made before [`try_take`](Self::try_take), it misses
    /// none that comes back afterwards.
    pub(crate) fn returned(&self) -> Notified<'_> {
        self.returned.notified()
    }

    /// The latest statement of the server.
    pub(crate) fn latest(&self) -> Option<RateLimit> {
        self.state().window.as_ref().map(|window| window.latest)
    }

    /// What is left of the limit `now`; `None` while the server has not stated one.
    pub(crate) fn remaining(&self, now: Instant) -> Option<Remaining> {
        let state = self.state();
        let window = state.window.as_ref()?;
        let limit = window.latest.limit;
        let until = window.ends_at.min(window.doubted_at());
        Some(match until.checked_duration_since(now) {
            Some(renews_in) if !renews_in.is_zero() => {
                Remaining::new(limit, window.left, renews_in)
            }
            _ => Remaining::new(limit, limit, Self::LENGTH),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    /// Presumes a full window where the stated one has ended.
    fn renew(&mut self, now: Instant) {
        if now >= self.ends_at {
            // Whatever was stated as the limit, one request finds out.
            self.left = self.latest.limit.max(1);
            self.ends_at = later(now, RateWindow::LENGTH);
            self.over = true;
        }
    }

    fn check(&self, in_flight: u64, now: Instant) -> Result<(), Hold> {
        let is_doubtful = self.left == 0 && now >= self.doubted_at();
        match (self.left, in_flight) {
            (0, 0) if is_doubtful => Ok(()),
            (0, _) if !is_doubtful => Err(Hold::Until(self.ends_at.min(self.doubted_at()))),
            (left, in_flight) if in_flight < left => Ok(()),
            _ => Err(Hold::ForAnswers),
        }
    }

    /// Whether a statement is about a window before this one.
    fn is_newer_than(&self, stated: RateLimit, now: Instant) -> bool {
        match self.over {
            true => stated.reset <= self.latest.reset,
            false => stated.reset < self.latest.reset && now < self.doubted_at(),
        }
    }

    /// From when on the statement is not believed any more.
    fn doubted_at(&self) -> Instant {
        match self.over {
            // Nothing was stated about the window that is presumed.
            true => self.ends_at,
            false => later(self.stated_at, RateWindow::HOLDS_FOR),
        }
    }
}

impl State {
    /// Records what an answer stated, and how long that window still lasts.
    fn record(&mut self, now: Instant, (stated, lasts): Statement) {
        match &mut self.window {
            // How many there are at once says nothing about the window.
            _ if stated.is_concurrency() => {}
            // Answers overtake each other: a window that has ended has nothing more to say, and
            // within one, less left is the later word.
            Some(window) if window.is_newer_than(stated, now) => {}
            Some(window) if !window.over && stated.reset == window.latest.reset => {
                window.left = stated.remaining.min(window.left);
                window.latest.remaining = window.left;
                window.stated_at = now;
            }
            window => {
                *window = Some(Window {
                    latest: stated,
                    stated_at: now,
                    left: stated.remaining,
                    ends_at: later(now, lasts),
                    over: false,
                });
            }
        }
    }
}

/// What a server stated, and how long that window lasts yet.
pub(crate) type Statement = (RateLimit, Duration);

/// Room for one request in flight; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    window: Arc<RateWindow>,
    statement: Option<(Instant, Statement)>,
}

impl Slot {
    /// Gives it back with what the answer stated, if anything.
    pub(crate) fn answered(mut self, now: Instant, statement: Option<Statement>) {
        self.statement = statement.map(|statement| (now, statement));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.window.state();
        // Nothing waits where there is no limit.
        let is_limited = state.window.is_some();
        state.in_flight -= 1;
        if let Some((now, statement)) = self.statement {
            state.record(now, statement);
        }
        drop(state);
        if is_limited {
            self.window.returned.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};
    use chrono::DateTime;

    fn stated(remaining: u64, reset: i64) -> RateLimit {
        RateLimit { limit: 600, remaining, reset: DateTime::from_timestamp(reset, 0).unwrap() }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    fn window() -> (Arc<RateWindow>, Instant) {
        (Arc::default(), SystemClock.monotonic())
    }

    fn hold(window: &Arc<RateWindow>, now: Instant) -> Option<Hold> {
        window.try_take(now).err()
    }

    #[test]
    fn no_more_are_in_flight_than_are_left() {
        let (window, now) = window();
        window.state().record(now, (stated(2, 60), MINUTE));
        let slots = [0, 1].map(|_| window.try_take(now).unwrap());
        assert_eq!(hold(&window, now), Some(Hold::ForAnswers));
        window.state().record(now, (stated(0, 60), MINUTE));
        assert_eq!(hold(&window, now), Some(Hold::Until(now + MINUTE)));
        drop(slots);
    }

    #[test]
    fn a_new_window_has_its_full_limit_until_the_server_says_otherwise() {
        let (window, now) = window();
        window.state().record(now, (stated(0, 60), MINUTE));
        let next = now + MINUTE;
        let slots: Vec<_> = (0..600).map(|_| window.try_take(next).unwrap()).collect();
        assert_eq!(hold(&window, next), Some(Hold::ForAnswers));
        window.state().record(next, (stated(0, 60), MINUTE));
        assert_eq!(hold(&window, next), Some(Hold::ForAnswers), "a late word about the old window");
        window.state().record(next, (stated(0, 120), MINUTE));
        assert_eq!(hold(&window, next), Some(Hold::Until(next + MINUTE)));
        drop(slots);
    }

    #[test]
    fn answers_that_overtake_each_other_never_give_room_back() {
        let (window, now) = window();
        for (remaining, reset, latest) in [(5, 120, 5), (7, 120, 5), (600, 60, 5), (4, 120, 4)] {
            window.state().record(now, (stated(remaining, reset), MINUTE));
            assert_eq!(window.latest().unwrap().remaining, latest, "{remaining} {reset}");
        }
    }

    #[test]
    fn a_concurrency_refusal_does_not_close_the_window() {
        let (window, now) = window();
        window.state().record(now, (stated(5, 60), MINUTE));
        let concurrency =
            RateLimit { limit: 0, remaining: 0, reset: DateTime::from_timestamp(999, 0).unwrap() };
        window.state().record(now, (concurrency, MINUTE));
        assert!(window.try_take(now).is_ok());
    }

    #[test]
    fn after_a_minute_one_request_goes_out_whatever_was_said_and_later_statements_count() {
        let (window, now) = window();
        window.state().record(now, (stated(0, 240), 4 * MINUTE));
        let doubt = now + RateWindow::HOLDS_FOR;
        let moment = Duration::from_millis(1);
        assert_eq!(hold(&window, doubt - moment), Some(Hold::Until(doubt)));
        assert_eq!(window.remaining(doubt - moment), Some(Remaining::new(600, 0, moment)));
        let probe = window.try_take(doubt).unwrap();
        assert_eq!(hold(&window, doubt), Some(Hold::ForAnswers));
        assert_eq!(window.remaining(doubt), Some(Remaining::new(600, 600, MINUTE)));
        probe.answered(doubt, Some((stated(9, 120), MINUTE)));
        assert_eq!(window.latest().unwrap().remaining, 9);
        assert_eq!(window.remaining(doubt), Some(Remaining::new(600, 9, MINUTE)));
    }

    #[test]
    fn a_limit_of_none_leaves_one_request_a_window() {
        let (window, now) = window();
        let none = RateLimit { limit: 0, ..stated(1, 60) };
        window.state().record(now, (none, MINUTE));
        let ends = now + MINUTE;
        assert!(window.try_take(ends).is_ok(), "at the end of the stated window");
        assert!(window.try_take(ends + 2 * MINUTE).is_ok(), "and of the next ones");
    }

    #[test]
    fn the_request_that_found_the_window_still_used_up_is_followed_by_another_wait() {
        let (window, now) = window();
        window.state().record(now, (stated(0, 240), 4 * MINUTE));
        let doubt = now + RateWindow::HOLDS_FOR;
        let rest = 4 * MINUTE - RateWindow::HOLDS_FOR;
        window.try_take(doubt).unwrap().answered(doubt, Some((stated(0, 240), rest)));
        assert_eq!(hold(&window, doubt), Some(Hold::Until(doubt + RateWindow::HOLDS_FOR)));
    }
}
