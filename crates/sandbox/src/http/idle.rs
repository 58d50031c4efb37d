//! Connections on which nothing is asked. HTTP/1 has hyper's own limit; of HTTP/2, where requests
//! are only a part of a connection, hyper has none.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// The requests of a connection that are under way.
#[derive(Clone)]
pub(crate) struct Requests(Arc<watch::Sender<usize>>);

impl Requests {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// One more, until the guard is dropped.
    pub(crate) fn begin(&self) -> Begun {
        self.0.send_modify(|count| *count += 1);
        Begun(Arc::clone(&self.0))
    }

    /// Completes when there was none for so long.
    pub(crate) async fn until_idle(&self, limit: Duration) {
        let mut count = self.0.subscribe();
        loop {
            // The sender is held by `self`.
            let _ = count.wait_for(|count| *count == 0).await;
            if timeout(limit, count.changed()).await.is_err() {
                return;
            }
        }
    }
}

/// A request that is under way.
pub(crate) struct Begun(Arc<watch::Sender<usize>>);

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[test_support::test]
    async fn a_connection_is_idle_a_while_after_its_last_request() {
        tokio::time::pause();
        let (requests, start) = (Requests::new(), Instant::now());
        let (first, second) = (requests.begin(), requests.begin());
        let ends = async {
            tokio::time::advance(Duration::from_secs(40)).await;
            drop(first);
            tokio::time::advance(Duration::from_secs(40)).await;
            drop(second);
            tokio::time::advance(Duration::from_secs(29)).await;
            // One that comes and goes at once counts as well.
            drop(requests.begin());
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = requests.until_idle(LIMIT) => {}
            () = ends => {}
        }
        assert_eq!(start.elapsed().as_secs(), 40 + 40 + 29 + 30);
    }
}
