//! The management API, as far as clients need it to see their tokens work: who may use it, and
//! what its endpoints decide.

pub(crate) mod access;
pub(crate) mod apps;
pub(crate) mod logs;
mod page;
pub(crate) mod users;
