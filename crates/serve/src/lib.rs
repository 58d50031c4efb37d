//! A sidecar that checks Okta tokens for proxies and for services in any language.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

pub mod config;

mod error;
mod identity;
mod introspection;

pub mod caller;
pub mod metrics;

pub mod management;

pub use error::Fault;
pub use identity::{BackendCredentials, Identity, IdentityTokens, JwtSigner};
mod snippet;

pub use error::Fault;
pub use snippet::{Address, Proxy, SnippetConfig, SnippetFile};
mod grpc;

pub use error::Fault;
pub use grpc::{Answer, Authorize, Denial, Grpc, MAX_MESSAGE, OnUnknown, Question, is_grpc};
pub use introspection::{IntrospectionEndpoint, Reader};
