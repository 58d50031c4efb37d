//! Envoy's external authorization over gRPC: `envoy.service.auth.v3.Authorization/Check`, on the port
//! where HTTP is served too.
//!
//! A proxy takes a call that fails for "not known", and may have been told to let requests through then.
//! So whatever a client can bring about is answered with a `CheckResponse` that denies, as an HTTP
//! response: a message that is too large or cannot be read, a path without a slash, and an authorization
//! server that does not answer. Calls fail only by the proxy's own doing, such as one from a filter that
//! knows nothing of HTTP.

mod authorize;
mod deadline;
mod generated;
mod health;
mod question;
mod reply;
mod service;
#[cfg(test)]
mod tests;
mod unread;
#[cfg(test)]
mod wire_tests;

pub use authorize::Authorize;
pub use question::Question;
pub use reply::{Answer, Denial, OnUnknown};
pub(crate) use service::has_calls_below;
pub use service::{Grpc, MAX_MESSAGE, is_call};
pub use unread::Unread;
