//! What is asked of an authorization server: tokens, introspection, revocation, and its metadata.

pub(crate) mod claimed_issuer;
pub(crate) mod introspect;
pub mod metadata;
pub(crate) mod revoke;
pub(crate) mod token;
