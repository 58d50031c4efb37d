//! What a service app of Okta's needs to know, merged from every source:
//! given values (flags) > environment > `./okta.yaml` or `./.okta.yaml` > `~/.okta/okta.yaml`.
//!
//! ```no_run
//! use okta_introspect_settings::{Settings, SettingsError};
//!
//! # async fn example(presented: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Settings::load()?.client()?;
//! let token = okta_introspect::Token::parse(presented)?;
//! println!("active: {}", client.introspect(&token, None).await?.active);
//! # Ok(())
//! # }
//! ```
//!
//! Names and spellings are those of Okta's SDKs ([`Setting`] has them all), so that a file or an
//! environment made for one of them works here. Beside what they do:
//!
//! - *Secrets travel with their host.* The server, the client id, and the key or client secret are taken from one
//!   source, and so are a proxy and its credentials; flags go with each.
//! - *A file that another user could have written decides nothing.*
//! - *Profiles*: a file has several apps below `okta: profiles:`, one of which is chosen by
//!   [`Loader::profile`], by `OKTA_PROFILE` or by `okta: profile:`. The key of one org is not sent to
//!   another.
//! - *Every value has an [`Origin`]*, which errors name, and [`Settings::shown`].
//! - *Misspelt names are told* by [`Settings::notes`].
//!
//! | for | see |
//! |---|---|
//! | the settings of this process | [`Settings::load`] |
//! | values of the program's own, a profile, another file, a test | [`Settings::loader`] |
//! | which authorization server they name | [`Settings::issuer`] |
//! | the private key, in this process or elsewhere | [`Key`] |
//! | how the app authenticates | [`Settings::auth_mode`], [`Settings::client_auth`] |
//! | clients | [`Settings::client`], [`Settings::client_builder`] |
//! | a check on every request of a backend | [`Settings::checker_builder`] |
//! | service tokens | [`Settings::token_source`] |
//! | a store that all instances of a service share | [`Settings::shared`] |
//!
//! Knows nothing of a command line and prints nothing.
//!
//! # Features
//!
//! - `rustls` (default), `native-tls`, `vendored`: as those of `okta-introspect`.
//! - `command`: keys behind a program that signs, named by `command:`.
//! - `vault`: keys in the transit engine of Vault or OpenBao, named by `vault:`.
//! - `pkcs11`: keys in an HSM, a TPM or another token, named by a `pkcs11:` URI, with `okta-introspect-signers`.
//! - `redis`: Redis and Valkey as the store of [`Settings::shared`], with `okta-introspect-redis`.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

#[doc(hidden)]
pub mod edit;
#[doc(hidden)]
pub mod files;
#[doc(hidden)]
pub mod text;

mod auth_mode;
mod choice;
mod client;
mod client_secret;
mod connection;
mod elsewhere;
mod environment;
mod error;
mod file;
mod found;
mod key;
mod layer;
mod loader;
mod merged;
mod misspelt;
mod notation;
mod owner;
mod profiles;
mod proxy;
mod proxy_environment;
mod set;
mod setting;
mod shared;
mod show;
mod store;
mod suspect;
mod variables;

pub use auth_mode::AuthMode;
pub use elsewhere::is_key_uri;
pub use environment::Environment;
pub use error::SettingsError;
pub use found::{Found, Input, Origin, Place, Source};
pub use key::Key;
pub use layer::Layer;
pub use loader::Loader;
pub use merged::{Origins, Settings};
pub use notation::{DPOP_MODES, dpop_mode};
pub use profiles::Profile;
pub use proxy::ProxyLayer;
pub use setting::Setting;
pub use shared::SharedLayer;
pub use show::Shown;
pub use store::SharedSettings;
pub use variables::names as variables;

/// What the documents show is compiled, where there is a store to be opened.
#[cfg(all(doctest, feature = "redis"))]
#[doc = include_str!("../../../docs/redis.md")]
struct Documents;

#[cfg(any(test, all(fuzzing, feature = "_fuzzing")))]
#[doc(hidden)]
#[path = "../../../fuzz/src/okta_yaml.rs"]
pub mod fuzzing;

#[cfg(test)]
mod tests;
