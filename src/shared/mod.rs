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

mod store;

pub use store::{
    Commit, EntryId, Lead, Leadership, MAX_VALUE, STREAM_LENGTH, SharedStore, StoreTime,
    StreamPage, StreamPosition, TimeScale,
};
