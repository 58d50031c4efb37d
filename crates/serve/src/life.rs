//! The life of the process: signals, reload, drain.

use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};

use crate::listen::{Servers, later};
use crate::routes::Shared;
use crate::sidecar::Reload;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How long requests that are under way may take after the drain.
const FINISH: Duration = Duration::from_secs(10);

pub(crate) async fn run(servers: &Servers, shared: &Shared, reload: &Reload) {
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hang_up)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
        signal(SignalKind::hangup()),
    ) else {
        return;
    };
    let clock = std::sync::Arc::clone(&shared.state.load().clock);
    let mut seen = stamps(reload);
    loop {
        let look = clock.sleep_until(later(clock.monotonic(), LOOK));
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => {}
            () = look => {
                let now = stamps(reload);
                if now == seen { continue; }
            }
        }
        match reload.reload() {
            Ok(()) => {
                shared.metrics.reloaded(clock.now());
                tracing::info!("the configuration was read anew");
            }
            Err(faults) => {
                shared.metrics.reload_failed();
                for fault in faults {
                    tracing::error!("the configuration was not taken: {fault}");
                }
            }
        }
        seen = stamps(reload);
    }
    shared.readiness.drain();
    servers.drain();
    let drain = shared.state.load().config.drain;
    clock.sleep_until(later(clock.monotonic(), drain)).await;
    servers.close();
    tokio::select! {
        () = servers.finished() => {}
        () = clock.sleep_until(later(clock.monotonic(), FINISH)) => servers.end(),
    }
}

fn stamps(reload: &Reload) -> Vec<Option<(SystemTime, u64)>> {
    let stamp = |path| {
        let file = std::fs::metadata(path).ok()?;
        Some((file.modified().ok()?, file.len()))
    };
    reload.files().into_iter().map(stamp).collect()
}
