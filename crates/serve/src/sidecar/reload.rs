//! Puts another configuration in force.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use okta_introspect_settings::Environment;

use super::follower::Follower;
use super::sockets::tls;
use crate::config::{self, Config, ListenerConfig};
use crate::error::Fault;
use crate::life::Loaded;
use crate::listen::Tls;
use crate::routes::Shared;
use crate::state::{Places, State};

/// What is needed to put another configuration in force.
#[derive(Debug)]
pub(super) struct Reload {
    pub(super) path: PathBuf,
    pub(super) environment: Environment,
    pub(super) tls: Vec<Option<Arc<Tls>>>,
    pub(super) places: Places,
    pub(super) shared: Arc<Shared>,
    pub(super) follower: Arc<Follower>,
}

impl Reload {
    /// Reads the file, and puts what it says in force if all of it is good. Sockets stay as they are.
    pub(super) fn load(&self) -> Loaded {
        let result = self.exchange();
        let files = files(&self.path, &self.shared.state.load().config);
        Loaded { files, result }
    }

    fn exchange(&self) -> Result<(), Vec<Fault>> {
        let (config, warnings) = config::load(&self.path, &self.environment)?;
        let earlier = self.shared.state.load_full();
        same_sockets(&earlier.config, &config)?;
        let renewed = tls(&config)?;
        let clock = Arc::clone(&earlier.clock);
        let state = State::new(config, &self.places, clock, Some(&earlier))?;
        self.follower.adopt(&state).map_err(|fault| vec![fault])?;
        // From here on nothing can fail: all of it is exchanged, or nothing.
        for (tls, renewed) in self.tls.iter().zip(&renewed) {
            if let (Some(tls), Some(renewed)) = (tls, renewed) {
                tls.adopt(renewed);
            }
        }
        for warning in warnings.iter().chain(&later(&earlier.config, &state.config)) {
            tracing::warn!("{warning}");
        }
        // No signal passes the checker that is asked from now on.
        if !state.asking.is_as(&earlier.asking) {
            state.signals.feed.replace([state.asking.checker.clone()]);
        }
        self.shared.state.store(Arc::new(state));
        Ok(())
    }
}

/// The file of a configuration, and all files that it names.
pub(super) fn files(path: &Path, config: &Config) -> Vec<PathBuf> {
    let mut files = vec![path.to_owned()];
    files.extend(config.files.iter().cloned());
    files
}

/// Sockets are opened once: another address takes a restart.
fn same_sockets(earlier: &Config, now: &Config) -> Result<(), Vec<Fault>> {
    let of = |config: &Config| {
        let listener = |listener: &ListenerConfig| {
            let ListenerConfig { address, mode, path_prefix, introspection, tls, .. } = listener;
            (address.clone(), *mode, path_prefix.clone(), *introspection, tls.is_some())
        };
        let receive = config.signals.receive.as_ref();
        let receive = receive.map(|receive| (receive.address.clone(), receive.tls.is_some()));
        (config.listeners.iter().map(listener).collect::<Vec<_>>(), receive)
    };
    match of(earlier) == of(now) && earlier.management == now.management {
        true => Ok(()),
        false => Err(vec![
            Fault::new("listeners and management cannot be changed while the sidecar runs")
                .advise("restart it; with a socket unit no request is lost"),
        ]),
    }
}

/// What has changed and is read once, at the start.
fn later(earlier: &Config, now: &Config) -> Vec<Fault> {
    let (before, log) = (&earlier.log, &now.log);
    let changed = [
        ("log.format", before.format != log.format),
        ("log.level", before.level != log.level),
        ("drain", earlier.drain != now.drain),
        ("dpop.repeat_within", earlier.dpop.repeat_within != now.dpop.repeat_within),
    ];
    let told = |(place, _)| Fault::new("the change is in force after a restart").at(place);
    changed.into_iter().filter(|(_, changed)| *changed).map(told).collect()
}
