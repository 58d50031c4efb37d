//! What the server knows. Pure: time, randomness and identifiers come in as arguments, and nothing
//! here reads or writes anything.

pub(crate) mod app;
pub(crate) mod app_key;
pub(crate) mod as_token;
pub(crate) mod authority;
pub(crate) mod channel_faults;
pub(crate) mod client_secret;
pub(crate) mod custom_server;
pub(crate) mod event;
pub(crate) mod event_draft;
pub(crate) mod event_type;
pub(crate) mod grant;
pub(crate) mod group;
mod key_ring;
pub(crate) mod limits;
pub(crate) mod log;
pub(crate) mod log_lag;
pub(crate) mod nonces;
pub(crate) mod recorded;
mod records;
pub(crate) mod replay;
pub(crate) mod scopes;
pub(crate) mod seed;
pub(crate) mod sign_in;
pub(crate) mod state;
pub(crate) mod tokens;
pub(crate) mod tokens_of;
pub(crate) mod user;
