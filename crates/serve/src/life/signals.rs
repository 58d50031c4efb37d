//! What the operating system asks of the process.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// What the process is asked to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signal {
    /// To end: `SIGTERM` or `SIGINT`.
    Stop,
    /// To load its configuration again: `SIGHUP`.
    Reload,
}

/// The signals of the process, in the order of their coming.
///
/// # Example: a test that asks for the end
///
/// ```
/// use okta_introspect_serve::life::{Signal, Signals};
///
/// let (sender, signals) = Signals::channel();
/// sender.try_send(Signal::Stop).unwrap();
/// # let _ = signals;
/// ```
#[derive(Debug)]
pub struct Signals {
    receiver: mpsc::Receiver<Signal>,
    /// One came while the end was waited for.
    is_reload_due: bool,
}

/// So many signals are remembered while none is looked at; further ones wait.
const REMEMBERED: usize = 16;

impl Signals {
    /// Handles the signals of this process from now on. To be called within a tokio runtime and
    /// before everything that takes time: until then `SIGTERM` ends the process without a drain.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub fn install() -> io::Result<Self> {
        let (sender, signals) = Self::channel();
        for (kind, means) in [
            (SignalKind::terminate(), Signal::Stop),
            (SignalKind::interrupt(), Signal::Stop),
            (SignalKind::hangup(), Signal::Reload),
        ] {
            let (mut come, sender) = (signal(kind)?, sender.clone());
            tokio::spawn(async move {
                while come.recv().await.is_some() {
                    // It waits where reloads fill the channel, so that the end is not lost behind them. It
                    // fails when nobody listens any more.
                    let _ = sender.send(means).await;
                }
            });
        }
        Ok(signals)
    }

    /// Signals that come from elsewhere than the operating system.
    pub fn channel() -> (mpsc::Sender<Signal>, Self) {
        let (sender, receiver) = mpsc::channel(REMEMBERED);
        (sender, Self { receiver, is_reload_due: false })
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.receiver.len()
    }

    /// The next one; never, once nothing can send any.
    pub(super) async fn next(&mut self) -> Signal {
        match std::mem::take(&mut self.is_reload_due) {
            true => Signal::Reload,
            false => self.receive().await,
        }
    }

    /// Waits for the next request to end. One to reload that comes before it is the [`next`](Self::next).
    pub(super) async fn stop(&mut self) {
        while self.receive().await == Signal::Reload {
            self.is_reload_due = true;
        }
    }

    async fn receive(&mut self) -> Signal {
        match self.receiver.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}
