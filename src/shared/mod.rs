//! A store that the instances of a service share: what one has learned of a token, the others
//! need not ask for.
//!
//! A [`SharedStore`] is an engine that people run anyway, such as Redis, by the crate
//! `okta-introspect-redis`. It carries sealed bytes; what they mean is decided here.
//!
//! # What it promises
//!
//! - **The bound does not depend on it.** Whatever fails there, an instance behaves as if alone; and
//!   no age is told by a clock that it could set back unseen.
//! - **It can be read and written by others, and no more comes of that than calls.** Names are
//!   made with a secret, values are sealed and bound to their names.

// Until the checker and the stream use it.
#![allow(dead_code, unused_imports)]

mod budget;
mod entry;
mod handle;
mod in_process;
mod level;
mod metrics;
mod org;
#[cfg(feature = "prometheus")]
mod prometheus;
mod scale;
mod seal;
mod secret;
mod store;
mod time;

pub use handle::{Shared, SharedBuilder};
pub use in_process::InProcessStore;
pub use metrics::SharedMetrics;
pub use secret::SharedSecret;
pub use store::{
    Commit, EntryId, Lead, Leadership, MAX_VALUE, STREAM_LENGTH, SharedStore, StoreTime,
    StreamPage, StreamPosition, TimeScale,
};

pub(crate) use level::{Answer, CLAIM, Claim};
pub(crate) use org::{Asker, EntryName, Org};
pub(crate) use scale::Scale;

#[cfg(test)]
mod tests;
