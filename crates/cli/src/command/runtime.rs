//! Waiting: the runtime, and Ctrl-C.

use std::future::Future;

use crate::exit::Exit;
use crate::failure::Failure;

/// Completes at Ctrl-C.
pub(super) async fn interrupt() {
    // Without signals, nothing interrupts.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Runs what a command waits for. A command that waits for nothing starts no runtime.
pub(super) fn wait_for<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| {
        Failure::new(Exit::Unknown, "the runtime cannot be started").because(&cause)
    })?;
    runtime.block_on(work)
}
