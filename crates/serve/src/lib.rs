//! A sidecar that checks Okta tokens for proxies and for services in any language.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod error;

pub mod caller;
pub mod metrics;

pub mod management;

pub mod listen;

pub mod life;

pub use error::Fault;
