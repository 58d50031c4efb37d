//! The settings of a signer by a program.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use okta_introspect::{Algorithm, Clock, Error, ErrorKind, PublicJwk, SignerLimits, SystemClock};
use tokio::sync::oneshot;

use super::once::Once;
use super::protocol::Header;
use super::running::Running;
use super::{CommandSigner, job};
use crate::check::Expected;

/// How a program is run. [`start`](Self::start) keeps it running; [`once`](Self::once) runs it for each
/// signature.
///
/// # Example: a program of one's own
///
/// ```no_run
/// use std::time::Duration;
///
/// use okta_introspect::Error;
/// use okta_introspect_signers::command::CommandSigner;
///
/// # fn example() -> Result<(), Error> {
/// let signer = CommandSigner::builder(["/usr/libexec/sign-assertions", "--slot", "3"])
///     .time_limit(Duration::from_secs(3))
///     .start()?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct CommandSignerBuilder {
    argv: Vec<OsString>,
    time_limit: Duration,
    max_processes: usize,
    in_der: bool,
    public: Option<PublicJwk>,
    key_id: Option<String>,
    limits: SignerLimits,
    clock: Arc<dyn Clock>,
}

impl CommandSignerBuilder {
    pub(super) fn new(argv: Vec<OsString>) -> Self {
        Self {
            argv,
            time_limit: CommandSigner::DEFAULT_TIME_LIMIT,
            max_processes: CommandSigner::DEFAULT_MAX_PROCESSES,
            in_der: false,
            public: None,
            key_id: None,
            limits: SignerLimits::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// How long a signature, and the first line, may take. Default:
    /// [`DEFAULT_TIME_LIMIT`](CommandSigner::DEFAULT_TIME_LIMIT). Bounds: 1 ms to 1 h.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// How many processes may sign at the same time, where each signature has its own. Default:
    /// [`DEFAULT_MAX_PROCESSES`](CommandSigner::DEFAULT_MAX_PROCESSES). Bounds: 1 to 64.
    pub fn max_processes(mut self, processes: usize) -> Self {
        self.max_processes = processes;
        self
    }

    /// ECDSA signatures come in DER, as OpenSSL and key services give them, and are turned into what
    /// a JWS has. Default: they come as `r ‖ s`.
    pub fn signatures_in_der(mut self) -> Self {
        self.in_der = true;
        self
    }

    /// The public half, against which every signature is verified. Default: what the program says
    /// when it starts; if it says nothing, only the length of signatures is looked at.
    pub fn public_key(mut self, public: PublicJwk) -> Self {
        self.public = Some(public);
        self
    }

    /// The id under which the public half is registered. Default: what the program says when it
    /// starts.
    pub fn key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// What the program can do at most. Default: nothing is said.
    pub fn limits(mut self, limits: SignerLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Where the time comes from. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Starts the program and waits for its first line, for as long as the time limit allows: from
    /// asynchronous code by way of `spawn_blocking`.
    ///
    /// # Errors
    ///
    /// A setting that is out of bounds, a program that cannot be started, and a first line that does
    /// not come or is none, each of the kind that the table [above](super#errors) has.
    pub fn start(self) -> Result<CommandSigner, Error> {
        self.check()?;
        let running = Running::new(self.argv.clone(), Arc::clone(&self.clock), self.time_limit);
        let (started, header) = oneshot::channel();
        let jobs = job::start(move |jobs| running.run(jobs, started))?;
        // On a thread of its own, since in a runtime of the caller's this would panic.
        let header = std::thread::scope(|scope| {
            let wait = scope.spawn(|| header.blocking_recv());
            wait.join()
        });
        let header = header.ok().and_then(Result::ok).unwrap_or_else(|| Err(no_header()))?;
        let Header { algorithm, key_id, public } = header;
        let public = match (self.public.clone(), public) {
            (Some(set), Some(said)) if set.thumbprint() != said.thumbprint() => {
                return Err(Error::from_remote_signer(
                    ErrorKind::Key,
                    "the command names another public key than the settings",
                    "register the command's key, or have it sign with the other one",
                    None,
                ));
            }
            (Some(set), _) => Some(fitting(set, algorithm)?),
            (None, said) => said,
        };
        let key_id = self.key_id.clone().or(key_id);
        Ok(self.signer(algorithm, key_id, public, jobs))
    }

    /// Runs the program for each signature. It is not run before the first one.
    ///
    /// # Errors
    ///
    /// [`Configuration`](ErrorKind::Configuration) if a setting is out of bounds, and
    /// [`Key`](ErrorKind::Key) if the public key is for another algorithm.
    pub fn once(self, algorithm: Algorithm, key_id: Option<&str>) -> Result<CommandSigner, Error> {
        self.check()?;
        let public = self.public.clone().map(|public| fitting(public, algorithm)).transpose()?;
        let once = Once {
            argv: self.argv.clone(),
            clock: Arc::clone(&self.clock),
            time_limit: self.time_limit,
            max_processes: self.max_processes,
        };
        let jobs = job::start(move |jobs| once.run(jobs))?;
        let key_id =
            key_id.or_else(|| public.as_ref().and_then(PublicJwk::key_id)).map(str::to_owned);
        Ok(self.signer(algorithm, key_id, public, jobs))
    }

    fn signer(
        self,
        algorithm: Algorithm,
        key_id: Option<String>,
        public: Option<PublicJwk>,
        jobs: tokio::sync::mpsc::Sender<job::Job>,
    ) -> CommandSigner {
        let public = public.map(|public| public.with_key_id(key_id.clone()));
        let signer = "the command";
        let expected = Expected { signer, algorithm, in_der: self.in_der, public };
        let name = self.argv.first().map(Path::new).and_then(Path::file_name);
        let program = name.unwrap_or_default().to_string_lossy().into_owned();
        CommandSigner { program, key_id, expected, limits: self.limits, jobs }
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |what: String, advice| {
            Err(Error::from_remote_signer(ErrorKind::Configuration, what, advice, None))
        };
        if self.argv.first().is_none_or(|program| program.is_empty()) {
            return wrong("the command is empty".to_owned(), "name a program and its arguments");
        }
        let limits = Duration::from_millis(1)..=Duration::from_secs(3600);
        if !limits.contains(&self.time_limit) {
            let what = format!("the command cannot have {:?} for a signature", self.time_limit);
            return wrong(what, "choose between 1 ms and 1 h; 10 s is the default");
        }
        if !(1..=64).contains(&self.max_processes) {
            let what = format!("the command cannot run {} times at once", self.max_processes);
            return wrong(what, "choose between 1 and 64; 4 is the default");
        }
        Ok(())
    }
}

impl std::fmt::Debug for CommandSignerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandSignerBuilder")
            .field("arguments", &self.argv.len().saturating_sub(1))
            .field("time_limit", &self.time_limit)
            .field("max_processes", &self.max_processes)
            .field("in_der", &self.in_der)
            .field("public", &self.public)
            .field("key_id", &self.key_id)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The key with this algorithm, if it can have it.
fn fitting(public: PublicJwk, algorithm: Algorithm) -> Result<PublicJwk, Error> {
    let options = okta_introspect::KeyOptions::default().algorithm(algorithm);
    PublicJwk::parse(public.to_json().as_bytes(), &options)
}

fn no_header() -> Error {
    Error::from_remote_signer(ErrorKind::Key, "the command was not started", "", None)
}
