//! Local verification: signatures, claims, and the keys that are fetched for them.

mod claims;
mod fuzz_corpus;
mod kinds;
mod outage;
mod rfc_examples;
mod rotation;
#[cfg(feature = "sandbox")]
mod sandbox;
mod signatures;
mod times;
mod verifiers;
