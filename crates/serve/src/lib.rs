//! A sidecar that checks Okta tokens for proxies and for services in any language.
//!
//! nginx, Caddy, Traefik, HAProxy and Envoy ask it about each request; services post tokens to it
//! ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)). Behind it is the checker of
//! [`okta_introspect`], with the same promise: no yes is older than its rule allows, and an error is
//! never a yes.
//!
//! The command `okta-introspect serve` runs it. What is public here is what that command and its
//! tests are made of; [`run`] is all of it.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

pub mod config;
pub mod listen;
pub mod log;
pub mod management;
pub mod metrics;

mod answer;
mod caller;
mod decision;
mod error;
mod grpc;

mod identity;
mod introspection;
pub mod life;
mod original;
mod path;
mod probe;
mod refusal;
mod routes;
mod rule;
mod sidecar;
mod snippet;
mod snippet_of_config;
mod state;

pub use caller::{
    CALLER_KEY, Caller, Callers, CallersBuilder, DEFAULT_ATTEMPTS_PER_SECOND, Limits,
    MAX_PER_SECOND, MAX_SECRET, Peer, Refused, SecretHash,
};
pub use config::Config;
pub use error::Fault;
pub use grpc::Unread as UnreadCheck;
pub use grpc::{Answer, Authorize, Denial, Grpc, MAX_MESSAGE, OnUnknown, Question, is_call};
pub use identity::{BackendCredentials, Identity, IdentityFact, IdentityTokens, JwtSigner};
pub use introspection::{IntrospectionEndpoint, Reader};
pub use original::{
    MAX_METHOD, Malformed, Misconfigured, Mode, Origin, Original, Origins, TrustedPeers, Unread,
};
pub use path::{Decoding, PathFault, PathPolicy};
pub use probe::{
    Dial, Echo, Finding, Heard, Probe, ProbeReport, ProbeUrl, Transport, Trap, Verdict,
};
pub use rule::{Pattern, Rule, Rules, RulesBuilder, UnknownRule};
pub use sidecar::{Sidecar, check, run};
pub use snippet::{Address, Proxy, SnippetConfig, SnippetFile};
