//! The sockets of a configuration, and their TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::{Address, Config, ListenerConfig};
use crate::error::Fault;
use crate::listen::{Inherited, Socket, Tls, TlsIdentity};
use crate::state::Places;

/// The sockets of a configuration. They stay for as long as the process lives.
pub(super) struct Sockets {
    /// Of each listener; systemd may have opened several for one.
    pub(super) listeners: Vec<Vec<Socket>>,
    pub(super) management: Vec<Socket>,
}

impl Sockets {
    /// Opens all of them, or tells of all that cannot be opened.
    pub(super) async fn open(config: &Config) -> Result<Self, Vec<Fault>> {
        let mut inherited = Inherited::from_environment();
        let (mut listeners, mut faults) = (Vec::new(), Vec::new());
        for (index, listener) in config.listeners.iter().enumerate() {
            match open(&listener.address, &mut inherited).await {
                Ok(sockets) => listeners.push(sockets),
                Err(fault) => faults.push(fault.at(format!("listeners[{index}]"))),
            }
        }
        let management = open(&config.management, &mut inherited).await;
        let management = management.map_err(|fault| faults.push(fault.at("management")));
        for name in inherited.left() {
            tracing::warn!(name, "systemd has opened a socket that no listener is for");
        }
        match management {
            Ok(management) if faults.is_empty() => Ok(Self { listeners, management }),
            _ => Err(faults),
        }
    }

    /// Where each listener is; none for unix sockets.
    pub(super) fn addresses(&self) -> Vec<Option<SocketAddr>> {
        self.listeners.iter().map(|sockets| first(sockets)).collect()
    }

    /// Where the management is; none for a unix socket.
    pub(super) fn management_address(&self) -> Option<SocketAddr> {
        first(&self.management)
    }

    pub(super) fn places(&self) -> Places {
        let place = |address: Option<SocketAddr>| Some(address?.ip().to_canonical());
        self.addresses().into_iter().map(place).collect()
    }
}

fn first(sockets: &[Socket]) -> Option<SocketAddr> {
    sockets.first()?.address()
}

async fn open(address: &Address, inherited: &mut Inherited) -> Result<Vec<Socket>, Fault> {
    match address {
        Address::Unix { path, permissions } => Ok(vec![Socket::unix(path, *permissions).await?]),
        Address::Tcp(address) => Ok(vec![Socket::tcp(*address)?]),
        Address::Systemd(name) => inherited.take(name),
    }
}

/// TLS of each listener that has it.
pub(super) fn tls(config: &Config) -> Result<Vec<Option<Arc<Tls>>>, Vec<Fault>> {
    let listeners = config.listeners.iter().enumerate();
    let loaded = listeners.map(|(index, listener)| {
        let loaded = identity(listener).map(|identity| Tls::new(&identity).map(Arc::new));
        loaded.transpose().map_err(|fault| vec![fault.at(format!("listeners[{index}].tls"))])
    });
    loaded.collect()
}

fn identity(listener: &ListenerConfig) -> Option<TlsIdentity> {
    let tls = listener.tls.as_ref()?;
    let (certificate, key) = (tls.certificate.clone(), tls.key.clone());
    Some(TlsIdentity { certificate, key, client_ca: tls.client_ca.clone() })
}
