//! What the service manager is told.

use std::fmt;
use std::io;
use std::sync::Arc;
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
}

type Tell = dyn Fn(&[NotifyState<'_>]) -> io::Result<()> + Send + Sync;

impl Manager {
    /// What `NOTIFY_SOCKET` and `WATCHDOG_USEC` say. Without them nothing is told to nobody.
    pub fn from_environment() -> Self {
        Self { tell: Arc::new(sd_notify::notify), watchdog: sd_notify::watchdog_enabled() }
    }

    /// Another way to tell it, and how often the watchdog wants to hear of this process at least.
    pub fn new(
        send: impl Fn(&[NotifyState<'_>]) -> io::Result<()> + Send + Sync + 'static,
        watchdog: Option<Duration>,
    ) -> Self {
        Self { tell: Arc::new(send), watchdog }
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
        if let Err(error) = (self.tell)(state) {
            tracing::warn!(%error, "systemd cannot be told");
        }
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").field("watchdog", &self.watchdog).finish_non_exhaustive()
    }
}
