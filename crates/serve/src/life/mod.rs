//! From the first signal handler to the last connection.
//!
//! The order of a start: [`Signals::install`], then the configuration, then the sockets and their
//! [`Servers`], then [`Life::run`], which tells systemd that the process is ready.

mod manager;
mod reach;
mod signals;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use okta_introspect::{Clock, Deadline};
use tokio::task::JoinHandle;

pub use manager::Manager;
use reach::Reach;
pub use signals::{Signal, Signals};
pub use watch::Watch;

use crate::error::Fault;
use crate::listen::Servers;
use crate::management::Readiness;
use crate::metrics::Metrics;

/// One life of the sidecar, once its listeners serve.
///
/// While it serves, the configuration is loaded anew at `SIGHUP` and when a file of it has changed,
/// which is looked at every [`look`](Self::look); so are the files of its unix sockets, without which it
/// is not ready. At `SIGTERM` or `SIGINT` it says at once that it
/// is not ready, serves for [`drain`](Self::drain) and asks peers to leave, then accepts nothing
/// more and has [`finish`](Self::finish) to end what is under way. A second signal to end cuts the
/// step short that it comes in.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use okta_introspect::SystemClock;
/// use okta_introspect_serve::life::{Life, Loaded, Manager, Signal, Signals, Watch};
/// use okta_introspect_serve::listen::{Limits, Servers};
/// use okta_introspect_serve::management::Readiness;
/// use okta_introspect_serve::metrics::Metrics;
///
/// # #[tokio::main]
/// # async fn main() {
/// let (sender, signals) = Signals::channel(); // Signals::install() in a process
/// let (clock, metrics) = (Arc::new(SystemClock), Metrics::new([]));
/// let servers = Servers::new(Limits::default(), clock.clone(), metrics.clone());
/// let mut life = Life::new(clock, servers, Readiness::new(), metrics, Manager::from_environment());
/// life.drain = std::time::Duration::ZERO;
/// sender.try_send(Signal::Stop).unwrap();
/// let watch = Watch::new(["/etc/okta-introspect/serve.yaml".into()]);
/// let left = life.run(signals, watch, || async { Loaded { files: Vec::new(), result: Ok(()) } });
/// assert_eq!(left.await, 0);
/// # }
/// ```
#[derive(Debug)]
pub struct Life {
    clock: Arc<dyn Clock>,
    servers: Servers,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    manager: Manager,
    /// How long it serves after the signal to end, so that those who send requests notice that it is
    /// not ready; 5 seconds unless set.
    pub drain: Duration,
    /// How long requests that are under way have after that; 10 seconds unless set.
    pub finish: Duration,
    /// How often files are looked at; 2 seconds unless set.
    pub look: Duration,
}

/// What came of loading the configuration.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The files to be looked at from now on: the configuration and what it names, such as keys and
    /// certificates. With none, those before stay.
    pub files: Vec<PathBuf>,
    /// What is wrong, in which case nothing was changed.
    pub result: Result<(), Vec<Fault>>,
}

impl Life {
    /// A life with the usual times.
    pub fn new(
        clock: Arc<dyn Clock>,
        servers: Servers,
        readiness: Readiness,
        metrics: Arc<Metrics>,
        manager: Manager,
    ) -> Self {
        let [drain, finish, look] = [5, 10, 2].map(Duration::from_secs);
        Self { clock, servers, readiness, metrics, manager, drain, finish, look }
    }

    /// Lives until the end; gives how many connections had to be cut off.
    ///
    /// `load` reads the configuration and puts it to use if it is good. It runs in a task of its own:
    /// one that panics has failed. `watch` looks at the files of the configuration that is in
    /// use, and best since before they were read.
    pub async fn run<L, F>(self, mut signals: Signals, mut watch: Watch, mut load: L) -> usize
    where
        L: FnMut() -> F,
        F: Future<Output = Loaded> + Send + 'static,
    {
        let _watchdog = self.watchdog();
        self.metrics.reloaded(self.clock.now());
        self.manager.ready();
        let mut reach = Reach::new(self.servers.socket_files());
        let mut next = self.after(self.look);
        loop {
            let signal = Deadline::new(&*self.clock, next).before(signals.next()).await;
            match signal {
                Some(Signal::Stop) => break,
                Some(Signal::Reload) => {}
                None => next = self.after(self.look),
            }
            reach = self.reached(reach).await;
            // Before loading, so that a change after it is not missed.
            let (looked, is_due) = look(watch, signal.is_some()).await;
            watch = looked;
            if !is_due {
                continue;
            }
            let loading = tokio::spawn(load());
            tokio::select! {
                biased;
                files = self.reload(loading) => if !files.is_empty() {
                    watch = follow(watch, files).await;
                },
                () = signals.stop() => break,
            }
        }
        self.end(signals).await
    }

    /// Looks whether peers still reach the unix sockets. One that was lost is told once.
    async fn reached(&self, mut reach: Reach) -> Reach {
        let look = move || {
            let lost = reach.look();
            (reach, lost)
        };
        let (reach, lost) = beside(look).await;
        for path in lost {
            let path = path.display();
            tracing::error!(%path, "the file of the socket was removed or replaced, so nobody reaches it; restart the sidecar");
        }
        self.readiness.reachable(reach.is_whole());
        reach
    }

    /// Waits for a configuration, and gives the files that are to be looked at.
    async fn reload(&self, loading: JoinHandle<Loaded>) -> Vec<PathBuf> {
        self.manager.reloading();
        let loaded = loading.await.unwrap_or_else(|_| Loaded {
            files: Vec::new(),
            result: Err(vec![Fault::new("the configuration could not be loaded: a bug")]),
        });
        match loaded.result {
            Ok(()) => {
                self.metrics.reloaded(self.clock.now());
                tracing::info!("the configuration was loaded anew");
            }
            Err(faults) => {
                self.metrics.reload_failed();
                let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
                let faults = faults.join(" | ");
                tracing::error!(faults, "the configuration was not taken; the one before stays");
            }
        }
        self.manager.ready();
        loaded.files
    }

    async fn end(self, mut signals: Signals) -> usize {
        self.readiness.drain();
        self.manager.stopping();
        tracing::info!("draining");
        self.servers.drain();
        let served = self.after(self.drain);
        Deadline::new(&*self.clock, served).before(signals.stop()).await;
        self.servers.close();
        let finished = async {
            tokio::select! {
                biased;
                () = self.servers.finished() => {}
                () = signals.stop() => {}
            }
        };
        let by = self.after(self.finish);
        Deadline::new(&*self.clock, by).before(finished).await;
        let left = self.servers.connections();
        self.servers.end();
        tracing::info!(cut_off = left, "ended");
        left
    }

    /// Tells the watchdog of systemd, if it listens, that the runtime still answers: each time by a
    /// task that the runtime has to run.
    fn watchdog(&self) -> Option<AbortOnDrop> {
        let interval = self.manager.watchdog_interval()?;
        let (clock, manager) = (Arc::clone(&self.clock), self.manager.clone());
        Some(AbortOnDrop(tokio::spawn(async move {
            loop {
                let next = crate::listen::later(clock.monotonic(), interval);
                Deadline::new(&*clock, next).before(std::future::pending::<()>()).await;
                if tokio::spawn(std::future::ready(())).await.is_ok() {
                    manager.alive();
                }
            }
        })))
    }

    fn after(&self, wait: Duration) -> Instant {
        crate::listen::later(self.clock.monotonic(), wait)
    }
}

#[derive(Debug)]
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether the files are to be loaded: because that was asked for, or because one has changed.
async fn look(mut watch: Watch, is_asked_for: bool) -> (Watch, bool) {
    beside(move || {
        if is_asked_for {
            watch.take_in();
        }
        let is_due = is_asked_for || watch.changed();
        (watch, is_due)
    })
    .await
}

async fn follow(mut watch: Watch, files: Vec<PathBuf>) -> Watch {
    beside(move || {
        watch.follow(files);
        watch
    })
    .await
}

/// Files may be on a disk that is slow, so they are looked at beside the runtime.
async fn beside<T: Default + Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    // It fails only if the runtime ends.
    tokio::task::spawn_blocking(work).await.unwrap_or_default()
}

#[cfg(test)]
mod tests;
