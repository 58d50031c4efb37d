//! What Okta pushes: where it is received, and which checkers it reaches.

use std::sync::Arc;

use okta_introspect::signals::{
    EventBridge, EventHook, Feed, SecurityEvents, SignalReceiver, UniversalLogout,
};
use okta_introspect::{Clock, Error, Issuer, Jwks};

use super::asking::{Asking, of_library};
use crate::config::{Config, ReceiveConfig, SecurityEventsConfig};
use crate::error::Fault;

/// The signals of the process. The feed is one for as long as that lives; the rest is made anew with
/// each configuration, and goes on with what the earlier one knew.
#[derive(Debug)]
pub(crate) struct SignalState {
    pub(crate) feed: Feed,
    /// What is received; `None`: nothing.
    pub(crate) receiver: Option<SignalReceiver>,
    /// The keys of the org, and of whom else they were asked for.
    keys: Vec<(Issuer, Jwks)>,
}

impl SignalState {
    pub(super) fn new(
        config: &Config,
        asking: &Asking,
        clock: &Arc<dyn Clock>,
        earlier: Option<(&Self, &Asking)>,
    ) -> Result<Self, Fault> {
        let feed = match earlier {
            Some((earlier, _)) => earlier.feed.clone(),
            None => Feed::builder([asking.checker.clone()]).clock(Arc::clone(clock)).build(),
        };
        // Another configuration may name another proxy.
        let known = earlier.filter(|(_, before)| asking.is_as(before));
        let keys = known.map(|(earlier, _)| earlier.keys.clone()).unwrap_or_default();
        let mut state = Self { feed, receiver: None, keys };
        if let Some(receive) = &config.signals.receive {
            let before = earlier.and_then(|(earlier, _)| earlier.receiver.as_ref());
            state.receiver = Some(state.receiver(receive, asking, clock, before)?);
        }
        Ok(state)
    }

    fn receiver(
        &mut self,
        receive: &ReceiveConfig,
        asking: &Asking,
        clock: &Arc<dyn Clock>,
        earlier: Option<&SignalReceiver>,
    ) -> Result<SignalReceiver, Fault> {
        let mut builder = SignalReceiver::builder(self.feed.clone())
            .path(receive.path.as_str())
            .clock(Arc::clone(clock));
        if let (Some(client), Some(url)) = (&receive.universal_logout, &receive.public_url) {
            let logout = self.universal_logout(client, url, asking, clock);
            builder = builder.universal_logout(logout.map_err(at(".universal_logout"))?);
        }
        if let Some(hook) = &receive.event_hook {
            let hook = EventHook::in_header(&hook.header, &hook.secret);
            builder = builder.event_hook(hook.map_err(at(".event_hook"))?);
        }
        if let Some(bridge) = &receive.event_bridge {
            let bridge = EventBridge::new(&bridge.header, &bridge.secret);
            builder = builder.event_bridge(bridge.map_err(at(".event_bridge"))?);
        }
        if let Some(events) = &receive.security_events {
            let events = self.security_events(events, asking, clock);
            builder = builder.security_events(events.map_err(at(".security_events"))?);
        }
        if let Some(earlier) = earlier {
            builder = builder.after(earlier);
        }
        builder.build().map_err(at(""))
    }

    fn universal_logout(
        &mut self,
        client: &str,
        url: &str,
        asking: &Asking,
        clock: &Arc<dyn Clock>,
    ) -> Result<UniversalLogout, Error> {
        let org = asking.org()?;
        let keys = self.keys(&org, asking, clock)?;
        Ok(UniversalLogout::new(org, client, url)?.keys(keys))
    }

    fn security_events(
        &mut self,
        config: &SecurityEventsConfig,
        asking: &Asking,
        clock: &Arc<dyn Clock>,
    ) -> Result<SecurityEvents, Error> {
        let issuer = config.issuer.clone().map_or_else(|| asking.org(), Ok)?;
        let keys = self.keys(&issuer, asking, clock)?;
        let events = SecurityEvents::new(issuer, &config.audience)?.keys(keys);
        match &config.authorization {
            Some(value) => events.authorization(value),
            None => Ok(events),
        }
    }

    /// The keys of an issuer: the same for all that it signs, over reloads too.
    fn keys(
        &mut self,
        issuer: &Issuer,
        asking: &Asking,
        clock: &Arc<dyn Clock>,
    ) -> Result<Jwks, Error> {
        if let Some((_, keys)) = self.keys.iter().find(|(known, _)| known == issuer) {
            return Ok(keys.clone());
        }
        let builder = Jwks::builder(issuer.clone()).http(asking.http.clone());
        let builder = match issuer.endpoints() {
            Some(endpoints) => builder.address(endpoints.jwks),
            None => builder,
        };
        let keys = builder.clock(Arc::clone(clock)).build()?;
        self.keys.push((issuer.clone(), keys.clone()));
        Ok(keys)
    }
}

/// A fault in this member of the configuration.
fn at(member: &str) -> impl Fn(Error) -> Fault {
    let place = format!("signals.receive{member}");
    move |error| of_library(&error).at(&*place)
}
