//! Introspects one token again and again, no more often than needed.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use okta_introspect::{
    Clock, Deadline, Error, ErrorKind, Introspection, Random, Token, TokenTypeHint,
};

use crate::command::times::{later, shifted};
use crate::command::verdict::Asked;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Reader;

use super::history::{History, State};

/// The token to watch, and for how long.
pub(super) struct Engine {
    pub(super) asked: Asked,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Box<dyn Random>,
    pub(super) token: Token,
    pub(super) hint: Option<TokenTypeHint>,
    /// The age of the latest request at which the next one is sent.
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

/// Receives the changes.
pub(super) trait Sink {
    /// Takes a change; returns whether the output is still read.
    fn change(&mut self, change: &Change) -> Result<Reader, Failure>;
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
    /// The output is no longer read, and nothing else was asked for; the latest state.
    Unread(State),
}

impl Engine {
    /// Watches. Ends with an error when asking again cannot help: the credentials or the request
    /// are refused, or the server cannot know the token.
    pub(super) async fn run(
        &self,
        interrupt: impl Future<Output = ()>,
        sink: &mut impl Sink,
    ) -> Result<Result<End, Error>, Failure> {
        let mut interrupt = pin!(interrupt);
        let deadline = self.limit.map(|limit| later(self.clock.monotonic(), limit));
        let mut history = History::default();
        let (mut failures, mut asked) = (0, self.asked.clone());
        loop {
            let (time, asked_at) = (self.clock.now(), self.clock.monotonic());
            let answer = tokio::select! {
                biased;
                () = &mut interrupt => return Ok(Ok(End::Interrupted)),
                answer = asked.introspect(&self.token, self.hint) => answer,
                () = self.reached(deadline) => return Ok(Ok(End::TimeUp(history.state()))),
            };
            if let Err(error) = &answer
                && (Exit::from(error.kind()) != Exit::Unknown
                    || error.kind() == ErrorKind::WrongServer)
            {
                return Ok(Err(error.clone()));
            }
            let (state, changed) = history.note(&answer);
            if state == State::Active {
                asked.has_known_it();
            }
            let next = match &answer {
                Ok(answer) => {
                    failures = 0;
                    self.after(asked_at, answer)
                }
                Err(error) => {
                    failures += 1;
                    self.after_failure(asked_at, failures, error)
                }
            };
            if let Some(changed) = changed {
                let reader = sink.change(&Change { time, state, changed, answer })?;
                if reader == Reader::Gone && !self.until_inactive {
                    return Ok(Ok(End::Unread(state)));
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

    /// When to ask again: when the answer reaches `max_age`, which counts from the request, or when
    /// the token expires, if that is sooner.
    pub(super) fn after(&self, asked_at: Instant, answer: &Introspection) -> Instant {
        /// The pause while a server calls a token active after its `exp`: clocks differ, and
        /// seconds are rounded.
        const BEYOND_END: Duration = Duration::from_secs(1);

        let regular = later(asked_at, self.max_age);
        let Some(end) = answer.exp.filter(|_| answer.active) else { return regular };
        let left = (end - self.server_time()).to_std().unwrap_or_default().min(self.max_age);
        let at_end = later(self.clock.monotonic(), left);
        regular.min(if left.is_zero() { later(at_end, BEYOND_END) } else { at_end })
    }

    /// When to ask again after a failure, on top of the client's own retries: after what the server
    /// asks for (`Retry-After`), and then a pause with full jitter whose upper end doubles up to half
    /// a minute, so that many watches do not return from one outage at the same time.
    fn after_failure(&self, asked_at: Instant, failures: u32, error: &Error) -> Instant {
        const FIRST_PAUSE: Duration = Duration::from_secs(1);
        const LONGEST_PAUSE: Duration = Duration::from_secs(30);

        let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
        let jitter = doubled.min(LONGEST_PAUSE).mul_f64(self.random.fraction());
        let pause = error.retry_after().unwrap_or_default().saturating_add(jitter);
        later(asked_at, self.max_age).max(later(self.clock.monotonic(), pause))
    }

    /// Now, by the server's clock: tokens expire by it.
    fn server_time(&self) -> DateTime<Utc> {
        let offset = self.asked.client.clock_offset().filter(|offset| offset.is_significant());
        let millis = offset.map_or(0, |offset| offset.millis);
        shifted(self.clock.now(), TimeDelta::milliseconds(millis))
    }

    async fn reached(&self, deadline: Option<Instant>) {
        match deadline {
            Some(at) => {
                let mut deadline = Deadline::new(&*self.clock, at);
                deadline.before(std::future::pending::<()>()).await;
            }
            None => std::future::pending().await,
        }
    }
}
