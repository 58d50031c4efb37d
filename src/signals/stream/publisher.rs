//! Tells the other instances what this one was pushed.

use std::sync::Arc;

use tokio::sync::mpsc::Receiver;

use super::batch::{Batch, BatchId};
use super::counters::Publication;
use super::instance::Instance;
use crate::clock::later;
use crate::error::Error;
use crate::signals::signal::Signal;

/// Appends signals to the stream.
#[derive(Debug)]
pub(super) struct Publisher {
    instance: Arc<Instance>,
    signals: Receiver<Signal>,
}

impl Publisher {
    /// So many signals wait at most.
    pub(super) const WAITING: usize = 1024;

    /// So often at most it is tried to append some.
    pub(super) const ATTEMPTS: u32 = 3;

    /// So many go into the stream together at most.
    const TOGETHER: usize = 256;

    pub(super) fn new(instance: Arc<Instance>, signals: Receiver<Signal>) -> Self {
        Self { instance, signals }
    }

    pub(super) async fn run(mut self) {
        let mut waiting = Vec::new();
        while self.signals.recv_many(&mut waiting, Self::TOGETHER).await > 0 {
            for part in Batch::divide(std::mem::take(&mut waiting)) {
                self.publish(part).await;
            }
        }
    }

    async fn publish(&self, signals: Vec<Signal>) {
        let (instance, times) = (&self.instance, signals.len());
        let id = BatchId::random(instance.random());
        // It was applied here before it came to this.
        instance.published(id);
        let mut failures = 0;
        let outcome = loop {
            let Err(error) = self.append(id, &signals).await else { break Publication::Done };
            failures += 1;
            if failures == Self::ATTEMPTS {
                tracing::warn!(%error, "other instances are not told of signals");
                break Publication::Failed;
            }
            let at = later(instance.now(), instance.pause(failures));
            instance.clock().sleep_until(at).await;
        };
        instance.counters.publications.add(outcome, times);
    }

    /// One that comes twice, since it was not known whether it did, has one id.
    async fn append(&self, id: BatchId, signals: &[Signal]) -> Result<(), Error> {
        let instance = &self.instance;
        let batch = instance.batch(id, None, signals.to_vec()).await;
        let entry = instance.seal(&batch);
        let appending = instance.store().append(&instance.org.stream, &entry);
        instance.within(Instance::PATIENCE, appending).await.map(drop)
    }
}
