//! The configuration: from the text of one YAML file to a description in which every value is checked.
//!
//! Everything that is wrong is told at once, a [`Fault`] each, in the order of the file.

mod check_lines;
mod conform;
mod document;
mod expand;
mod faults;
mod file;
mod malformed;
mod resolve;
mod resolved;
mod schema;
mod settings;
mod tree;

use std::path::Path;

use okta_introspect_settings::{AuthMode, Environment, SettingsError};

use crate::error::Fault;
use conform::Conformance;
pub use document::{LogFormat, LogLevel, Replay, RequireDocument, ResourceDpop, RuleSignals, Span};
use expand::Expansion;
use faults::Faults;
pub use resolved::{
    Address, CallerConfig, Config, HeaderSecretConfig, IdentityConfig, ListenerConfig, LogConfig,
    OktaConfig, OriginConfig, PollConfig, ReceiveConfig, ReplayConfig, ResourceConfig, RuleConfig,
    SecurityEventsConfig, SharedConfig, SignalsConfig, TlsConfig, TokenConfig,
};
pub use schema::json_schema;
use tree::Node;

/// Reads a file, and everything that it names. Beside the configuration, warnings: what is possible,
/// and hardly meant.
///
/// `environment` has the variables; paths begin at the folder of the file. A file that other users can
/// write to is refused.
///
/// # Errors
///
/// Everything that is wrong, in the order of the file. No fault quotes a value that may be a secret.
pub fn load(path: &Path, environment: &Environment) -> Result<(Config, Vec<Fault>), Vec<Fault>> {
    let mut faults = Faults::default();
    let text = file::configuration(path, &mut faults).map_err(|fault| vec![fault])?;
    let mut root = Node::parse(&text).map_err(|fault| vec![fault])?;
    root.spell_out("shared", document::SHARED_SHORT);
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let mut expansion = Expansion::new(environment, path, folder);
    root.tell_lines("", &mut faults);
    expansion.expand(&mut root, "", &mut faults);
    Conformance::new(schema::schema()).check(&mut root, &mut faults);
    let config = resolve::config(&mut root, &mut faults, environment, path, &mut expansion);
    if !faults.any_within("okta") {
        check_app(&config, &mut faults);
        check_shared(&config, &mut faults);
    }
    match faults.into_parts() {
        (errors, warnings) if errors.is_empty() => Ok((config, warnings)),
        (errors, _) => Err(errors),
    }
}

/// Whether there is an app, with a server and what it authenticates with.
fn check_app(config: &Config, faults: &mut Faults) {
    let checked = config.settings().and_then(|settings| {
        settings.issuer()?;
        match settings.auth_mode()? {
            AuthMode::PrivateKeyJwt => settings.credentials().map(drop),
            // What may be a secret is checked where a client is made.
            _ => settings.client().map(drop),
        }
    });
    if let Err(error) = checked {
        faults.error("okta", of_settings(&error));
    }
}

/// Whether the store that is shared can be opened, as far as that is known without asking it.
fn check_shared(config: &Config, faults: &mut Faults) {
    if faults.any_within("shared") {
        return;
    }
    let place = if config.shared.is_some() { "shared" } else { "okta" };
    // Why there are no settings was told of the app.
    let Ok(settings) = config.settings() else { return };
    if let Err(error) = settings.shared() {
        faults.error(place, of_settings(&error));
    }
}

fn of_settings(error: &SettingsError) -> Fault {
    let fault = Fault::new(error.to_string());
    if error.advice().is_empty() { fault } else { fault.advise(error.advice()) }
}

#[cfg(test)]
mod tests;
