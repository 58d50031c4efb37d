//! Asks again and again, as often as it has to.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use okta_introspect::{
    Client, Clock, Deadline, Error, Introspection, Random, Token, TokenTypeHint,
};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Reader;

use super::history::{History, State};

/// What is watched, and for how long.
pub(super) struct Engine {
    pub(super) client: Client,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Box<dyn Random>,
    pub(super) token: Token,
    pub(super) hint: Option<TokenTypeHint>,
    /// The next question goes out when the latest one is this old.
    pub(super) max_age: Duration,
    pub(super) until_inactive: bool,
    pub(super) limit: Option<Duration>,
}

/// A state that is new, or new facts about an active token.
#[derive(Debug)]
pub(super) struct Change {
    /// When the server was asked.
    pub(super) time: DateTime<Utc>,
    pub(super) state: State,
    /// The names of what is new.
    pub(super) changed: Vec<String>,
    pub(super) answer: Result<Introspection, Error>,
}

/// Who is told of changes.
pub(super) trait Sink {
    /// Takes a change, and says whether anybody reads of it.
    fn tell(&mut self, change: &Change) -> Result<Reader, Failure>;
}

/// How a watch ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// The token is inactive, and that was waited for.
    Inactive,
    /// Time is up; the latest state, if there was time for one.
    TimeUp(Option<State>),
    /// It was interrupted.
    Interrupted,
    /// Nobody reads the output, which is all that was wanted.
    Unread,
}

impl Engine {
    /// Watches. Ends with an error when asking again cannot help: our credentials or the request
    /// are refused.
    pub(super) async fn run(
        &self,
        interrupt: impl Future<Output = ()>,
        sink: &mut impl Sink,
    ) -> Result<Result<End, Error>, Failure> {
        let mut interrupt = pin!(interrupt);
        let deadline = self.limit.map(|limit| self.clock.monotonic() + limit);
        let mut history = History::default();
        let mut silent = 0;
        loop {
            let (time, asked_at) = (self.clock.now(), self.clock.monotonic());
            let answer = tokio::select! {
                biased;
                () = &mut interrupt => return Ok(Ok(End::Interrupted)),
                answer = self.client.introspect(&self.token, self.hint) => answer,
                () = self.over(deadline) => return Ok(Ok(End::TimeUp(history.state()))),
            };
            let (state, changed) = match &answer {
                Ok(answer) if answer.active => (State::Active, history.note(answer)),
                Ok(answer) => (State::Inactive, history.note(answer)),
                Err(error) if Exit::from(error.kind()) == Exit::Unknown => {
                    (State::Unknown, history.note_silence())
                }
                Err(error) => return Ok(Err(error.clone())),
            };
            silent = if state == State::Unknown { silent + 1 } else { 0 };
            let next = match &answer {
                Ok(answer) => self.after(asked_at, answer),
                Err(error) => self.after_silence(asked_at, silent, error),
            };
            if let Some(changed) = changed {
                let reader = sink.tell(&Change { time, state, changed, answer })?;
                if reader == Reader::Gone && !self.until_inactive {
                    return Ok(Ok(End::Unread));
                }
            }
            if state == State::Inactive && self.until_inactive {
                return Ok(Ok(End::Inactive));
            }
            let next = deadline.map_or(next, |deadline| next.min(deadline));
            tokio::select! {
                biased;
                () = &mut interrupt => return Ok(Ok(End::Interrupted)),
                () = self.clock.sleep_until(next) => {}
            }
            if deadline.is_some_and(|deadline| self.clock.monotonic() >= deadline) {
                return Ok(Ok(End::TimeUp(history.state())));
            }
        }
    }

    /// When to ask again: when the answer is too old, whose age counts from the question, or when
    /// the token ends, if that is sooner.
    pub(super) fn after(&self, asked_at: Instant, answer: &Introspection) -> Instant {
        /// How long a server that calls a token active beyond its end is left alone: clocks
        /// differ, and seconds are rounded.
        const BEYOND_END: Duration = Duration::from_secs(1);

        let regular = asked_at + self.max_age;
        let Some(end) = answer.exp.filter(|_| answer.active) else { return regular };
        let left = (end - self.server_time()).to_std().unwrap_or_default();
        let at_end = self.clock.monotonic() + left;
        regular.min(if left.is_zero() { at_end + BEYOND_END } else { at_end })
    }

    /// When to ask again after a failure. The client has repeated the question by itself, so that
    /// the pauses double, up to half a minute. As between its attempts, they are anything from
    /// nothing to their upper end, and what the server asks for is waited in full before them:
    /// many who watch through one outage do not come back together.
    fn after_silence(&self, asked_at: Instant, failures: u32, error: &Error) -> Instant {
        const FIRST_PAUSE: Duration = Duration::from_secs(1);
        const LONGEST_PAUSE: Duration = Duration::from_secs(30);

        let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
        let jitter = doubled.min(LONGEST_PAUSE).mul_f64(self.random.fraction());
        let pause = error.retry_after().unwrap_or_default().saturating_add(jitter);
        (asked_at + self.max_age).max(self.clock.monotonic() + pause)
    }

    /// A token ends by the server's clock.
    fn server_time(&self) -> DateTime<Utc> {
        let offset = self.client.clock_offset().filter(|offset| offset.is_significant());
        let millis = offset.map_or(0, |offset| offset.millis);
        self.clock.now() + TimeDelta::milliseconds(millis)
    }

    async fn over(&self, deadline: Option<Instant>) {
        match deadline {
            Some(at) => {
                let mut deadline = Deadline::new(&*self.clock, at);
                deadline.before(std::future::pending::<()>()).await;
            }
            None => std::future::pending().await,
        }
    }
}
