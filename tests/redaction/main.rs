//! No secret shows: not in what types print, not in errors, not in logs, not in URLs.
//!
//! Keys, assertions, tokens, passphrases and DPoP proofs are looked for in whatever the library
//! and everything below it says: while it does its whole job at the sandbox, against peers that
//! send it all back, with keys that cannot be loaded, with DPoP, over TLS, and in every public type.

#[path = "../support/mod.rs"]
mod support;

mod capture;
mod org;
#[macro_use]
mod said;

mod dpop;
#[cfg(feature = "rustls")]
mod hpack;
mod keys;
mod peers;
mod secrets;
#[cfg(feature = "rustls")]
mod tls;
#[cfg(feature = "axum")]
mod types;
mod whole_job;
