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

/// How a command was told to end that goes on until then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Told {
    /// By Ctrl-C.
    Interrupted,
    /// By SIGTERM, or because the terminal was closed: whoever started it has had enough.
    Terminated,
}

/// Completes when the command is told to end. Signals count from the call on.
#[cfg(unix)]
pub(super) fn told_to_end() -> Result<impl Future<Output = Told>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};

    let listen = |kind| {
        signal(kind).map_err(|cause| {
            Failure::new(Exit::Unknown, "signals cannot be listened to").because(&cause)
        })
    };
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => Told::Interrupted,
            _ = terminate.recv() => Told::Terminated,
            _ = hang_up.recv() => Told::Terminated,
        }
    })
}

/// Completes at Ctrl-C.
#[cfg(not(unix))]
pub(super) fn told_to_end() -> Result<impl Future<Output = Told>, Failure> {
    Ok(async {
        interrupt().await;
        Told::Interrupted
    })
}

/// Runs what a command waits for. A command that waits for nothing starts no runtime.
pub(super) fn wait_for<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| {
        Failure::new(Exit::Unknown, "the runtime cannot be started").because(&cause)
    })?;
    let done = runtime.block_on(work);
    // A call that was given up may still be blocked in a token's module or in a look-up of a name.
    runtime.shutdown_background();
    done
}
