//! What hears of signals while the sidecar lives: the System Log, or what another sidecar reads there.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use okta_introspect::checker::SignalMode;
use okta_introspect::signals::{Following, SharedSignals, SystemLog};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::error::Fault;
use crate::state::{Polling, Sharing, State};

/// What hears of signals by the configuration in force. It ends when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Follower {
    /// By what it is heard, and what hears.
    running: Mutex<Option<(Source, Running)>>,
}

/// How signals are heard: one of the two is there at least.
#[derive(Debug)]
struct Source {
    polling: Option<Arc<Polling>>,
    sharing: Option<Sharing>,
}

#[derive(Debug)]
enum Running {
    /// Follows the log for this sidecar.
    Alone(Following),
    /// Hears what one sidecar reads and any is pushed, and is ready to be that one.
    Shared(SharedSignals),
}

impl Follower {
    /// Hears of signals as this state says; what does so already goes on.
    ///
    /// # Errors
    ///
    /// If the log cannot be followed like that; then nothing has changed.
    pub(super) fn adopt(&self, state: &State) -> Result<(), Fault> {
        let mut running = self.running();
        let Some(source) = Source::of(state) else {
            end(running.take());
            return Ok(());
        };
        let goes_on = |(earlier, it): &(Source, Running)| source.is_as(earlier) && !it.has_ended();
        if !running.as_ref().is_some_and(goes_on) {
            let feed = state.signals.feed.clone();
            let log = source.polling.as_ref().map(|polling| polling.log(feed)).transpose()?;
            // The one before has ended when the new one begins: they may have the same file.
            end(running.take());
            *running = start(&source, log, state).map(|it| (source, it));
        }
        Ok(())
    }

    /// Hears no more, and leaves the lead to another sidecar.
    pub(super) async fn end(&self) {
        let running = self.running().take();
        if let Some((_, Running::Shared(signals))) = running {
            signals.stop().await;
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<(Source, Running)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the metrics of what hears of signals over the shared store.
impl Collector for Follower {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let metrics = match &*self.running() {
            Some((_, Running::Shared(signals))) => signals.metrics(),
            _ => return Ok(()),
        };
        metrics.encode(encoder)
    }
}

impl Source {
    fn of(state: &State) -> Option<Self> {
        let polling = state.polling.clone();
        let is_heard = state.config.checker.signals != SignalMode::Off || polling.is_some();
        let sharing = state.asking.sharing.clone().filter(|_| is_heard);
        (polling.is_some() || sharing.is_some()).then_some(Self { polling, sharing })
    }

    fn is_as(&self, other: &Self) -> bool {
        let polls_alike = match (&self.polling, &other.polling) {
            (Some(own), Some(other)) => own.is_as(other),
            (own, other) => own.is_none() && other.is_none(),
        };
        polls_alike && self.sharing == other.sharing
    }
}

impl Running {
    fn has_ended(&self) -> bool {
        match self {
            Self::Alone(following) => following.has_ended(),
            Self::Shared(signals) => signals.has_ended(),
        }
    }
}

fn start(source: &Source, log: Option<SystemLog>, state: &State) -> Option<Running> {
    let Some(sharing) = &source.sharing else {
        return log.map(|log| Running::Alone(log.start()));
    };
    let org = &state.asking.issuers[0]; // the default one
    let signals = SharedSignals::builder(&sharing.shared, &state.signals.feed, org);
    let signals = match log {
        Some(log) => signals.log(log),
        None => signals,
    };
    Some(Running::Shared(signals.start()))
}

fn end(running: Option<(Source, Running)>) {
    if let Some((_, Running::Shared(signals))) = running {
        // What comes next need not wait for the lead to end by itself.
        tokio::spawn(signals.stop());
    }
}
