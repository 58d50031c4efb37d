//! A store that the instances of a service share: what one has learned of a token, the others
//! need not ask for.
//!
//! A [`SharedStore`] is an engine that people run anyway, such as Redis, by the crate
//! `okta-introspect-redis`. It carries sealed bytes; what they mean is decided here.
//!
//! # What it promises
//!
//! - **The bound does not depend on it.** Whatever fails there, an instance behaves as if alone. The
//!   age of an answer is told by the store's clock, from the end of what is known of it that makes
//!   the answer older: half a round trip at each side, and 500 millionths of the time since the clock
//!   was read. A clock that is set makes a new [`TimeScale`], and answers of another scale are none.
//! - **It can be read and written by others, and no more comes of that than calls.** Names are made
//!   with a secret, and values are sealed with AEGIS-256 and bound to their names. An entry cannot be
//!   made, changed or moved to another token, and one that is brought back is as old as it is.
//!
//! What they can do: throw everything away, or keep instances from sharing. What they learn: how
//! many tokens there are and how often each is asked about, how long answers are, and which orgs
//! these are of.
//!
//! # What it needs
//!
//! Instances that share have the same [`SharedSecret`], and wall clocks that are within ten minutes of
//! each other; ages are not told by these, and are held against them. Where the walls are not within
//! two seconds, an instance that is new shares only what is put once another has watched the store's
//! clock together with it, which takes seconds on a new scale and half a minute at most. A store that evicts what was
//! used least recently is a good one: whatever is missing is asked about.
//!
//! Secrets are changed in three steps, each for all instances before the next: the new one as
//! [`previous`](SharedBuilder::previous) beside the old one, the two exchanged, the new one alone.
//! Names begin with the number of the notation and values with a version, so that instances of
//! several releases pass by what is not for them.

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
pub(crate) use scale::{Scale, Watched};

#[cfg(test)]
mod tests;
