//! What a receiver receives, and where.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::metrics::Counters;
use super::{Inner, SignalReceiver};
use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::signals::used::Used;
use crate::signals::{EventBridge, EventHook, Feed, SecurityEvents, UniversalLogout};

/// The settings of a [`SignalReceiver`]. Setters never fail; [`build`](Self::build) checks.
///
/// # Example: event hooks alone, at another path
///
/// ```
/// use okta_introspect::signals::{EventHook, Feed, SignalReceiver};
/// use okta_introspect::{Checker, Error, Secret};
///
/// fn receiver(checker: Checker, secret: Secret) -> Result<SignalReceiver, Error> {
///     let hook = EventHook::new(&secret)?;
///     SignalReceiver::builder(Feed::new([checker])).event_hook(hook).path("/okta/hook").build()
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SignalReceiverBuilder {
    feed: Feed,
    path: String,
    logout: Option<UniversalLogout>,
    hook: Option<EventHook>,
    bridge: Option<EventBridge>,
    events: Option<SecurityEvents>,
    earlier: Option<SignalReceiver>,
    clock: Arc<dyn Clock>,
}

impl SignalReceiverBuilder {
    /// Where Okta is told to send to, unless the program says otherwise.
    pub const DEFAULT_PATH: &str = "/signals";

    pub(super) fn new(feed: Feed) -> Self {
        Self {
            feed,
            path: Self::DEFAULT_PATH.to_owned(),
            logout: None,
            hook: None,
            bridge: None,
            events: None,
            earlier: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Receives Universal Logout. Default: not.
    pub fn universal_logout(mut self, logout: UniversalLogout) -> Self {
        self.logout = Some(logout);
        self
    }

    /// Receives event hooks. Default: not.
    pub fn event_hook(mut self, hook: EventHook) -> Self {
        self.hook = Some(hook);
        self
    }

    /// Receives the log stream to Amazon EventBridge. Default: not.
    pub fn event_bridge(mut self, bridge: EventBridge) -> Self {
        self.bridge = Some(bridge);
        self
    }

    /// Receives security event tokens. Default: not.
    pub fn security_events(mut self, events: SecurityEvents) -> Self {
        self.events = Some(events);
        self
    }

    /// The path of the endpoint, to the letter. Default: [`DEFAULT_PATH`](Self::DEFAULT_PATH).
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Takes the place of another receiver: what it knows of used requests and has counted goes on.
    pub fn after(mut self, earlier: &SignalReceiver) -> Self {
        self.earlier = Some(earlier.clone());
        self
    }

    /// Where the time comes from. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes the receiver. No request is sent.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if nothing is to be received; if the path
    /// is none; or if event hooks and EventBridge bring the same secret in the same header, so that
    /// they could not be told apart.
    pub fn build(self) -> Result<SignalReceiver, Error> {
        self.check()?;
        let Self { feed, path, mut logout, hook, bridge, events, earlier, clock } = self;
        let earlier = earlier.map(|earlier| earlier.inner);
        if let (Some(logout), Some(earlier)) = (&mut logout, &earlier) {
            logout.used = earlier.used.clone();
        }
        let used = match (&logout, &earlier) {
            (Some(logout), _) => logout.used.clone(),
            (None, Some(earlier)) => earlier.used.clone(),
            (None, None) => Used::new(Used::CAPACITY),
        };
        let (counters, strangers, known) = match &earlier {
            Some(earlier) => (
                Arc::clone(&earlier.counters),
                Arc::clone(&earlier.strangers),
                Arc::clone(&earlier.known),
            ),
            None => (
                Arc::new(Counters::default()),
                Arc::new(Semaphore::new(Inner::MAX_STRANGERS)),
                Arc::new(Semaphore::new(Inner::MAX_BODIES)),
            ),
        };
        let inner = Inner {
            feed,
            path,
            logout,
            hook,
            bridge,
            events,
            used,
            counters,
            strangers,
            known,
            clock,
        };
        Ok(SignalReceiver { inner: Arc::new(inner) })
    }

    fn check(&self) -> Result<(), Error> {
        let Self { path, logout, hook, bridge, events, .. } = self;
        if logout.is_none() && hook.is_none() && bridge.is_none() && events.is_none() {
            return Err(Error::configuration("nothing is to be received").advise(
                "configure Universal Logout, event hooks, EventBridge or security events",
            ));
        }
        if !path.starts_with('/') || path.contains(['?', '#']) || path.contains(char::is_whitespace)
        {
            return Err(Error::configuration("the path for signals is none")
                .advise("write it as /signals, without a query"));
        }
        let (hook, bridge) = (hook.as_ref(), bridge.as_ref());
        let both = hook.zip(bridge);
        if both.is_some_and(|(hook, bridge)| hook.secret.is_same(&bridge.secret)) {
            let what = "event hooks and EventBridge have the same secret in the same header";
            return Err(Error::configuration(what).advise("give each a secret of its own"));
        }
        Ok(())
    }
}
