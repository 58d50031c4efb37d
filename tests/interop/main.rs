//! Against software that we did not write.
//!
//! Needs `npm ci` and a Python environment in `tests/interop`, so it runs only when asked for: `./tests/all`, or
//! `cargo test --features sandbox --test interop`.

#![allow(clippy::print_stdout)] // versions and figures are there to be read

mod node;
#[cfg(all(feature = "axum", feature = "prometheus"))]
#[path = "../support/packaging/mod.rs"]
mod packaging;
#[cfg(all(feature = "axum", feature = "prometheus"))]
mod prometheus;
mod proxies;
mod python;
#[path = "../support/tokens/mod.rs"]
mod tokens;

#[path = "../support/walk.rs"]
mod walk;

mod clients;
mod mcp;
mod methods;
mod verify;
