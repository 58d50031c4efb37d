//! Who may use each listener.

use std::net::SocketAddr;
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
pub(crate) type Places = Vec<Option<SocketAddr>>;

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
        let here = |fault: Fault| fault.at(format!("listeners[{index}]"));
        // Where a socket of systemd's is could not be told from the file.
        let exposed = place.map(|address| listener.unsafe_at(&address, !known.is_empty()));
        match exposed.filter(|faults| !faults.is_empty()) {
            Some(faults) => Err(faults.into_iter().map(here).collect()),
            None => of_listener(listener, *place, known, &local).map_err(|fault| vec![here(fault)]),
        }
    });
    access.collect()
}

fn of_listener(
    listener: &ListenerConfig,
    address: Option<SocketAddr>,
    known: &[Known],
    local: &Arc<Caller>,
) -> Result<Access, Fault> {
    let address = address.map(|address| address.ip().to_canonical());
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
        Address::Tcp(address) => Some(address),
        Address::Unix { .. } | Address::Systemd(_) => None,
    };
    config.listeners.iter().map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use okta_introspect_settings::Environment;
    use okta_introspect_settings::files::{self, Readers};

    const CONFIG: &str = "\
okta: {issuer: 'https://acme.okta.com', client_id: 0oa1, private_key: file:key.pem}
listeners: [{systemd: authz, mode: nginx, trusted: [192.0.2.1/32]}]
callers: [{name: one, secret_sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b}]
rules: [{path: /, public: true}]
";

    #[test]
    fn a_socket_of_systemds_is_as_safe_as_any_other_once_it_is_known_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let key = test_support::tls::authority().key.private_key_to_pem_pkcs8().unwrap();
        std::fs::write(folder.path().join("key.pem"), key).unwrap();
        let file = folder.path().join("serve.yaml");
        files::replace(&file, CONFIG.as_bytes(), Readers::Owner).unwrap();
        let (config, _) = config::load(&file, &Environment::empty()).unwrap();
        let known = callers(&config, &[]).unwrap();
        let at = |place: Option<&str>| {
            let place = place.map(|place| place.parse().unwrap());
            let access = access(&config, &vec![place], &known);
            access.map_or_else(|faults| faults[0].to_string(), |_| String::new())
        };
        assert_eq!((at(None), at(Some("127.0.0.1:9180"))), (String::new(), String::new()));
        let told = at(Some("192.0.2.7:9180"));
        assert!(told.starts_with("listeners[0]") && told.contains("in clear"), "{told}");
        // Without secrets, everybody on this machine may ask, however the address is written.
        let alone = |place: &str| access(&config, &vec![Some(place.parse().unwrap())], &[]);
        for place in ["127.0.0.1:9180", "[::1]:9180", "[::ffff:127.0.0.1]:9180"] {
            assert!(alone(place).is_ok(), "{place}: {:?}", alone(place));
        }
    }
}
