//! One process: started without a shell, bounded in what it says, and never left behind.

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use okta_introspect::{Clock, Deadline, Error, ErrorKind};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::excerpt::excerpt;

/// How much of the end of the standard error is kept, in bytes.
const MAX_STDERR: usize = 4 * 1024;

/// How long a process that was ended may keep its standard error open by what it left behind.
const FAREWELL: Duration = Duration::from_secs(1);

/// What starts with this in the environment holds this client's own secrets, and stays here.
const OWN_VARIABLES: &str = "OKTA_";

/// A process, in a group of its own with whatever it starts.
pub(super) struct Process {
    child: Child,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: ChildStdout,
    stderr: Tail,
}

impl Process {
    pub(super) fn start(argv: &[OsString]) -> Result<Self, Error> {
        let [program, arguments @ ..] = argv else { return Err(cannot_start(&io_empty())) };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with(OWN_VARIABLES) {
                command.env_remove(name);
            }
        }
        let mut child = command.spawn().map_err(|cause| cannot_start(&cause))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (stdin, Some(stdout), Some(stderr)) = pipes else {
            return Err(cannot_start(&io_empty()));
        };
        Ok(Self { child, stdin, stdout, stderr: Tail::of(stderr) })
    }

    /// Waits until the process has ended by itself, and takes it from the system's table.
    pub(super) async fn ended(&mut self) {
        // What cannot be waited for is no child any more.
        let _ = self.child.wait().await;
    }

    /// Ends the process and what it started, unless it has ended, and says how it went.
    pub(super) async fn end(mut self, clock: &dyn Clock) -> Ending {
        drop(self.stdin.take());
        #[cfg(unix)]
        if let Some(group) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            // Not waited for yet, so the number is still this group's.
            let group = rustix::process::Pid::from_raw(group);
            let _ = group.map(|group| {
                rustix::process::kill_process_group(group, rustix::process::Signal::KILL)
            });
        }
        let _ = self.child.start_kill();
        let status = self.child.wait().await.ok();
        Ending { status, said: self.stderr.finish(clock).await }
    }
}

/// How a process ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Ending {
    status: Option<ExitStatus>,
    /// What it said last on its standard error.
    pub(super) said: String,
}

impl Ending {
    pub(super) fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// `ended with exit status: 1; it says: …`
    pub(super) fn told(&self) -> String {
        let status = self.status.map_or_else(|| "an unknown status".to_owned(), |s| s.to_string());
        format!("ended with {status}{}", self.and_says())
    }

    pub(super) fn and_says(&self) -> String {
        match self.said.as_str() {
            "" => String::new(),
            said => format!("; it says: {said}"),
        }
    }
}

/// The end of what a process says on its standard error, read all the time so that it never waits.
struct Tail {
    kept: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Tail {
    fn of(mut stderr: ChildStderr) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&kept);
        let reader = tokio::spawn(async move {
            let mut chunk = [0; 1024];
            while let Ok(length @ 1..) = stderr.read(&mut chunk).await {
                let mut kept = to.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&chunk[..length]);
                let surplus = kept.len().saturating_sub(MAX_STDERR);
                kept.drain(..surplus);
            }
        });
        Self { kept, reader }
    }

    async fn finish(mut self, clock: &dyn Clock) -> String {
        let now = clock.monotonic();
        let until = now.checked_add(FAREWELL).unwrap_or(now);
        let _ = Deadline::new(clock, until).before(&mut self.reader).await;
        self.reader.abort();
        excerpt(&self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn cannot_start(cause: &io::Error) -> Error {
    // Without its name, which may be an argument that stands in the wrong place.
    Error::from_remote_signer(
        ErrorKind::Configuration,
        format!("the command cannot be started: {cause}"),
        "name a program by its path, or one that is in PATH, and each argument by itself",
        None,
    )
}

fn io_empty() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}
