//! Files: reading whole ones within a bound, and making ones that belong to this user alone.

pub(crate) mod private;
mod read;

pub(crate) use read::{read, read_all, read_text};
