//! What the endpoints of the authorization servers decide.

mod client_assertion;
pub(crate) mod client_auth;
mod client_refusal;
pub(crate) mod discovery;
pub(crate) mod dpop;
pub(crate) mod introspect;
pub(crate) mod issue;
mod proof;
pub(crate) mod revoke;
pub(crate) mod signing;
pub(crate) mod token;
