//! What the tests of all packages share, and what is about none of them.

mod limit;

pub use limit::{limited, on_many_threads, on_one_thread, within};
pub use test_support_macros::test;
