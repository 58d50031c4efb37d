//! What decides about requests.

use super::question::Question;
use super::reply::Answer;
use super::unread::Unread;

/// What decides about requests.
///
/// # Example: a service that lets nothing through that it has no word of
///
/// ```
/// use std::sync::Arc;
/// use http::StatusCode;
/// use okta_introspect_serve::{Answer, Authorize, Denial, Grpc, MAX_MESSAGE, OnUnknown, Question};
/// use okta_introspect_serve::UnreadCheck;
///
/// struct Closed;
///
/// impl Authorize for Closed {
///     async fn authorize(&self, _: Question<'_>) -> Answer {
///         Answer::No(Denial::new(StatusCode::FORBIDDEN))
///     }
///
///     fn unread(&self, why: UnreadCheck) {
///         eprintln!("denied: {why}");
///     }
///
///     fn is_ready(&self) -> bool {
///         true
///     }
/// }
///
/// let service = Grpc::new(Arc::new(Closed), OnUnknown::Deny, MAX_MESSAGE);
/// ```
pub trait Authorize: Send + Sync + 'static {
    /// Decides about a request. The future is dropped when the proxy is about to wait no longer.
    fn authorize(&self, question: Question<'_>) -> impl Future<Output = Answer> + Send;

    /// Hears of a call that has no question that can be read, and is denied. Clients can bring that
    /// about: count it, and bound what is written of it.
    fn unread(&self, why: Unread);

    /// Whether new calls are welcome: what the health check says.
    fn is_ready(&self) -> bool;
}
