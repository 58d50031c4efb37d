//! One call: the request, where it goes, and when it came.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Map;

use super::request::Request;
use crate::model::app::App;
use crate::model::authority::Authority;
use crate::model::event::{Entry, LogEntity, LogResult};
use crate::model::event_type::EventType;
use crate::world::World;

/// What an endpoint gets to see.
pub(crate) struct Call<'a> {
    pub(crate) world: &'a World,
    pub(crate) request: &'a Request,
    /// The authorization server that was called; for management endpoints the org server.
    pub(crate) authority: Authority,
    /// The parts of the path for which the route has a name, such as `{id}`.
    pub(crate) parameters: Vec<(&'static str, &'a str)>,
    /// The app whose access token came with a call of the management API.
    pub(crate) caller: Option<Arc<App>>,
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
        self.world.log(entry, Some(&self.request.origin()));
    }

    /// Writes to the System Log what the app that called the management API has changed.
    pub(crate) fn log_change(&self, event_type: EventType, target: Vec<LogEntity>) {
        let actor = self.caller.as_deref().map_or_else(LogEntity::administrator, LogEntity::client);
        let (result, debug) = (LogResult::Success, Map::new());
        self.log(Entry { event_type, actor, target, result, debug });
    }
}
