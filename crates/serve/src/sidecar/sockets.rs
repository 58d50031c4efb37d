//! The sockets of a configuration, and their TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::{Address, Config, TlsConfig};
use crate::error::Fault;
use crate::listen::{Inherited, Socket, Tls, TlsIdentity};
use crate::state::Places;

/// The sockets of a configuration. They stay for as long as the process lives.
pub(super) struct Sockets {
    /// Of each listener; systemd may have opened several for one.
    pub(super) listeners: Vec<Vec<Socket>>,
    /// Where signals are received.
    pub(super) signals: Vec<Socket>,
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
        let signals = match &config.signals.receive {
            Some(receive) => open(&receive.address, &mut inherited).await,
            None => Ok(Vec::new()),
        };
        let signals = signals.map_err(|fault| faults.push(fault.at("signals.receive.listen")));
        let management = open(&config.management, &mut inherited).await;
        let management = management.map_err(|fault| faults.push(fault.at("management")));
        for name in inherited.left() {
            tracing::warn!(name, "systemd has opened a socket that no listener is for");
        }
        match (signals, management) {
            (Ok(signals), Ok(management)) if faults.is_empty() => {
                Ok(Self { listeners, signals, management })
            }
            _ => Err(faults),
        }
    }

    /// Where each listener is; none for unix sockets.
    pub(super) fn addresses(&self) -> Places {
        self.listeners.iter().map(|sockets| first(sockets)).collect()
    }

    /// Where signals are received; none for a unix socket.
    pub(super) fn signals_address(&self) -> Option<SocketAddr> {
        first(&self.signals)
    }

    /// Where the management is; none for a unix socket.
    pub(super) fn management_address(&self) -> Option<SocketAddr> {
        first(&self.management)
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

/// TLS of each listener that has it, in their order, and last of all that for signals.
pub(super) fn tls(config: &Config) -> Result<Vec<Option<Arc<Tls>>>, Vec<Fault>> {
    let listeners = config.listeners.iter().enumerate();
    let listeners =
        listeners.map(|(index, listener)| (format!("listeners[{index}].tls"), &listener.tls));
    let receive = config.signals.receive.iter();
    let receive = receive.map(|receive| ("signals.receive.listen.tls".to_owned(), &receive.tls));
    let loaded = listeners.chain(receive).map(|(place, tls)| {
        let loaded = tls.as_ref().map(|tls| Tls::new(&identity(tls)).map(Arc::new));
        loaded.transpose().map_err(|fault| vec![fault.at(place)])
    });
    loaded.collect()
}

fn identity(tls: &TlsConfig) -> TlsIdentity {
    let (certificate, key) = (tls.certificate.clone(), tls.key.clone());
    TlsIdentity { certificate, key, client_ca: tls.client_ca.clone() }
}
