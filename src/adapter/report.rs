//! Makes refusals known: to the log, and to the service's own hook.

use std::fmt;
use std::sync::Arc;

use super::bearer::credentials;
use super::challenge::{Cause, Rejection};
use super::head::RequestHead;
use crate::checker::{AudienceFault, Reason};
use crate::secret::fingerprint;

/// A function of the service's own.
#[derive(Clone)]
pub(super) struct Hook(Arc<Call>);

type Call = dyn Fn(&Rejection, &RequestHead<'_>) + Send + Sync;

impl Hook {
    pub(super) fn new(hook: impl Fn(&Rejection, &RequestHead<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    pub(super) fn call(&self, rejection: &Rejection, head: &RequestHead<'_>) {
        (self.0)(rejection, head);
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// One event for each refusal. Nothing is computed for it where nobody listens.
pub(super) fn log<'a>(
    rejection: &Rejection,
    head: &RequestHead<'_>,
    issuer: impl Fn() -> Option<&'a str>,
) {
    let error = match rejection.cause() {
        Cause::Unknown(error) => Some(tracing::field::display(error)),
        _ => None,
    };
    tracing::info!(
        reason = rejection.reason(),
        status = rejection.status().as_u16(),
        method = head.method().as_str(),
        route = head.place(),
        issuer = issuer(),
        token = credentials(head.headers()).token().map(fingerprint),
        error,
        detail = detail(rejection),
        "a request is not let in"
    );
}

/// What the reason's name does not say already.
fn detail(rejection: &Rejection) -> Option<String> {
    let says_more = match rejection.cause() {
        Cause::Denied(denied) => {
            let near = Reason::Audience(AudienceFault::TrailingSlash);
            *denied.reason() == near || rejection.names_audience()
        }
        Cause::Body(_) => true,
        _ => false,
    };
    says_more.then(|| rejection.to_string())
}
