//! The whole sidecar: sockets, state, listeners, and what exchanges the state.

mod follower;
mod reload;
mod sockets;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use okta_introspect::checker::Reason;
use okta_introspect::{Clock, ErrorKind, SystemClock};
use okta_introspect_settings::Environment;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;
use tokio::task::JoinSet;

use crate::answer;
use crate::caller::Refused;
use crate::config::{Config, Span};
use crate::error::Fault;
use crate::grpc;
use crate::life::{Life, Manager, Signals, Watch};
use crate::listen::{Limits, Servers, Tls, later};
use crate::management::{Management, Readiness};
use crate::metrics::Metrics;
use crate::original::{Malformed, Misconfigured, Mode};
use crate::path::PathFault;
use crate::refusal::Refusal;
use crate::routes::{Listener, Shared};
use crate::state::{State, planned};
use follower::Follower;
use reload::Reload;
use sockets::{Sockets, tls};

/// Whether a configuration can be used, without listening anywhere and without asking anybody.
///
/// # Errors
///
/// Everything that is wrong with it beside what [`config::load`](crate::config::load) tells.
pub fn check(config: &Config) -> Result<(), Vec<Fault>> {
    let places = planned(config);
    State::new(config.clone(), &places, Arc::new(SystemClock), None)?;
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
    Sidecar::start(path, config, environment, signals, Arc::new(SystemClock)).await?.run().await;
    Ok(())
}

fn unheard(cause: &io::Error) -> Fault {
    Fault::new(format!("signals cannot be listened to: {cause}"))
}

/// A sidecar that serves. [`run`] is what most programs need; this is for those that have signals and
/// time of their own, as tests do. Dropping it ends it at once.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use okta_introspect::SystemClock;
/// use okta_introspect_serve::life::{Signal, Signals};
/// use okta_introspect_serve::{Fault, Sidecar, config};
/// use okta_introspect_settings::Environment;
///
/// async fn started_and_ended(environment: Environment) -> Result<(), Vec<Fault>> {
///     let file = "/etc/okta-introspect/serve.yaml";
///     let (config, _) = config::load(file.as_ref(), &environment)?;
///     let (sender, signals) = Signals::channel();
///     let clock = Arc::new(SystemClock);
///     let sidecar = Sidecar::start(file.into(), config, environment, signals, clock).await?;
///     let _ = sender.send(Signal::Stop).await;
///     sidecar.run().await;
///     Ok(())
/// }
/// ```
pub struct Sidecar {
    life: Life,
    signals: Signals,
    watch: Watch,
    reload: Arc<Reload>,
    /// Ends when it is dropped.
    discovery: JoinSet<()>,
    addresses: Vec<Option<SocketAddr>>,
    signals_address: Option<SocketAddr>,
    management: Option<SocketAddr>,
}

impl Sidecar {
    /// Opens the sockets of a configuration and serves them from now on. The configuration is that of
    /// `path`, which is read again at a signal, and when it changes; signals are heard once it
    /// [runs](Self::run).
    ///
    /// # Errors
    ///
    /// What is wrong with the configuration, or with a socket.
    pub async fn start(
        path: PathBuf,
        config: Config,
        environment: Environment,
        signals: Signals,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Vec<Fault>> {
        // First of all, so that what changes meanwhile is a change.
        let watch = Watch::new(reload::files(&path, &config));
        let sockets = Sockets::open(&config).await?;
        let (addresses, management) = (sockets.addresses(), sockets.management_address());
        let signals_address = sockets.signals_address();
        let receive = config.signals.receive.as_ref().zip(signals_address);
        // Where a socket of systemd's is could not be told from the file.
        if let Some(fault) = receive.and_then(|(receive, address)| receive.unsafe_at(&address)) {
            return Err(vec![fault.at("signals.receive.listen")]);
        }
        let (places, tls, drain) = (addresses.clone(), tls(&config)?, config.drain);
        let state = State::new(config, &places, Arc::clone(&clock), None)?;
        tell(&state);
        let (metrics, readiness) = (Metrics::new(reasons()), Readiness::new());
        let servers = Servers::new(Limits::default(), Arc::clone(&clock), Arc::clone(&metrics));
        let state = ArcSwap::from_pointee(state);
        let shared = Arc::new(Shared { state, metrics: Arc::clone(&metrics), readiness });
        // Before the first question about it.
        metrics.reloaded(clock.now());
        let follower = Arc::new(Follower::default());
        let registry = registry(&shared, &follower);
        serve(&servers, sockets, &tls, &shared, registry).map_err(|fault| vec![fault])?;
        shared.readiness.configured();
        follower.adopt(&shared.state.load()).map_err(|fault| vec![fault])?;
        let discovery = JoinSet::from_iter([discover(Arc::clone(&shared))]);
        let manager = Manager::from_environment();
        let mut life = Life::new(clock, servers, shared.readiness.clone(), metrics, manager);
        life.drain = drain;
        let reload = Arc::new(Reload { path, environment, tls, places, shared, follower });
        Ok(Self { life, signals, watch, reload, discovery, addresses, signals_address, management })
    }

    /// Where each listener is, in their order; none for unix sockets.
    pub fn addresses(&self) -> &[Option<SocketAddr>] {
        &self.addresses
    }

    /// Where Okta's signals are received; none for a unix socket, or if none are.
    pub fn signals_address(&self) -> Option<SocketAddr> {
        self.signals_address
    }

    /// Where the management is; none for a unix socket.
    pub fn management_address(&self) -> Option<SocketAddr> {
        self.management
    }

    /// Lives until a signal to end, and through the drain after it.
    pub async fn run(self) {
        let Self { life, signals, watch, reload, discovery, .. } = self;
        let follower = Arc::clone(&reload.follower);
        let load = move || {
            let reload = Arc::clone(&reload);
            async move { reload.load() }
        };
        life.run(signals, watch, load).await;
        follower.end().await;
        drop(discovery);
    }
}

impl fmt::Debug for Sidecar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sidecar")
            .field("addresses", &self.addresses)
            .field("management", &self.management)
            .finish_non_exhaustive()
    }
}

/// Where it listens, for the log.
fn tell(state: &State) {
    for listener in &state.config.listeners {
        let mode = listener.mode.map(Mode::as_str);
        let introspection = listener.introspection;
        tracing::info!(mode, introspection, "listening on {}", listener.address);
    }
    if let Some(poll) = &state.config.signals.poll {
        let interval = Span(poll.interval);
        tracing::info!(%interval, mode = state.config.checker.signals.as_str(), "follows the System Log");
    }
    if let Some(receive) = &state.config.signals.receive {
        tracing::info!("signals are received on {}", receive.address);
    }
    if state.asking.sharing.is_some() {
        tracing::info!("shares what it learns with other sidecars");
    }
    tracing::info!("management on {}", state.config.management);
}

/// Serves every listener, and the management.
fn serve(
    servers: &Servers,
    sockets: Sockets,
    tls: &[Option<Arc<Tls>>],
    shared: &Arc<Shared>,
    registry: Registry,
) -> Result<(), Fault> {
    let state = shared.state.load_full();
    for (index, opened) in sockets.listeners.into_iter().enumerate() {
        let config = &state.config.listeners[index]; // one for each listener
        let listener = Listener::new(config, index, Arc::clone(shared));
        for socket in opened {
            let listener = Arc::clone(&listener);
            let answer = move |request, peer| Arc::clone(&listener).answer(request, peer);
            servers.serve(&config.address.to_string(), socket, tls[index].clone(), answer)?;
        }
    }
    let tls = tls.get(state.config.listeners.len()).cloned().flatten(); // last of all
    for socket in sockets.signals {
        let shared = Arc::clone(shared);
        let answer = move |request, _| receive(Arc::clone(&shared), request);
        servers.serve_at_most(SIGNALS, socket, tls.clone(), MAX_SENDERS, answer)?;
    }
    let management = Management::new(shared.readiness.clone(), registry);
    let keys = Arc::clone(shared);
    let management = Arc::new(management.jwks(move || keys.state.load().signer.jwks()));
    for socket in sockets.management {
        let management = Arc::clone(&management);
        let answer = move |request: Request<Incoming>, _| {
            let response = management.answer(&request);
            async move { response }
        };
        servers.serve("management", socket, None, answer)?;
    }
    Ok(())
}

/// The label of the listener for signals.
const SIGNALS: &str = "signals";

/// How many connections that listener takes: everybody can reach it, and Okta needs a few.
const MAX_SENDERS: usize = 1_000;

/// Answers a request at the listener for signals.
async fn receive(shared: Arc<Shared>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    // For as long as a body takes, the state may be exchanged.
    let receiver = shared.state.load().signals.receiver.clone();
    match receiver {
        Some(receiver) => receiver.receive(request).await.map(Full::from),
        None => answer::status(StatusCode::NOT_FOUND),
    }
}

/// Asks the authorization server until it answers the app once: then requests may come.
async fn discover(shared: Arc<Shared>) {
    let mut wait = Duration::from_millis(250);
    let mut refused: Option<Arc<State>> = None;
    loop {
        let state = shared.state.load_full();
        let Err(error) = state.asking.try_out().await else {
            tracing::info!(issuer = state.asking.issuers[0].as_str(), "ready"); // the default one
            return shared.readiness.answered();
        };
        if error.kind() == ErrorKind::ClientRefused {
            shared.readiness.refused();
            // Once for each configuration.
            let earlier = refused.replace(Arc::clone(&state));
            if !earlier.is_some_and(|earlier| Arc::ptr_eq(&earlier, &state)) {
                let advice = error.advice();
                tracing::error!(%error, advice, "the authorization server refuses our credentials; is said once");
            }
        } else {
            tracing::warn!(%error, "the authorization server does not answer yet");
        }
        let clock = &state.clock;
        clock.sleep_until(later(clock.monotonic(), wait)).await;
        wait = wait.saturating_mul(2).min(Duration::from_secs(10));
    }
}

/// What is counted: by the sidecar, and by what is in use.
fn registry(shared: &Arc<Shared>, follower: &Arc<Follower>) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Arc::clone(&shared.metrics)));
    registry.register_collector(Box::new(CheckerInUse(Arc::clone(shared))));
    registry.register_collector(Box::new(ReceiverInUse(Arc::clone(shared))));
    registry.register_collector(Box::new(StoreInUse(Arc::clone(shared))));
    registry.register_collector(Box::new(Arc::clone(follower)));
    // One for as long as the process lives.
    registry.register_collector(Box::new(shared.state.load().signals.feed.clone()));
    registry
}

/// The names under which requests can be refused.
fn reasons() -> impl Iterator<Item = &'static str> {
    let of_token = ["no_token", "malformed_header", "unknown"].into_iter();
    of_token
        .chain(Reason::NAMES)
        .chain(Refusal::NAMES)
        .chain(PathFault::NAMES)
        .chain(grpc::Unread::NAMES)
        .chain(Misconfigured::NAMES)
        .chain(Malformed::NAMES)
        .chain(Refused::NAMES)
}

/// The checker that is in use when the metrics are asked for.
#[derive(Debug)]
struct CheckerInUse(Arc<Shared>);

impl Collector for CheckerInUse {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.state.load().asking.checker.encode(encoder)
    }
}

/// The receiver of signals that is in use when the metrics are asked for.
#[derive(Debug)]
struct ReceiverInUse(Arc<Shared>);

impl Collector for ReceiverInUse {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        match &self.0.state.load().signals.receiver {
            Some(receiver) => receiver.encode(encoder),
            None => Ok(()),
        }
    }
}

/// The store that is shared when the metrics are asked for.
#[derive(Debug)]
struct StoreInUse(Arc<Shared>);

impl Collector for StoreInUse {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        match &self.0.state.load().asking.sharing {
            Some(sharing) => sharing.shared.encode(encoder),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_explained_in_the_documents() {
        let text = include_str!("../../../docs/serve.md");
        let table = text.split("### Reasons").nth(1).unwrap_or_default();
        let table = table.split("\n## ").next().unwrap_or_default();
        let missing: Vec<_> =
            reasons().filter(|reason| !table.contains(&format!("`{reason}`"))).collect();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn each_refusal_of_a_signal_is_explained_in_the_documents() {
        let text = include_str!("../../../docs/serve.md");
        let section = text.split("## Signals").nth(1).unwrap_or_default();
        let section = section.split("\n## ").next().unwrap_or_default();
        let names = okta_introspect::signals::SignalRefusal::NAMES.into_iter();
        let missing: Vec<_> =
            names.filter(|name| !section.contains(&format!("`{name}`"))).collect();
        assert_eq!(missing, [""; 0]);
    }
}
