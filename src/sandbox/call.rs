//! One call: the request, where it goes, and when it came.

use chrono::{DateTime, Utc};
use hyper::Method;
use hyper::StatusCode;

use super::answer::Refusal;
use super::authority::Authority;
use super::log::Entry;
use super::request::Request;
use super::server::Shared;

/// What an endpoint gets to see.
pub(super) struct Call<'a> {
    pub(super) sandbox: &'a Shared,
    pub(super) request: &'a Request,
    /// The authorization server that was called; for management endpoints the org server.
    pub(super) authority: Authority,
    /// The server's clock when the request came in; one request has one time.
    pub(super) now: DateTime<Utc>,
}

impl Call<'_> {
    /// Refuses other methods than `method`.
    pub(super) fn expect_method(&self, method: &Method) -> Result<(), Refusal> {
        if self.request.method == *method {
            return Ok(());
        }
        Err(Refusal::api(
            StatusCode::METHOD_NOT_ALLOWED,
            "E0000022",
            "The endpoint does not support the provided HTTP method",
        ))
    }

    /// Whether it goes to the token endpoint, to which some rules of its own apply.
    pub(super) fn is_token_request(&self) -> bool {
        self.request.segments().last() == Some(&"token")
    }

    /// Writes to the System Log that this request did something.
    pub(super) fn log(&self, mut entry: Entry) {
        entry.request_id = Some(self.request.id.clone());
        let uuid = self.sandbox.uuid();
        self.sandbox.state().log.push(entry, uuid, self.now);
    }
}
