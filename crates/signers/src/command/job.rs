//! What is asked of the thread that has the processes.

use std::io;
use std::thread;

use okta_introspect::{Error, ErrorKind};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

/// A signature that is wanted. Nobody wants it any more once the other end of `answer` is gone.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) input: String,
    pub(super) answer: oneshot::Sender<Result<Vec<u8>, Error>>,
}

/// As many as may wait; more wait to be taken up.
const MAX_WAITING: usize = 256;

/// Starts a thread with a runtime of its own: processes then belong to no runtime of the caller's, and
/// outlive those that come and go.
pub(super) fn start<W, F>(work: W) -> Result<mpsc::Sender<Job>, Error>
where
    W: FnOnce(mpsc::Receiver<Job>) -> F + Send + 'static,
    F: Future<Output = ()>,
{
    let (jobs, receiver) = mpsc::channel(MAX_WAITING);
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|c| no_thread(&c))?;
    thread::Builder::new()
        .name("command-signer".to_owned())
        .spawn(move || runtime.block_on(work(receiver)))
        .map_err(|cause| no_thread(&cause))?;
    Ok(jobs)
}

/// Has it signed.
pub(super) async fn sign(jobs: &mpsc::Sender<Job>, input: String) -> Result<Vec<u8>, Error> {
    let (answer, signature) = oneshot::channel();
    jobs.send(Job { input, answer }).await.map_err(|_| gone())?;
    signature.await.map_err(|_| gone())?
}

fn gone() -> Error {
    Error::from_remote_signer(ErrorKind::Key, "the command is not run any more", "", None)
}

fn no_thread(cause: &io::Error) -> Error {
    let what = format!("no thread for the command can be started: {cause}");
    Error::from_remote_signer(ErrorKind::Configuration, what, "see how many threads may run", None)
}
