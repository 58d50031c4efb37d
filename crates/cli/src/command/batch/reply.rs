//! What came of a question, and what no verdict means for its line and for the run.

use okta_introspect::{Error, ErrorKind, Introspection};

use crate::command::verdict::Asked;
use crate::failure::Failure;
use crate::text::one_line;

use super::line::{NoToken, Outcome, Question, Record};

/// What came of a question.
pub(super) struct Reply {
    pub(super) question: Question,
    pub(super) answer: Answer,
}

/// The answer to a question.
pub(super) enum Answer {
    /// There is no token to ask about.
    NotAsked(NoToken),
    /// The server that the token names cannot be asked.
    NoServer(Failure),
    Asked(Asked, Box<Result<Introspection, Error>>),
}

impl Reply {
    /// The line of output for it, unless it is not known yet or the run ends.
    fn settle(self) -> Settled {
        let Self { question, answer } = self;
        let line = |record| Settled::Line(Box::new(record));
        let (asked, answer) = match answer {
            Answer::NotAsked(why) => return line(question.without_token(why)),
            Answer::NoServer(why) => {
                let why = one_line(&why.to_string());
                return line(question.unanswered(Outcome::Unknown, why));
            }
            Answer::Asked(asked, answer) => (asked, *answer),
        };
        match answer {
            Ok(answer) if answer.active => line(question.answered(Outcome::Active, answer)),
            Ok(answer) if asked.is_unstated() => line(question.answered(Outcome::Untaken, answer)),
            Ok(answer) => line(question.answered(Outcome::Inactive, answer)),
            Err(error) => match Trouble::of(error, &asked) {
                Trouble::Line(outcome, why) => line(question.unanswered(outcome, why)),
                Trouble::Server(failure) => Settled::Server(Box::new(question), failure),
                Trouble::End(failure) => Settled::End(failure),
            },
        }
    }

    /// Whether the server was asked.
    pub(super) fn is_asked(&self) -> bool {
        matches!(self.answer, Answer::Asked(..))
    }
}

/// What becomes of a question.
enum Settled {
    Line(Box<Record>),
    /// The server's trouble with this token, or with all of them: the next answers tell.
    Server(Box<Question>, Failure),
    /// The run ends.
    End(Failure),
}

/// Why a question has no verdict.
#[derive(Debug)]
enum Trouble {
    /// This token's alone.
    Line(Outcome, String),
    /// The server's with this token, or with all of them: the next answers tell.
    Server(Failure),
    /// That of every question.
    End(Failure),
}

impl Trouble {
    /// Sorts an error of the server that was asked.
    fn of(error: Error, asked: &Asked) -> Self {
        let kind = error.kind();
        let refusal = error.refusal();
        let status = refusal.map(|refusal| refusal.status);
        let names_token =
            refusal.and_then(|refusal| refusal.code.as_deref()) == Some("invalid_token");
        let advice = (kind == ErrorKind::WrongServer).then(|| asked.which_issuer());
        let failure = Failure::from(error);
        let line = |outcome| Self::Line(outcome, one_line(&failure.to_string()));
        match kind {
            ErrorKind::WrongServer => {
                let failure = failure.advise(advice.unwrap_or_default());
                Self::Line(Outcome::Unknown, one_line(&failure.to_string()))
            }
            ErrorKind::RequestRefused => line(Outcome::Refused),
            // The token names the server, which may not exist, or not know us.
            ErrorKind::ClientRefused if !asked.is_configured => line(Outcome::Refused),
            ErrorKind::Malformed if names_token => line(Outcome::Unknown),
            ErrorKind::Malformed if !asked.is_configured && status == Some(404) => {
                line(Outcome::Unknown)
            }
            ErrorKind::ServerFailed | ErrorKind::TimedOut | ErrorKind::Malformed => {
                Self::Server(failure)
            }
            _ => Self::End(failure),
        }
    }
}

/// Lines that are held back behind one that the server failed to answer: it is not known yet whether
/// it fails with this token, every time, or with all of them.
#[derive(Default)]
pub(super) struct Held {
    lines: Vec<(Line, u64)>,
    failures: usize,
    /// The first failure.
    failure: Option<Failure>,
}

/// A line behind the first failure.
pub(super) enum Line {
    Done(Box<Record>),
    Failed(Box<Question>),
}

impl Held {
    /// After so many failures with no answer between them, the server does not answer.
    const MAX_FAILURES: usize = 10;

    /// Takes the next line; returns all of them when the server has answered about this one. Those
    /// that failed before are then to be asked about once more.
    ///
    /// # Errors
    ///
    /// The failure that ends the run.
    pub(super) fn release(
        &mut self,
        reply: Reply,
        bytes: u64,
    ) -> Result<Vec<(Line, u64)>, Failure> {
        let is_answer = reply.is_asked();
        let record = match reply.settle() {
            Settled::Line(record) => record,
            Settled::End(failure) => return Err(failure),
            Settled::Server(question, failure) => {
                self.lines.push((Line::Failed(question), bytes));
                self.failures += 1;
                let first = self.failure.get_or_insert(failure);
                return match self.failures {
                    Self::MAX_FAILURES.. => Err(first.clone()),
                    _ => Ok(Vec::new()),
                };
            }
        };
        self.lines.push((Line::Done(record), bytes));
        if !is_answer && self.failure.is_some() {
            return Ok(Vec::new());
        }
        (self.failures, self.failure) = (0, None);
        Ok(std::mem::take(&mut self.lines))
    }

    /// The input has ended.
    ///
    /// # Errors
    ///
    /// The first failure after the last answer: there is nothing to tell whose trouble it is.
    pub(super) fn end(self) -> Result<(), Failure> {
        self.failure.map_or(Ok(()), Err)
    }
}

impl Reply {
    /// The line of output for a question that is asked once more, while others are answered: what
    /// fails now is this token's trouble.
    ///
    /// # Errors
    ///
    /// The failure that ends the run.
    pub(super) fn settle_at_last(self) -> Result<Record, Failure> {
        match self.settle() {
            Settled::Line(record) => Ok(*record),
            Settled::Server(question, failure) => {
                Ok(question.unanswered(Outcome::Unknown, one_line(&failure.to_string())))
            }
            Settled::End(failure) => Err(failure),
        }
    }
}
