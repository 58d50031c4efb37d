//! What the program needs to know, merged from every source:
//! flag > environment > `./okta.yaml` or `./.okta.yaml` > `~/.okta/okta.yaml`.
//!
//! Secrets travel with their host: the server, the client id and the key are taken from one source,
//! and so are a proxy and its credentials ([`set`]). A file that another user could have written
//! decides nothing.
//!
//! Knows nothing of a command line and prints nothing, so that other programs could use it.

mod client;
mod connection;
mod environment;
mod error;
mod file;
mod found;
mod key;
mod layer;
mod merged;
mod misspelt;
mod notation;
mod proxy;
mod proxy_environment;
mod set;
mod show;
mod suspect;

#[cfg(test)]
pub(crate) use environment::names as variables;
pub(crate) use error::SettingsError;
pub(crate) use found::{Found, Origin, Source};
pub(crate) use layer::Layer;
pub(crate) use merged::Settings;
pub(crate) use notation::{DPOP_MODES, dpop_mode};
pub(crate) use show::Shown;
