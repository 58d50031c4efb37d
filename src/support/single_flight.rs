//! Work in flight: done once for everyone who asks while it is under way.

use std::future::Future;

use tokio::sync::watch;

/// A piece of work whose result many callers wait for.
///
/// The work runs as a task of its own: a caller that gives up takes nothing from the others, and
/// a failure reaches exactly those who were waiting for it.
#[derive(Debug)]
pub(crate) struct Flight<T> {
    result: watch::Receiver<Option<T>>,
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    /// Starts the work on the current tokio runtime.
    pub(crate) fn start(work: impl Future<Output = T> + Send + 'static) -> Self {
        let (sender, result) = watch::channel(None);
        tokio::spawn(async move {
            let done = work.await;
            // Nobody may be waiting any more; that is no fault.
            let _ = sender.send(Some(done));
        });
        Self { result }
    }

    /// Work that nobody does: for tests without a runtime.
    #[cfg(all(test, shuttle))]
    pub(crate) fn abandoned() -> Self {
        Self { result: watch::channel(None).1 }
    }

    /// Another place to wait for the same result.
    pub(crate) fn join(&self) -> Self {
        Self { result: self.result.clone() }
    }

    /// Waits for the result; `None` if the work was abandoned, because its task panicked or the
    /// runtime is shutting down.
    pub(crate) async fn landed(mut self) -> Option<T> {
        let result = self.result.wait_for(Option::is_some).await.ok()?;
        result.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test_support::test]
    async fn many_wait_and_the_work_is_done_once() {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let flight = Flight::start(async move {
            tokio::task::yield_now().await;
            counted.fetch_add(1, Ordering::SeqCst)
        });
        let waiters: Vec<_> = (0..100).map(|_| tokio::spawn(flight.join().landed())).collect();
        for waiter in waiters {
            assert_eq!(waiter.await.unwrap(), Some(0));
        }
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }

    #[test_support::test]
    async fn whoever_started_it_may_leave() {
        let (open, gate) = tokio::sync::oneshot::channel::<()>();
        let flight = Flight::start(async move { gate.await.is_ok() });
        let joined = flight.join();
        drop(flight);
        open.send(()).unwrap();
        assert_eq!(joined.landed().await, Some(true));
    }

    #[test_support::test]
    async fn abandoned_work_is_reported_not_waited_for() {
        let flight: Flight<()> = Flight::start(async { panic!("the work fails") });
        assert_eq!(flight.landed().await, None);
    }
}
