//! Where faults keep requests waiting.

use tokio::sync::watch;

use super::fault::Wait;
use crate::clock::{Clock, later};

/// Where requests wait.
pub(crate) struct Gate {
    releases: watch::Sender<u64>,
    waiting: watch::Sender<usize>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { releases: watch::Sender::new(0), waiting: watch::Sender::new(0) }
    }

    /// Keeps a request waiting.
    pub(crate) async fn wait(&self, wait: Wait, clock: &dyn Clock) {
        match wait {
            Wait::UntilReleased => self.hold().await,
            Wait::For(time) => clock.sleep_until(later(clock.monotonic(), time)).await,
            Wait::ForEver => self.hold_for_ever().await,
        }
    }

    /// Lets go of the requests that are held now.
    pub(crate) fn release(&self) {
        self.releases.send_modify(|releases| *releases += 1);
    }

    /// Changes at each release.
    pub(crate) fn releases(&self) -> watch::Receiver<u64> {
        self.releases.subscribe()
    }

    /// Completes when at least so many requests wait, or when the gate is gone.
    pub(crate) fn waiting(&self, count: usize) -> impl Future<Output = ()> + Send + use<> {
        let mut waiting = self.waiting.subscribe();
        async move {
            let _ = waiting.wait_for(|waiting| *waiting >= count).await;
        }
    }

    /// Until the gate is opened.
    async fn hold(&self) {
        let mut releases = self.releases.subscribe();
        let _place = Place::take(&self.waiting);
        // The sender lives in `self`: this cannot fail.
        let _ = releases.changed().await;
    }

    /// Until the client gives up.
    async fn hold_for_ever(&self) {
        let _place = Place::take(&self.waiting);
        std::future::pending().await
    }
}

/// A request's place among those that wait.
struct Place<'a>(&'a watch::Sender<usize>);

impl<'a> Place<'a> {
    fn take(waiting: &'a watch::Sender<usize>) -> Self {
        waiting.send_modify(|count| *count += 1);
        Self(waiting)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
