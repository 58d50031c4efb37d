//! Local verification: signatures, claims, and the keys that are fetched for them.

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tokens/mod.rs"]
mod tokens;

mod claims;
mod fuzz_corpus;
mod outage;
mod rfc_examples;
mod rotation;
#[cfg(feature = "sandbox")]
mod sandbox;
mod signatures;
