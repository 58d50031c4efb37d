//! Files: reading whole ones within a bound, making ones that belong to this user alone, and telling
//! whether others could have written one.

pub mod owner;
pub mod private;
mod read;
mod replace;
mod stdin;

pub(crate) use read::read_text;
pub use read::{read, read_all};
pub use replace::{Exclusive, Readers, rename, replace};
pub use stdin::stdin;
