//! What outlives a command: the record of a running sandbox, kept service tokens, and users' refresh
//! tokens.

pub(crate) mod refresh_token;
pub(crate) mod runtime_folder;
pub(crate) mod token_cache;
