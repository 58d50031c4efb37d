//! What a service app of Okta's needs to know, merged from every source:
//! given values (flags) > environment > `./okta.yaml` or `./.okta.yaml` > `~/.okta/okta.yaml`.
//!
//! Secrets travel with their host: the server, the client id and the key are taken from one source,
//! and so are a proxy and its credentials. A file that another user could have written decides
//! nothing.
//!
//! Knows nothing of a command line and prints nothing.

#[doc(hidden)]
pub mod files;
#[doc(hidden)]
pub mod text;

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

pub use environment::names as variables;
pub use error::SettingsError;
pub use found::{Found, Input, Origin, Place, Source};
pub use layer::Layer;
pub use merged::{Origins, Settings};
pub use notation::{DPOP_MODES, dpop_mode};
pub use proxy::ProxyLayer;
pub use show::Shown;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[path = "../../../fuzz/src/okta_yaml.rs"]
pub mod fuzzing;
