//! A process for each signature: the signing input on its standard input, the signature on its
//! standard output.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use okta_introspect::{Clock, Deadline, Error, ErrorKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::job::Job;
use super::process::Process;
use super::protocol::MAX_LINE;
use super::slow;
use crate::base64::decode;

/// What runs a process for each signature.
pub(super) struct Once {
    pub(super) argv: Vec<OsString>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) time_limit: Duration,
    pub(super) max_processes: usize,
}

impl Once {
    /// Signs until nobody can ask any more.
    pub(super) async fn run(self, mut jobs: mpsc::Receiver<Job>) {
        let (once, mut under_way) = (Arc::new(self), JoinSet::new());
        loop {
            let has_room = under_way.len() < once.max_processes;
            tokio::select! {
                job = jobs.recv(), if has_room => match job {
                    Some(job) => {
                        let once = Arc::clone(&once);
                        under_way.spawn(async move { once.answer(job).await });
                    }
                    None => break,
                },
                Some(_) = under_way.join_next() => {}
            }
        }
        // Each ends by itself, since nobody waits for it.
        while under_way.join_next().await.is_some() {}
    }

    async fn answer(&self, mut job: Job) {
        let process = match Process::start(&self.argv) {
            Ok(process) => process,
            Err(error) => return drop(job.answer.send(Err(error))),
        };
        let signature = self.signature(process, &job.input, job.answer.closed()).await;
        // Nobody may want it any more.
        let _ = job.answer.send(signature);
    }

    /// What the process gives, which is ended in any case.
    async fn signature(
        &self,
        mut process: Process,
        input: &str,
        given_up: impl Future<Output = ()>,
    ) -> Result<Vec<u8>, Error> {
        let now = self.clock.monotonic();
        let until = now.checked_add(self.time_limit).unwrap_or(now);
        let output = async {
            tokio::select! {
                output = exchange(&mut process, input.as_bytes()) => Some(output),
                () = given_up => None,
            }
        };
        let output = Deadline::new(&*self.clock, until).before(output).await;
        let ending = process.end(&*self.clock).await;
        match output {
            None | Some(None) => Err(slow(self.time_limit, &ending)),
            Some(Some(output)) if output.len() > MAX_LINE => Err(Error::from_remote_signer(
                ErrorKind::Malformed,
                format!("the command writes more than {MAX_LINE} bytes{}", ending.and_says()),
                "have it write the signature and nothing else",
                None,
            )),
            Some(Some(_)) if !ending.is_success() => Err(Error::from_remote_signer(
                ErrorKind::Key,
                format!("the command {}", ending.told()),
                "run it by hand with something to sign on its standard input",
                None,
            )),
            Some(Some(output)) => Ok(decode(&output).unwrap_or(output)),
        }
    }
}

/// Writes the input and reads the output, at the same time, and waits for the end.
async fn exchange(process: &mut Process, input: &[u8]) -> Vec<u8> {
    let (stdin, stdout) = (process.stdin.take(), &mut process.stdout);
    let write = async {
        if let Some(mut stdin) = stdin {
            // It may have ended without reading all; what it then says counts.
            let _ = stdin.write_all(input).await;
        }
    };
    let read = async {
        let mut output = Vec::new();
        // What cannot be read any more is missing, and noticed by that.
        let _ = stdout.take(MAX_LINE as u64 + 1).read_to_end(&mut output).await;
        output
    };
    let ((), output) = tokio::join!(write, read);
    if output.len() <= MAX_LINE {
        process.ended().await;
    }
    output
}
