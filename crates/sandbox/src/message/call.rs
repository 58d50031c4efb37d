//! One call: the request, where it goes, and when it came.

use chrono::{DateTime, Utc};

use super::request::Request;
use crate::model::authority::Authority;
use crate::model::log::Entry;
use crate::world::World;

/// What an endpoint gets to see.
pub(crate) struct Call<'a> {
    pub(crate) world: &'a World,
    pub(crate) request: &'a Request,
    /// The authorization server that was called; for management endpoints the org server.
    pub(crate) authority: Authority,
    /// The parts of the path for which the route has a name, such as `{id}`.
    pub(crate) parameters: Vec<(&'static str, &'a str)>,
    /// The server's clock when the request came in; one request has one time.
    pub(crate) now: DateTime<Utc>,
}

impl<'a> Call<'a> {
    /// A part of the path that the route names; empty if it names none so.
    pub(crate) fn parameter(&self, name: &str) -> &'a str {
        self.parameters.iter().find(|(own, _)| *own == name).map_or("", |(_, value)| value)
    }

    /// Whether it goes to the token endpoint, to which some rules of its own apply.
    pub(crate) fn is_token_request(&self) -> bool {
        self.request.segments().last() == Some(&"token")
    }

    /// Writes to the System Log that this request did something.
    pub(crate) fn log(&self, entry: Entry) {
        let uuid = self.world.uuid();
        self.world.state().log.push(entry, Some(&self.request.id), uuid, self.now);
    }
}
