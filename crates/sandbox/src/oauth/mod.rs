//! What the endpoints of the authorization servers decide.

pub(crate) mod client_auth;
pub(crate) mod discovery;
pub(crate) mod dpop;
pub(crate) mod introspect;
pub(crate) mod issue;
mod proof;
mod refresh;
pub(crate) mod revoke;
pub(crate) mod signing;
pub(crate) mod token;
