//! What outlives a command: the record of a running sandbox, and kept service tokens.

pub(crate) mod runtime_folder;
pub(crate) mod token_cache;
