//! A sidecar that checks Okta tokens for proxies and for services in any language.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod error;

mod original;

pub use error::Fault;
pub use original::{
    MAX_METHOD, Malformed, Misconfigured, Mode, Origin, Original, Origins, TrustedPeers, Unread,
};
