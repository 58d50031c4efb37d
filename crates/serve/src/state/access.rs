//! Who may use each listener.

use std::net::IpAddr;
use std::sync::Arc;

use crate::caller::{Caller, Callers, Limits, SecretHash};
use crate::config::{Address, Config, ListenerConfig};
use crate::error::Fault;
use crate::original::TrustedPeers;

/// Who may use a listener.
#[derive(Debug)]
pub(crate) struct Access {
    /// Whose forwarded values count.
    pub(crate) trusted: TrustedPeers,
    pub(crate) callers: Callers,
}

/// Everybody on this machine, where a listener has no secrets and no certificates.
const LOCAL: &str = "local";

/// Where each listener is, in their order: an address, or `None` for a unix socket.
pub(crate) type Places = Vec<Option<IpAddr>>;

/// A caller, and the hash of its secret.
pub(super) type Known = (SecretHash, Arc<Caller>);

/// The callers that have secrets. What is left of their budgets stays over a reload.
pub(super) fn callers(config: &Config, before: &[Arc<Caller>]) -> Result<Vec<Known>, Vec<Fault>> {
    let callers = config.callers.iter().enumerate().map(|(index, written)| {
        let caller = Caller::new(&written.name, written.limits);
        let caller = caller.map_err(|fault| vec![fault.at(format!("callers[{index}]"))])?;
        Ok((written.secret.clone(), caller.kept(before)))
    });
    callers.collect()
}

/// The access to each listener, in their order. A caller is one on all of them, with one budget.
pub(super) fn access(
    config: &Config,
    places: &Places,
    known: &[Known],
) -> Result<Vec<Access>, Vec<Fault>> {
    let local = Caller::new(LOCAL, Limits::default()).map_err(|fault| vec![fault])?;
    let local = Arc::new(local);
    let listeners = config.listeners.iter().zip(places).enumerate();
    let access = listeners.map(|(index, (listener, place))| {
        let access = of_listener(listener, *place, known, &local);
        access.map_err(|fault| vec![fault.at(format!("listeners[{index}]"))])
    });
    access.collect()
}

fn of_listener(
    listener: &ListenerConfig,
    address: Option<IpAddr>,
    known: &[Known],
    local: &Arc<Caller>,
) -> Result<Access, Fault> {
    let is_local = address.is_none_or(|address| address.is_loopback());
    let mut builder = Callers::builder();
    for name in listener.tls.iter().flat_map(|tls| &tls.client_names) {
        let named = known.iter().find(|(_, caller)| caller.name() == name);
        let caller = match named {
            Some((_, caller)) => Arc::clone(caller),
            None => Arc::new(Caller::certified(name, Limits::default())?),
        };
        builder = builder.certificate(name, caller);
    }
    for (hash, caller) in known {
        builder = builder.secret(hash.clone(), Arc::clone(caller));
    }
    // Whoever has secrets to show must show one.
    if is_local && known.is_empty() {
        builder = builder.local(Arc::clone(local));
    }
    let trusted = match address {
        None => TrustedPeers::unix(),
        Some(address) => TrustedPeers::new(&listener.trusted, address)?,
    };
    Ok(Access { trusted, callers: builder.build(address)? })
}

/// Where the listeners of a configuration will be, as far as it says. A socket of systemd's counts as
/// a unix socket until it is there.
pub(crate) fn planned(config: &Config) -> Places {
    let address = |listener: &ListenerConfig| match listener.address {
        Address::Tcp(address) => Some(address.ip().to_canonical()),
        Address::Unix { .. } | Address::Systemd(_) => None,
    };
    config.listeners.iter().map(address).collect()
}
