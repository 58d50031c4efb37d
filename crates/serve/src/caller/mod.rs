//! Who may call the sidecar, and how much each caller may ask.
//!
//! RFC 7662 §2.1 demands that callers are authenticated, or anybody could try tokens out. A caller's
//! flood is paid for by that caller: each has budgets of its own.

mod budget;
mod callers;
mod credentials;
mod peer;
mod refused;
mod secret_hash;

pub use budget::{Caller, Limits, MAX_PER_SECOND};
pub use callers::{Callers, CallersBuilder, DEFAULT_ATTEMPTS_PER_SECOND};
pub use credentials::{CALLER_KEY, MAX_SECRET};
pub use peer::Peer;
pub use refused::Refused;
pub use secret_hash::SecretHash;

#[cfg(test)]
mod tests;
