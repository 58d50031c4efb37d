//! Signals that one instance reads from a log, and all instances of a service hear.
//!
//! # How
//!
//! Each batch of signals is an entry of a stream in the [shared store](crate::shared), sealed and
//! bound to the stream's name. It says behind which batch it is to be read. An instance applies it
//! if it has applied that one, at whatever time, and knows then that it has been told all that the
//! log had up to there. So it is seen if somebody takes an entry away, puts one in twice or elsewhere,
//! or brings back old ones; and where a store loses what it had, the log is read again from an
//! earlier place and continues what all have heard.
//!
//! The place in the log is kept with the lead in the same step that appends the batch. A leader that
//! was held up and comes back beside its successor can append nothing.

mod batch;
mod builder;
mod counters;
mod follower;
mod instance;
mod known;
mod leader;
mod log;
#[cfg(feature = "prometheus")]
mod prometheus;
mod publisher;
mod status;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc::Sender;

pub use builder::SharedSignalsBuilder;
pub use log::{LogPage, SignalLog};
pub use status::{StreamMetrics, StreamStatus};

use super::feed::{Applied, Feed};
use super::signal::Signal;
use super::system_log::Following;
use crate::issuer::Issuer;
use crate::shared::{Lead, Shared};
use counters::Publication;
use instance::Instance;

/// Shares signals among the instances of a service: one of them reads the System Log, and all hear
/// what it tells. So the log is read as often for ten thousand instances as for one.
///
/// Which of them reads is settled by a lead in the shared store, of those that were given a
/// [log](SharedSignalsBuilder::log). It lasts six seconds, and is taken over within twelve once the
/// leader is gone. What one instance is pushed (a Universal Logout, an event hook) the others hear, too.
///
/// - **The bound does not depend on it.** Without the store signals stop, and so does what they
///   lengthen: ages grow again by themselves. Nothing else changes.
/// - **What may have been lost is noticed.** Each batch names the one before. Where that is
///   missing, everything is asked about again, and no answer from before is extended.
/// - **Coverage is never ahead.** It ends where the log was read, by the store's clock with all that
///   is not known of it, and stays where it is while that clock cannot be compared.
/// - **Others can do no more than call for calls.** What they write into the stream is not read;
///   what they take out of it, repeat or bring back is noticed. What instances are pushed may be
///   suppressed that way: it is no bound.
///
/// It reads and applies until it is dropped.
///
/// # Example: two lines beside those of one instance
///
/// ```no_run
/// use okta_introspect::shared::Shared;
/// use okta_introspect::signals::{Feed, SharedSignals, SystemLog};
/// use okta_introspect::{Checker, Client, Error, Scopes};
///
/// # async fn example(client: &Client, checker: &Checker, shared: &Shared) -> Result<(), Error> {
/// let feed = Feed::new([checker.clone()]);
/// let logs = client.resource(Scopes::parse(SystemLog::SCOPE)?);
/// let log = SystemLog::builder(logs, feed.clone()).build()?;
/// let signals = SharedSignals::builder(shared, &feed, client.issuer()).log(log).start();
/// println!("{:?}", signals.status());
/// signals.stop().await;
/// # Ok(())
/// # }
/// ```
#[must_use = "signals are heard until this is dropped"]
pub struct SharedSignals {
    instance: Arc<Instance>,
    /// What others are to be told.
    relay: Sender<Signal>,
    /// Follower, publisher, and the leader where there is a log.
    tasks: Vec<Following>,
    lead: Lead,
}

impl SharedSignals {
    /// Begins with the store, with what applies signals, and with the org whose tokens they are of:
    /// the issuer may be any server of it.
    pub fn builder(shared: &Shared, feed: &Feed, org: &Issuer) -> SharedSignalsBuilder {
        SharedSignalsBuilder::new(shared, feed, org)
    }

    /// Applies a signal, and tells the other instances of it. What a [`Feed`] is given it tells them
    /// by itself, but of what it has from the log; this is for that.
    pub fn publish(&self, signal: &Signal) -> Applied {
        let applied = self.instance.feed.apply_told(signal);
        if applied == Applied::New && self.relay.try_send(signal.clone()).is_err() {
            self.instance.counters.publications.add(Publication::Dropped, 1);
        }
        applied
    }

    /// How it is doing.
    pub fn status(&self) -> StreamStatus {
        self.metrics().status()
    }

    /// How it is doing, whenever asked.
    pub fn metrics(&self) -> StreamMetrics {
        StreamMetrics::new(Arc::clone(&self.instance))
    }

    /// Whether one of its tasks has ended by itself, as one does if something panics in it.
    pub fn has_ended(&self) -> bool {
        self.tasks.iter().any(Following::has_ended)
    }

    /// Ends it, and gives up the lead if it has it. Takes two seconds at most.
    pub async fn stop(self) {
        for task in self.tasks {
            task.stop().await;
        }
        let instance = &self.instance;
        if instance.leads() {
            let resigning = instance.store().resign(&self.lead);
            // The lead ends by itself, too.
            let _ = instance.within(Instance::PATIENCE, resigning).await;
        }
    }
}

impl fmt::Debug for SharedSignals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSignals")
            .field("org", &self.instance.address)
            .field("leads", &self.instance.leads())
            .finish_non_exhaustive()
    }
}
