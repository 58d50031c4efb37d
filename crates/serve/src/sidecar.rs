//! The whole sidecar: sockets, state, listeners, and what exchanges the state.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::Request;
use hyper::body::Incoming;
use okta_introspect::checker::Reason;
use okta_introspect_settings::Environment;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;

use crate::caller::Refused;
use crate::config::{self, Address, Config, ListenerConfig};
use crate::error::Fault;
use crate::life::{Life, Loaded, Manager, Signals};
use crate::listen::{Inherited, Limits, Servers, Socket, Tls, TlsIdentity, later};
use crate::management::{Management, Readiness};
use crate::metrics::Metrics;
use crate::original::{Malformed, Misconfigured, Mode};
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
    let signals = Signals::install().map_err(|cause| vec![unheard(&cause)])?;
    let sockets = Sockets::open(&config).await?;
    let (places, tls, drain) = (sockets.places.clone(), tls(&config)?, config.drain);
    let state = State::new(config, &places, None)?;
    let (clock, metrics) = (Arc::clone(&state.clock), Metrics::new(reasons()));
    let readiness = Readiness::new();
    tell(&state);
    let servers = Servers::new(Limits::default(), Arc::clone(&clock), Arc::clone(&metrics));
    let state = ArcSwap::from_pointee(state);
    let shared = Arc::new(Shared { state, metrics: Arc::clone(&metrics), readiness });
    serve(&servers, sockets, &tls, &shared).map_err(|fault| vec![fault])?;
    shared.readiness.configured();
    let discovery = tokio::spawn(discover(Arc::clone(&shared)));
    let reload = Arc::new(Reload { path, environment, tls, places, shared: Arc::clone(&shared) });
    let manager = Manager::from_environment();
    let mut life = Life::new(clock, servers, shared.readiness.clone(), metrics, manager);
    life.drain = drain;
    let files = reload.files();
    let load = move || {
        let reload = Arc::clone(&reload);
        async move { reload.load() }
    };
    life.run(signals, files, load).await;
    discovery.abort();
    Ok(())
}

/// Where it listens, for the log.
fn tell(state: &State) {
    for listener in &state.config.listeners {
        let mode = listener.mode.map(Mode::as_str);
        let introspection = listener.introspection;
        tracing::info!(mode, introspection, "listening on {}", listener.address);
    }
    tracing::info!("management on {}", state.config.management);
}

fn unheard(cause: &io::Error) -> Fault {
    Fault::new(format!("signals cannot be listened to: {cause}"))
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

/// Asks the authorization server for its metadata until it answers once: then requests may come.
async fn discover(shared: Arc<Shared>) {
    let mut wait = Duration::from_millis(250);
    loop {
        let state = shared.state.load_full();
        let (issuer, http) = (&state.asking.issuers[0], &state.asking.http); // the default one
        match okta_introspect::metadata::discover(issuer, http).await {
            Ok(_) => {
                tracing::info!(issuer = issuer.as_str(), "ready");
                return shared.readiness.answered();
            }
            Err(error) => tracing::warn!(%error, "the authorization server does not answer yet"),
        }
        let clock = &state.clock;
        clock.sleep_until(later(clock.monotonic(), wait)).await;
        wait = wait.saturating_mul(2).min(Duration::from_secs(10));
    }
}

/// What is needed to put another configuration in force.
struct Reload {
    path: PathBuf,
    environment: Environment,
    tls: Vec<Option<Arc<Tls>>>,
    places: Places,
    shared: Arc<Shared>,
}

impl Reload {
    /// The file, and all files that it names.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = vec![self.path.clone()];
        files.extend(self.shared.state.load().config.files.iter().cloned());
        files
    }

    /// Reads the file, and puts what it says in force if all of it is good. Sockets stay as they are.
    fn load(&self) -> Loaded {
        let result = self.exchange();
        Loaded { files: self.files(), result }
    }

    fn exchange(&self) -> Result<(), Vec<Fault>> {
        let (config, warnings) = config::load(&self.path, &self.environment)?;
        let earlier = self.shared.state.load_full();
        same_sockets(&earlier.config, &config)?;
        let identities: Vec<_> = config.listeners.iter().map(identity).collect();
        let state = State::new(config, &self.places, Some(&earlier))?;
        for (tls, identity) in self.tls.iter().zip(&identities) {
            if let (Some(tls), Some(identity)) = (tls, identity) {
                tls.exchange(identity).map_err(|fault| vec![fault])?;
            }
        }
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        self.shared.state.store(Arc::new(state));
        Ok(())
    }
}

/// Sockets are opened once: another address takes a restart.
fn same_sockets(earlier: &Config, now: &Config) -> Result<(), Vec<Fault>> {
    let of = |config: &Config| {
        let listener = |listener: &ListenerConfig| {
            let ListenerConfig { address, mode, path_prefix, introspection, tls, .. } = listener;
            (address.clone(), *mode, path_prefix.clone(), *introspection, tls.is_some())
        };
        config.listeners.iter().map(listener).collect::<Vec<_>>()
    };
    match of(earlier) == of(now) && earlier.management == now.management {
        true => Ok(()),
        false => Err(vec![
            Fault::new("listeners and management cannot be changed while the sidecar runs")
                .advise("restart it; with a socket unit no request is lost"),
        ]),
    }
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

/// The checker that is in use when the metrics are asked for.
#[derive(Debug)]
struct CheckerInUse(Arc<Shared>);

impl Collector for CheckerInUse {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.0.state.load().asking.checker.encode(encoder)
    }
}
