//! The client: calls, tokens, proofs, keys, pace, what it makes of a network that fails, and the
//! local verification of tokens.

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tokens/mod.rs"]
mod tokens;

mod answers;
#[cfg(feature = "sandbox")]
mod authentication;
mod bodies;
mod causes;
#[cfg(feature = "sandbox")]
mod discovery;
mod dpop;
mod faults;
mod foreign_numbers;
mod in_flight;
mod keys;
mod limit;
#[cfg(feature = "sandbox")]
mod methods;
mod outage;
mod pages;
#[cfg(feature = "rustls")]
mod proxies;
#[cfg(feature = "sandbox")]
mod rate_limits;
mod refresh;
#[cfg(unix)]
mod rotation;
#[cfg(feature = "sandbox")]
mod server_time;
#[cfg(feature = "rustls")]
mod tls;
mod token_source;
mod token_store;
mod verify;
#[cfg(feature = "sandbox")]
#[path = "../support/walk.rs"]
mod walk;
