//! A process that is kept running and signs many times.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use okta_introspect::{Clock, Deadline, Error, ErrorKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};

use super::job::Job;
use super::process::{Ending, Process};
use super::protocol::{self, Answer, Header, MAX_LINE};
use super::slow;

/// Keeps a process running.
pub(super) struct Running {
    argv: Vec<OsString>,
    clock: Arc<dyn Clock>,
    time_limit: Duration,
    /// What the first process said of itself; others must say the same.
    header: Option<Header>,
    process: Option<Live>,
    /// After a process that answered nothing, none is started for a while.
    resting: Option<(Instant, Error)>,
    /// Ids go on from process to process, so that an answer is never taken for another's.
    next_id: u64,
    pending: BTreeMap<u64, Pending>,
}

/// A process that has said what it is.
struct Live {
    process: Process,
    /// What it has written of the next line.
    line: Vec<u8>,
    /// What is yet to be written to it.
    outgoing: Vec<u8>,
    has_answered: bool,
}

struct Pending {
    job: Job,
    since: Instant,
    /// Whether it was asked of an earlier process.
    is_second_try: bool,
}

/// What happened.
enum Event {
    Job(Job),
    /// Nobody can ask any more.
    Closed,
    Line(Vec<u8>),
    Fault(Fault),
    /// Something was written.
    Written,
    Overdue,
}

/// Why a process is of no use any more.
enum Fault {
    Ended,
    /// It wrote something else than the protocol has.
    Garbage(&'static str),
    Slow,
}

/// How long no process is started after one that answered nothing.
const REST: Duration = Duration::from_secs(1);

impl Running {
    pub(super) fn new(argv: Vec<OsString>, clock: Arc<dyn Clock>, time_limit: Duration) -> Self {
        Self {
            argv,
            clock,
            time_limit,
            header: None,
            process: None,
            resting: None,
            next_id: 1,
            pending: BTreeMap::new(),
        }
    }

    /// Starts the process, tells `started` what it is, and signs until nobody can ask any more.
    pub(super) async fn run(
        mut self,
        mut jobs: mpsc::Receiver<Job>,
        started: oneshot::Sender<Result<Header, Error>>,
    ) {
        let header = self.start().await;
        let failed = header.is_err();
        if started.send(header).is_err() || failed {
            return self.end().await;
        }
        loop {
            match self.event(&mut jobs).await {
                Event::Job(job) => self.take(job).await,
                Event::Closed => return self.end().await,
                Event::Line(line) => match protocol::answer(&line) {
                    Some(answer) => self.answered(answer).await,
                    None => self.fail(Fault::Garbage("is neither a signature nor an error")).await,
                },
                Event::Fault(fault) => self.fail(fault).await,
                Event::Overdue => self.fail(Fault::Slow).await,
                Event::Written => {}
            }
        }
    }

    async fn end(&mut self) {
        if let Some(live) = self.process.take() {
            live.process.end(&*self.clock).await;
        }
    }

    /// Starts a process and reads what it says of itself.
    async fn start(&mut self) -> Result<Header, Error> {
        let process = Process::start(&self.argv)?;
        let mut live =
            Live { process, line: Vec::new(), outgoing: Vec::new(), has_answered: false };
        let now = self.clock.monotonic();
        let until = now.checked_add(self.time_limit).unwrap_or(now);
        let line = Deadline::new(&*self.clock, until).before(live.line()).await;
        let header = match line {
            Some(Ok(line)) => protocol::header(&line).and_then(|header| self.same(header)),
            Some(Err(fault)) => {
                let ending = live.process.end(&*self.clock).await;
                return Err(lost(&fault, self.time_limit, &ending));
            }
            None => {
                let ending = live.process.end(&*self.clock).await;
                return Err(lost(&Fault::Slow, self.time_limit, &ending));
            }
        };
        match header {
            Ok(header) => {
                self.header = Some(header.clone());
                self.process = Some(live);
                Ok(header)
            }
            Err(error) => {
                live.process.end(&*self.clock).await;
                Err(error)
            }
        }
    }

    /// Another key under the same settings is not signed with unnoticed.
    fn same(&self, header: Header) -> Result<Header, Error> {
        match &self.header {
            Some(first) if *first != header => Err(Error::from_remote_signer(
                ErrorKind::Key,
                "the command names another key than before",
                "register the new key, and start this program again",
                None,
            )),
            _ => Ok(header),
        }
    }

    async fn event(&mut self, jobs: &mut mpsc::Receiver<Job>) -> Event {
        let oldest = self.pending.values().next().map(|pending| pending.since);
        let process = &mut self.process;
        let next = async {
            let Some(live) = process else {
                return jobs.recv().await.map_or(Event::Closed, Event::Job);
            };
            tokio::select! {
                biased;
                event = live.event() => event,
                job = jobs.recv() => job.map_or(Event::Closed, Event::Job),
            }
        };
        match oldest {
            None => next.await,
            Some(since) => {
                let until = since.checked_add(self.time_limit).unwrap_or(since);
                let event = Deadline::new(&*self.clock, until).before(next).await;
                event.unwrap_or(Event::Overdue)
            }
        }
    }

    async fn take(&mut self, job: Job) {
        let since = self.clock.monotonic();
        self.ask(Pending { job, since, is_second_try: false }).await;
    }

    /// Asks the process, or a new one.
    async fn ask(&mut self, pending: Pending) {
        if pending.job.answer.is_closed() {
            return;
        }
        if self.process.is_none()
            && let Err(error) = self.start_again().await
        {
            let _ = pending.job.answer.send(Err(error));
            return;
        }
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        if let Some(live) = &mut self.process {
            live.outgoing.extend_from_slice(protocol::request(id, &pending.job.input).as_bytes());
        }
        self.pending.insert(id, pending);
    }

    async fn start_again(&mut self) -> Result<(), Error> {
        let now = self.clock.monotonic();
        if let Some((until, error)) = &self.resting
            && now < *until
        {
            return Err(error.clone());
        }
        self.resting = None;
        let started = self.start().await;
        started.map(drop).inspect_err(|error| self.rest(error))
    }

    fn rest(&mut self, error: &Error) {
        let now = self.clock.monotonic();
        self.resting = Some((now.checked_add(REST).unwrap_or(now), error.clone()));
    }

    async fn answered(&mut self, answer: Answer) {
        let (id, result) = match answer {
            Answer::Signature(id, signature) => (id, Ok(signature)),
            Answer::Failure(id, text) => (id, Err(refused(&text))),
        };
        if id == 0 || id >= self.next_id {
            return self.fail(Fault::Garbage("answers what was not asked")).await;
        }
        if let Some(live) = &mut self.process {
            live.has_answered = true;
        }
        // What was answered or given up before is no longer here.
        if let Some(pending) = self.pending.remove(&id) {
            let _ = pending.job.answer.send(result);
        }
    }

    /// Ends the process. What was asked of it is asked of the next one, once, if this one was good
    /// until then.
    async fn fail(&mut self, fault: Fault) {
        let Some(live) = self.process.take() else { return };
        let was_good = live.has_answered;
        let ending = live.process.end(&*self.clock).await;
        let error = lost(&fault, self.time_limit, &ending);
        if !was_good {
            self.rest(&error);
        }
        let now = self.clock.monotonic();
        let pending = std::mem::take(&mut self.pending);
        for mut pending in pending.into_values() {
            let age = now.saturating_duration_since(pending.since);
            let again = matches!(fault, Fault::Ended | Fault::Slow)
                && was_good
                && !pending.is_second_try
                && age < self.time_limit;
            if again {
                pending.is_second_try = true;
                self.ask(pending).await;
            } else {
                let _ = pending.job.answer.send(Err(error.clone()));
            }
        }
    }
}

impl Live {
    async fn event(&mut self) -> Event {
        let Self { process, line, outgoing, .. } = self;
        let (stdin, stdout) = (&mut process.stdin, &mut process.stdout);
        let written = async {
            match (stdin.as_mut(), outgoing.is_empty()) {
                (Some(stdin), false) => stdin.write(outgoing).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            line = next_line(stdout, line) => line.map_or_else(Event::Fault, Event::Line),
            written = written => match written {
                Ok(length) => {
                    outgoing.drain(..length);
                    Event::Written
                }
                Err(_) => Event::Fault(Fault::Ended),
            },
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, Fault> {
        next_line(&mut self.process.stdout, &mut self.line).await
    }
}

/// The next line. What was read of it stays in `kept` when the future is dropped.
async fn next_line(
    stdout: &mut tokio::process::ChildStdout,
    kept: &mut Vec<u8>,
) -> Result<Vec<u8>, Fault> {
    loop {
        if let Some(end) = kept.iter().position(|byte| *byte == b'\n') {
            let rest = kept.split_off(end + 1);
            return Ok(std::mem::replace(kept, rest));
        }
        if kept.len() > MAX_LINE {
            return Err(Fault::Garbage("is longer than 16 KiB"));
        }
        match stdout.read_buf(kept).await {
            Ok(1..) => {}
            _ => return Err(Fault::Ended),
        }
    }
}

fn refused(text: &str) -> Error {
    let says = if text.is_empty() { "without a word" } else { text };
    Error::from_remote_signer(
        ErrorKind::Key,
        format!("the command cannot sign: {says}"),
        "see what the command needs",
        None,
    )
}

fn lost(fault: &Fault, time_limit: Duration, ending: &Ending) -> Error {
    match fault {
        Fault::Slow => slow(time_limit, ending),
        Fault::Ended => Error::from_remote_signer(
            ErrorKind::Unreachable,
            format!("the command {}", ending.told()),
            "run it by hand; it is to read lines until its standard input ends",
            None,
        ),
        Fault::Garbage(what) => Error::from_remote_signer(
            ErrorKind::Malformed,
            format!("a line of the command {what}{}", ending.and_says()),
            "have it answer `ID signature BASE64URL` or `ID error TEXT`, and nothing else",
            None,
        ),
    }
}
