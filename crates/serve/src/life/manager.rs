//! What the service manager is told.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;

/// The service manager, which is systemd or nothing.
///
/// See [`sd_notify(3)`](https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html).
///
/// # Example
///
/// ```
/// use okta_introspect_serve::life::Manager;
///
/// let manager = Manager::from_environment();
/// # let _ = manager;
/// ```
#[derive(Clone)]
pub struct Manager {
    tell: Arc<Tell>,
    watchdog: Option<Duration>,
    /// Whether it could not be told the last time.
    is_deaf: Arc<AtomicBool>,
}

type Tell = dyn Fn(&[NotifyState<'_>]) -> io::Result<()> + Send + Sync;

impl Manager {
    /// What `NOTIFY_SOCKET` and `WATCHDOG_USEC` say. Without them nothing is told to nobody.
    pub fn from_environment() -> Self {
        Self::new(sd_notify::notify, sd_notify::watchdog_enabled())
    }

    /// Another way to tell it, and how often the watchdog wants to hear of this process at least.
    pub fn new(
        send: impl Fn(&[NotifyState<'_>]) -> io::Result<()> + Send + Sync + 'static,
        watchdog: Option<Duration>,
    ) -> Self {
        Self { tell: Arc::new(send), watchdog, is_deaf: Arc::default() }
    }

    pub(super) fn ready(&self) {
        self.tell(&[NotifyState::Ready, NotifyState::Status("serving")]);
    }

    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!(%error, "the time for systemd cannot be read"),
        }
    }

    pub(super) fn stopping(&self) {
        self.tell(&[NotifyState::Stopping, NotifyState::Status("draining")]);
    }

    pub(super) fn alive(&self) {
        self.tell(&[NotifyState::Watchdog]);
    }

    /// How long to wait between two signs of life: half of what the watchdog allows.
    pub(super) fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog.map(|allowed| allowed / 2).filter(|interval| !interval.is_zero())
    }

    fn tell(&self, state: &[NotifyState<'_>]) {
        let told = (self.tell)(state);
        let was_deaf = self.is_deaf.swap(told.is_err(), Ordering::Relaxed);
        // The watchdog would say it every few seconds.
        if let Err(error) = told
            && !was_deaf
        {
            tracing::warn!(%error, "systemd cannot be told; is said once until it can");
        }
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").field("watchdog", &self.watchdog).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_it_cannot_be_told_is_said_once_until_it_can() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let writer = Arc::new(log.reopen().unwrap());
        let subscriber = tracing_subscriber::fmt().with_writer(writer).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let is_gone = Arc::new(AtomicBool::new(true));
        let gone = Arc::clone(&is_gone);
        let send = move |_: &[NotifyState<'_>]| match gone.load(Ordering::Relaxed) {
            true => Err(io::Error::from(io::ErrorKind::NotFound)),
            false => Ok(()),
        };
        let manager = Manager::new(send, None);
        let said =
            || std::fs::read_to_string(log.path()).unwrap().matches("cannot be told").count();
        for (gone, expected) in [(true, 1), (true, 1), (false, 1), (true, 2), (true, 2)] {
            is_gone.store(gone, Ordering::Relaxed);
            manager.clone().alive();
            assert_eq!(said(), expected);
        }
    }
}
