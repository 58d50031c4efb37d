//! A sidecar that checks Okta tokens for proxies and for services in any language.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod error;
mod path;
mod rule;

pub use error::Fault;
pub use path::{Decoding, PathFault, PathPolicy};
pub use rule::{Pattern, Rule, Rules, RulesBuilder};
