//! Files: reading whole ones within a bound, making ones that belong to this user alone, and telling
//! whether others could have written one.

pub(crate) mod owner;
pub(crate) mod private;
mod read;
mod replace;
mod stdin;

pub(crate) use read::{read, read_all, read_text};
pub(crate) use replace::{Exclusive, replace};
pub(crate) use stdin::stdin;
