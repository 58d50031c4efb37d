//! How signals are shared.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::mpsc;

use super::SharedSignals;
use super::follower::Follower;
use super::instance::Instance;
use super::leader::Leader;
use super::log::SignalLog;
use super::publisher::Publisher;
use crate::issuer::Issuer;
use crate::shared::{Lead, Shared};
use crate::signals::feed::Feed;
use crate::signals::system_log::Following;

/// Begins to share signals.
///
/// # Example: an instance that hears, and never reads the log itself
///
/// ```no_run
/// use okta_introspect::Issuer;
/// use okta_introspect::shared::Shared;
/// use okta_introspect::signals::{Feed, SharedSignals};
///
/// fn hear(shared: &Shared, feed: &Feed, org: &Issuer) -> SharedSignals {
///     SharedSignals::builder(shared, feed, org).start()
/// }
/// ```
#[must_use]
pub struct SharedSignalsBuilder {
    shared: Shared,
    feed: Feed,
    org: Issuer,
    log: Option<Box<dyn SignalLog>>,
}

impl SharedSignalsBuilder {
    pub(super) fn new(shared: &Shared, feed: &Feed, org: &Issuer) -> Self {
        Self { shared: shared.clone(), feed: feed.clone(), org: org.clone(), log: None }
    }

    /// What this instance reads for all if it gets the lead. Default: nothing, and it never leads.
    /// At least one instance has to have one; it should be all.
    pub fn log(mut self, log: impl SignalLog + 'static) -> Self {
        self.log = Some(Box::new(log));
        self
    }

    /// Begins, in tasks of its own, by the clock of the feed.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start(self) -> SharedSignals {
        let org = self.shared.org(&self.org);
        let mut owner = [0; 16];
        self.shared.random().fill(&mut owner);
        let owner = URL_SAFE_NO_PAD.encode(owner);
        let lead = Lead { name: org.leader.clone(), owner, ttl: Leader::LEASE };
        let address = self.org.org().to_owned();
        let instance = Arc::new(Instance::new(self.shared, org, address, self.feed));
        let (relay, signals) = mpsc::channel(Publisher::WAITING);
        instance.feed.relay_to(relay.clone());
        let follower = Follower::new(Arc::clone(&instance));
        let publisher = Publisher::new(Arc::clone(&instance), signals);
        let mut tasks = vec![tokio::spawn(follower.run()), tokio::spawn(publisher.run())];
        if let Some(log) = self.log {
            let leader = Leader::new(Arc::clone(&instance), lead.clone(), log);
            tasks.push(tokio::spawn(leader.run()));
        }
        let tasks = tasks.into_iter().map(Following::new).collect();
        SharedSignals { instance, relay, tasks, lead }
    }
}

impl fmt::Debug for SharedSignalsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSignalsBuilder")
            .field("shared", &self.shared)
            .field("org", &self.org)
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}
