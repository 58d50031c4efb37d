//! Who may use each listener.

use std::net::IpAddr;
use std::sync::Arc;

use crate::caller::{Caller, Callers, Limits, SecretHash};
use crate::config::{Address, CallerConfig, Config, ListenerConfig};
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

/// The access to each listener, in their order. A caller is one on all of them, with one budget.
pub(super) fn access(config: &Config, places: &Places) -> Result<Vec<Access>, Vec<Fault>> {
    let known = config.callers.iter().enumerate();
    let known = known.map(|(index, caller)| {
        let named = self::caller(caller);
        named.map_err(|fault| vec![fault.at(format!("callers[{index}]"))])
    });
    let known: Vec<_> = known.collect::<Result<_, _>>()?;
    let local = Caller::new(LOCAL, Limits::default()).map_err(|fault| vec![fault])?;
    let local = Arc::new(local);
    let listeners = config.listeners.iter().zip(places).enumerate();
    let access = listeners.map(|(index, (listener, place))| {
        let access = of_listener(listener, *place, &known, &local);
        access.map_err(|fault| vec![fault.at(format!("listeners[{index}]"))])
    });
    access.collect()
}

fn caller(config: &CallerConfig) -> Result<(SecretHash, Arc<Caller>), Fault> {
    let CallerConfig { name, secret_sha256, requests_per_second, misses_per_second, .. } = config;
    let limits = Limits {
        requests_per_second: *requests_per_second,
        misses_per_second: *misses_per_second,
    };
    Ok((secret_sha256.clone(), Arc::new(Caller::new(name, limits)?)))
}

fn of_listener(
    listener: &ListenerConfig,
    address: Option<IpAddr>,
    known: &[(SecretHash, Arc<Caller>)],
    local: &Arc<Caller>,
) -> Result<Access, Fault> {
    let is_local = address.is_none_or(|address| address.is_loopback());
    let mut builder = Callers::builder();
    for name in listener.tls.iter().flat_map(|tls| &tls.client_names) {
        let named = known.iter().find(|(_, caller)| caller.name() == name);
        let caller = match named {
            Some((_, caller)) => Arc::clone(caller),
            None => Arc::new(Caller::new(name, Limits::default())?),
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
    let trusted = match (address, &listener.trusted) {
        (None, _) => TrustedPeers::unix(),
        (Some(address), trusted) => TrustedPeers::new(trusted.as_deref().unwrap_or(&[]), address)?,
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
