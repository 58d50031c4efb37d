//! A sidecar that checks Okta tokens for proxies and for services in any language.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod error;
mod grpc;

pub use error::Fault;
pub use grpc::{Answer, Authorize, Denial, Grpc, MAX_MESSAGE, OnUnknown, Question, is_call};
