//! A sidecar that checks Okta tokens for proxies and for services in any language.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod error;
mod path;

mod original;

mod rule;

mod identity;

mod caller;

pub mod config;

mod introspection;

pub use caller::{
    CALLER_KEY, Caller, Callers, CallersBuilder, DEFAULT_ATTEMPTS_PER_SECOND, Limits,
    MAX_PER_SECOND, MAX_SECRET, Peer, Refused, SecretHash,
};
pub use error::Fault;
pub use identity::{BackendCredentials, Identity, IdentityTokens, JwtSigner};
pub use introspection::{IntrospectionEndpoint, Reader};
pub use original::{
    MAX_METHOD, Malformed, Misconfigured, Mode, Origin, Original, Origins, TrustedPeers, Unread,
};
pub use path::{Decoding, PathFault, PathPolicy};
pub use rule::{Pattern, Rule, Rules, RulesBuilder};
