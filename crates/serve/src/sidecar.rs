//! The whole sidecar: sockets, state, listeners, and what exchanges the state.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::Request;
use hyper::body::Incoming;
use okta_introspect::{Clock, SystemClock};
use okta_introspect_settings::Environment;
use prometheus_client::registry::Registry;

use crate::config::{self, Address, Config, ListenerConfig};
use crate::error::Fault;
use crate::listen::{Inherited, Limits, Servers, Socket, Tls, TlsIdentity};
use crate::management::{Management, Readiness};
use crate::metrics::Metrics;
use crate::original::{Malformed, Misconfigured};
use crate::path::PathFault;
use crate::refusal::Refusal;
use crate::routes::{Listener, Shared};
use crate::state::{Places, State, planned};

/// Whether a configuration can be used, without listening anywhere and without asking anybody.
///
/// # Errors
///
/// Everything that is wrong with it beside what [`config::load`] tells.
pub fn check(config: &Config) -> Result<(), Vec<Fault>> {
    let places = planned(config);
    State::new(config.clone(), &places, None)?;
    tls(config)?;
    Ok(())
}

/// Runs the sidecar until it is told to end by SIGTERM or SIGINT. Reads the file anew at SIGHUP and when
/// it changes: a good one is in force from the next request on, a bad one is told and not used.
///
/// # Errors
///
/// Why it cannot start: what is wrong with the configuration, or with a socket.
pub async fn run(
    path: PathBuf,
    config: Config,
    environment: Environment,
) -> Result<(), Vec<Fault>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Metrics::new(reasons());
    let sockets = Sockets::open(&config).await?;
    let tls = tls(&config)?;
    let state = State::new(config, &sockets.places, None)?;
    let readiness = Readiness::new();
    let shared = Arc::new(Shared { state: ArcSwap::from_pointee(state), metrics, readiness });
    let servers = Servers::new(Limits::default(), clock, Arc::clone(&shared.metrics));
    serve(&servers, sockets, &tls, &shared).map_err(|fault| vec![fault])?;
    let reload = Reload { path, environment, tls, shared };
    todo!()
}

/// Serves every listener, and the management.
fn serve(
    servers: &Servers,
    sockets: Sockets,
    tls: &[Option<Arc<Tls>>],
    shared: &Arc<Shared>,
) -> Result<(), Fault> {
    let state = shared.state.load_full();
    for (index, opened) in sockets.listeners.into_iter().enumerate() {
        let config = &state.config.listeners[index]; // one for each listener
        let listener = Listener::new(config, index, Arc::clone(shared));
        for socket in opened {
            let listener = Arc::clone(&listener);
            let answer = move |request: Request<Incoming>| Arc::clone(&listener).answer(request);
            servers.serve(&config.address.to_string(), socket, tls[index].clone(), answer)?;
        }
    }
    let management = Arc::new(Management::new(shared.readiness.clone(), registry(shared)));
    for socket in sockets.management {
        let management = Arc::clone(&management);
        let answer = move |request: Request<Incoming>| {
            let response = management.answer(&request);
            async move { response }
        };
        servers.serve("management", socket, None, answer)?;
    }
    Ok(())
}

/// What is counted: by the sidecar, and by the checker that is in use.
fn registry(shared: &Arc<Shared>) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Arc::clone(&shared.metrics)));
    registry.register_collector(Box::new(CheckerInUse(Arc::clone(shared))));
    registry
}

/// The names under which requests can be refused.
fn reasons() -> impl Iterator<Item = &'static str> {
    let of_token = ["no_token", "malformed_header", "unknown"].into_iter();
    of_token
        .chain(Reason::NAMES)
        .chain(Refusal::NAMES)
        .chain(PathFault::NAMES)
        .chain(Misconfigured::NAMES)
        .chain(Malformed::NAMES)
        .chain(Refused::NAMES)
}

/// The sockets of a configuration. They stay for as long as the process lives.
struct Sockets {
    /// Of each listener; systemd may have opened several for one.
    listeners: Vec<Vec<Socket>>,
    management: Vec<Socket>,
    places: Places,
}

impl Sockets {
    /// Opens all of them, or tells of all that cannot be opened.
    async fn open(config: &Config) -> Result<Self, Vec<Fault>> {
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
        let address = |sockets: &Vec<Socket>| Some(sockets.first()?.address()?.ip().to_canonical());
        let places = listeners.iter().map(address).collect();
        match management {
            Ok(management) if faults.is_empty() => Ok(Self { listeners, management, places }),
            _ => Err(faults),
        }
    }
}

async fn open(address: &Address, inherited: &mut Inherited) -> Result<Vec<Socket>, Fault> {
    match address {
        Address::Unix { path, permissions } => Ok(vec![Socket::unix(path, *permissions).await?]),
        Address::Tcp(address) => Ok(vec![Socket::tcp(*address)?]),
        Address::Systemd(name) => inherited.take(name),
    }
}

/// TLS of each listener that has it.
fn tls(config: &Config) -> Result<Vec<Option<Arc<Tls>>>, Vec<Fault>> {
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
