//! The task that follows the log.

use tokio::task::JoinHandle;

/// A task that follows the System Log; it ends when this is dropped.
///
/// # Example: until the program is told to end
///
/// ```no_run
/// use okta_introspect::signals::SystemLog;
///
/// # async fn told_to_end() {}
/// async fn follow(log: SystemLog) {
///     let following = log.start();
///     told_to_end().await;
///     following.stop().await;
/// }
/// ```
#[derive(Debug)]
#[must_use = "the System Log is followed until this is dropped"]
pub struct Following {
    task: JoinHandle<()>,
}

impl Following {
    pub(in crate::signals) fn new(task: JoinHandle<()>) -> Self {
        Self { task }
    }

    /// Ends the task, and waits until it has.
    pub async fn stop(mut self) {
        self.task.abort();
        // It was cancelled, or has panicked; either way it has ended.
        let _ = (&mut self.task).await;
    }

    /// Whether the task has ended by itself, as it does if something panics in it.
    pub fn has_ended(&self) -> bool {
        self.task.is_finished()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}
