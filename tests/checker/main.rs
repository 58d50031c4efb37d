//! The checker and its adapters: how many calls they make, how old their answers are, and what
//! they tell.

#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "sandbox")]
mod custom;
mod script;

#[cfg(feature = "axum")]
mod adapter;
mod answers;
mod cost;
mod coverage;
#[cfg(all(feature = "axum", feature = "prometheus", feature = "sandbox"))]
mod dashboard;
#[cfg(feature = "sandbox")]
mod flood;
#[cfg(feature = "axum")]
mod guard;
#[cfg(feature = "axum")]
mod heads;
mod histories;
mod lies;
mod limits;
#[cfg(feature = "sandbox")]
mod local;
mod log;
mod memory;
mod misses;
mod outage;
mod proofs;
#[cfg(feature = "sandbox")]
mod refresh;
#[cfg(feature = "sandbox")]
mod sandbox;
mod second_level;
#[cfg(feature = "sandbox")]
mod signer;
mod stream;
mod system_log;
#[cfg(feature = "axum")]
mod tools;
mod wounds;
