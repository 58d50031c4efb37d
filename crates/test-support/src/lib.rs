//! What the tests of all packages share, and what is about none of them.

mod keys;
mod limit;
mod peer;
mod proof;
pub mod secrets;
pub mod tls;

pub use keys::{p256_key, sha256_hex};
pub use limit::{limited, on_many_threads, on_one_thread, within};
pub use peer::{Act, Peer, Recorded, reply, reply_with};
pub use proof::dpop_proof;
pub use test_support_macros::test;
