//! Introspects many tokens at once; the answers keep the order of the input.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use okta_introspect::{Clock, Deadline, Error, ErrorKind, Introspection, Token, TokenTypeHint};
use tokio::sync::mpsc::Receiver;
use tokio::task::{JoinError, JoinHandle};

use crate::command::rate_limit::RateLimitWaits;
use crate::command::times::{after, later};
use crate::command::verdict::{Asked, Servers};
use crate::exit::Exit;
use crate::failure::Failure;

use super::line::{Question, Record};
use super::reader::Item;
use super::reply::{Answer, Held, Line, Reply};
use super::state::Progress;

/// The servers, and how many questions they have at once.
pub(super) struct Engine<'a> {
    pub(super) servers: Servers<'a>,
    pub(super) clock: Arc<dyn Clock>,
    /// How many questions may be under way.
    pub(super) concurrency: usize,
}

/// Receives the answers.
pub(super) trait Sink {
    /// Takes a line that is done, in the order of the input. Returns whether more are wanted.
    fn done(&mut self, record: &Record, bytes: u64) -> Result<bool, Failure>;

    /// Is told once that no answer has come for a while; until when is waited, if that is known.
    fn waits(&mut self, _until: Option<DateTime<Utc>>) {}
}

/// How a run ended.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum End {
    /// All of the input is done.
    Complete,
    /// It was interrupted; what was under way is answered.
    Interrupted,
    /// The output is no longer read.
    Unread,
}

/// After so long without an answer, it is said why.
const LONG_WAIT: Duration = Duration::from_secs(5);

/// A line whose answer is waited for, and the end of the line in the input.
type UnderWay = (JoinHandle<Reply>, u64);

impl Engine<'_> {
    /// Answers every line but those that an earlier run has done. The first question is sent
    /// alone: its answer states the rate limit, so that a burst cannot exceed it.
    ///
    /// Trouble with one token is that line's error. Trouble with the server or with our credentials
    /// ends the run: the answers before it are printed, and another run can go on from there.
    pub(super) async fn run(
        &self,
        mut lines: Receiver<Item>,
        done: &Progress,
        interrupt: impl Future<Output = ()>,
        sink: &mut impl Sink,
    ) -> Result<End, Failure> {
        let mut interrupt = pin!(interrupt);
        let mut under_way: VecDeque<UnderWay> = VecDeque::new();
        let mut held = Held::default();
        let rate_limited = RateLimited::default();
        let (mut interrupted, mut exhausted, mut answered_one, mut last) = (false, false, false, 0);
        let mut silence = Silence::new(&*self.clock);
        while !(under_way.is_empty() && (interrupted || exhausted)) {
            let room = if answered_one { self.concurrency } else { 1 };
            tokio::select! {
                biased;
                () = &mut interrupt, if !interrupted => interrupted = true,
                (reply, bytes) = first(&mut under_way), if !under_way.is_empty() => {
                    under_way.pop_front();
                    let reply = reply?;
                    answered_one |= reply.is_asked();
                    silence.is_broken();
                    for (line, bytes) in held.release(reply, bytes)? {
                        let record = self.record(line, &rate_limited).await?;
                        if !sink.done(&record, bytes)? {
                            return Ok(End::Unread);
                        }
                    }
                }
                item = lines.recv(), if !interrupted && !exhausted && under_way.len() < room => {
                    match item {
                        None => exhausted = true,
                        Some(item) => {
                            let (question, bytes) = item.map_err(unreadable)?;
                            last = question.line;
                            if last > done.lines {
                                under_way.push_back((self.ask(question, &rate_limited), bytes));
                            } else if last == done.lines {
                                check_same(&question, done)?;
                            }
                        }
                    }
                }
                () = silence.lasts(), if !under_way.is_empty() => {
                    sink.waits(self.waits_until(&rate_limited));
                }
            }
        }
        if interrupted {
            return Ok(End::Interrupted);
        }
        if last < done.lines {
            return Err(another_input());
        }
        held.end().map(|()| End::Complete)
    }

    fn ask(&self, question: Question, waits: &RateLimited) -> JoinHandle<Reply> {
        let asked = match &question.token {
            Ok((token, hint)) => match self.servers.for_token(token) {
                Ok(asked) => Ok((asked, token.clone(), *hint)),
                Err(why) => Err(Answer::NoServer(why)),
            },
            Err(why) => Err(Answer::NotAsked(why.clone())),
        };
        let (clock, waits) = (Arc::clone(&self.clock), waits.clone());
        tokio::spawn(async move {
            let answer = match asked {
                Err(answer) => answer,
                Ok((asked, token, hint)) => {
                    let answer = introspect(&asked, &*clock, &token, hint, &waits).await;
                    Answer::Asked(asked, Box::new(answer))
                }
            };
            Reply { question, answer }
        })
    }

    async fn record(&self, line: Line, waits: &RateLimited) -> Result<Record, Failure> {
        match line {
            Line::Done(record) => Ok(*record),
            Line::Failed(question) => {
                self.ask(*question, waits).await.map_err(lost)?.settle_at_last()
            }
        }
    }

    /// When the server takes questions again, as far as it has said that.
    fn waits_until(&self, rate_limited: &RateLimited) -> Option<DateTime<Utc>> {
        let endpoint = okta_introspect::Endpoint::Introspection;
        let stated = self.servers.configured().rate_limit(endpoint);
        let reset = stated.filter(|stated| stated.remaining == 0).map(|stated| stated.reset);
        let now = self.clock.now();
        rate_limited.until().max(reset).filter(|until| after(*until, LONG_WAIT) > now)
    }
}

/// Until when the server wants to be left alone.
#[derive(Clone, Default)]
struct RateLimited(Arc<Mutex<Option<DateTime<Utc>>>>);

impl RateLimited {
    fn until(&self) -> Option<DateTime<Utc>> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waits_until(&self, until: DateTime<Utc>) {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = (*latest).max(Some(until));
    }
}

/// The time without an answer, until it has lasted long once.
struct Silence<'a> {
    clock: &'a dyn Clock,
    lasts: Option<Pin<Box<dyn Future<Output = ()> + 'a>>>,
}

impl<'a> Silence<'a> {
    fn new(clock: &'a dyn Clock) -> Self {
        let mut silence = Self { clock, lasts: Some(Box::pin(std::future::pending())) };
        silence.is_broken();
        silence
    }

    /// An answer has come.
    fn is_broken(&mut self) {
        let clock = self.clock;
        if let Some(lasts) = &mut self.lasts {
            *lasts = Box::pin(async move {
                let mut long = Deadline::new(clock, later(clock.monotonic(), LONG_WAIT));
                long.before(std::future::pending::<()>()).await;
            });
        }
    }

    /// Completes once, when no answer has come for long.
    async fn lasts(&mut self) {
        match &mut self.lasts {
            Some(lasts) => lasts.as_mut().await,
            None => std::future::pending().await,
        }
        self.lasts = None;
    }
}

/// Waits for rate windows. A call may time out while it waits to be sent, and so a timeout is tried
/// once more.
async fn introspect(
    asked: &Asked,
    clock: &dyn Clock,
    token: &Token,
    hint: Option<TokenTypeHint>,
    rate_limited: &RateLimited,
) -> Result<Introspection, Error> {
    let mut waits_left = RateLimitWaits::new();
    let mut timed_out = false;
    loop {
        match asked.introspect(token, hint).await {
            Ok(answer) => return Ok(answer),
            Err(error) if error.kind() == ErrorKind::TimedOut && !timed_out => timed_out = true,
            Err(error) => {
                let wait = waits_left.after(error)?;
                rate_limited.waits_until(after(clock.now(), wait));
                clock.sleep_until(later(clock.monotonic(), wait)).await;
            }
        }
    }
}

/// The answer to the question that has been under way longest.
async fn first(under_way: &mut VecDeque<UnderWay>) -> (Result<Reply, Failure>, u64) {
    match under_way.front_mut() {
        Some((reply, bytes)) => (reply.await.map_err(lost), *bytes),
        // Without a question under way, there is no first answer.
        None => std::future::pending().await,
    }
}

fn lost(cause: JoinError) -> Failure {
    Failure::new(Exit::Unknown, "a question was lost").because(&cause)
}

/// A state of which nothing but the count is known is of an earlier version.
fn check_same(question: &Question, done: &Progress) -> Result<(), Failure> {
    match &done.last {
        Some(last) if *last != question.mark => Err(another_input()),
        _ => Ok(()),
    }
}

fn another_input() -> Failure {
    Failure::usage("the state file belongs to another input")
        .advise("give the input with which it began, or name a new state file")
}

fn unreadable(cause: std::io::Error) -> Failure {
    Failure::usage("the batch cannot be read any further")
        .because(&cause)
        .advise("check that it is a file, and the right to read it")
}
