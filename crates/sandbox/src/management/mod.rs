//! The management API, as far as clients need it to see their tokens work: its access control, and
//! what its endpoints decide.

pub(crate) mod access;
pub(crate) mod app_keys;
pub(crate) mod app_secrets;
pub(crate) mod apps;
mod filter;
mod found;
pub(crate) mod groups;
mod keywords;
pub(crate) mod logs;
mod page;
pub(crate) mod users;
