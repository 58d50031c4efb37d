//! Introspects many tokens at once; the answers keep the order of the input.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use okta_introspect::{Client, Clock, Error, ErrorKind, Introspection, Token, TokenTypeHint};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;

use crate::command::destination::Destination;
use crate::command::rate_limit::RateLimitWaits;
use crate::exit::Exit;
use crate::failure::Failure;

use super::line::{Question, Record};
use super::reader::Item;
use super::state::Progress;

/// The client, and how many questions it has at once.
pub(super) struct Engine {
    pub(super) client: Client,
    pub(super) clock: Arc<dyn Clock>,
    /// Where tokens may be sent.
    pub(super) destination: Destination,
    /// How many questions may be under way.
    pub(super) concurrency: usize,
}

/// Receives the answers.
pub(super) trait Sink {
    /// Takes an answer, in the order of the input. Returns whether more are wanted.
    fn answer(&mut self, record: &Record, bytes: u64) -> Result<bool, Failure>;
}

/// How a run ended.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum End {
    /// All of the input is answered.
    Complete,
    /// It was interrupted; what was under way is answered.
    Interrupted,
    /// The output is no longer read.
    Unread,
}

type Answer = Result<Record, Error>;

impl Engine {
    /// Answers every line but those that an earlier run has answered. The first question is sent
    /// alone: its answer states the rate limit, so that a burst cannot exceed it.
    ///
    /// A question that cannot be answered ends the run: the answers before it are printed, and
    /// another run can go on from there.
    pub(super) async fn run(
        &self,
        mut lines: Receiver<Item>,
        done: &Progress,
        interrupt: impl Future<Output = ()>,
        sink: &mut impl Sink,
    ) -> Result<End, Failure> {
        let mut interrupt = pin!(interrupt);
        let mut under_way: VecDeque<(JoinHandle<Answer>, u64)> = VecDeque::new();
        let (mut interrupted, mut exhausted, mut answered_one) = (false, false, false);
        while !(under_way.is_empty() && (interrupted || exhausted)) {
            let room = if answered_one { self.concurrency } else { 1 };
            tokio::select! {
                biased;
                () = &mut interrupt, if !interrupted => interrupted = true,
                (answer, bytes) = first(&mut under_way), if !under_way.is_empty() => {
                    under_way.pop_front();
                    answered_one = true;
                    if !sink.answer(&answer?, bytes)? {
                        return Ok(End::Unread);
                    }
                }
                item = lines.recv(), if !interrupted && !exhausted && under_way.len() < room => {
                    match item {
                        None => exhausted = true,
                        Some(item) => {
                            let (question, bytes) = item.map_err(unreadable)?;
                            if question.line > done.lines {
                                under_way.push_back((self.ask(question), bytes));
                            } else if question.line == done.lines {
                                check_same(&question, done)?;
                            }
                        }
                    }
                }
            }
        }
        Ok(if interrupted { End::Interrupted } else { End::Complete })
    }

    fn ask(&self, question: Question) -> JoinHandle<Answer> {
        let (client, clock) = (self.client.clone(), Arc::clone(&self.clock));
        let destination = self.destination.clone();
        tokio::spawn(async move {
            let answer = match &question.token {
                Err(why) => Err(why.clone()),
                Ok((token, hint)) => match destination.refusal(token) {
                    Some(why) => Err(why),
                    None => Ok(introspect(&client, &*clock, token, *hint).await?),
                },
            };
            Ok(question.answered(answer))
        })
    }
}

/// Waits for rate windows. A call may time out while it waits to be sent, and so a timeout is tried
/// once more.
async fn introspect(
    client: &Client,
    clock: &dyn Clock,
    token: &Token,
    hint: Option<TokenTypeHint>,
) -> Result<Introspection, Error> {
    let mut waits_left = RateLimitWaits::new();
    let mut timed_out = false;
    loop {
        match client.introspect(token, hint).await {
            Ok(answer) => return Ok(answer),
            Err(error) if error.kind() == ErrorKind::TimedOut && !timed_out => timed_out = true,
            Err(error) => {
                let wait = waits_left.after(error)?;
                clock.sleep_until(clock.monotonic() + wait).await;
            }
        }
    }
}

/// The answer to the question that has been under way longest.
async fn first(
    under_way: &mut VecDeque<(JoinHandle<Answer>, u64)>,
) -> (Result<Record, Failure>, u64) {
    match under_way.front_mut() {
        Some((answer, bytes)) => {
            let answer = match answer.await {
                Ok(answer) => answer.map_err(Failure::from),
                Err(cause) => {
                    Err(Failure::new(Exit::Unknown, "a question was lost").because(&cause))
                }
            };
            (answer, *bytes)
        }
        // Without a question under way, there is no first answer.
        None => std::future::pending().await,
    }
}

fn check_same(question: &Question, done: &Progress) -> Result<(), Failure> {
    if question.fingerprint() == done.last {
        return Ok(());
    }
    Err(Failure::usage("the state file belongs to another input")
        .advise("give the input with which it began, or name a new state file"))
}

fn unreadable(cause: std::io::Error) -> Failure {
    Failure::usage("the batch cannot be read any further")
        .because(&cause)
        .advise("check that it is a file, and the right to read it")
}
