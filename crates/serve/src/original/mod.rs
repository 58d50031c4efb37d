//! Which request the proxy asks about: method, host and target as the client sent them.
//!
//! Each [`Mode`] has one source and never falls back to another, since a proxy leaves the headers of
//! every other source to the client. What was read is checked before anything is joined or looked up.

mod checks;
mod mode;
mod origins;
mod read;
mod trusted;
mod unread;

pub(crate) use checks::checked_host;
pub use checks::{MAX_METHOD, Original};
pub use mode::Mode;
pub(crate) use origins::checked_prefix;
pub use origins::{Origin, Origins};
pub use trusted::TrustedPeers;
pub use unread::{Malformed, Misconfigured, Unread};

#[cfg(test)]
mod tests;
