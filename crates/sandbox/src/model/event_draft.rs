//! Events that a test has written, whatever happened.

use serde_json::Map;

use super::event::{Entry, LogEntity, LogResult};
use super::event_type::EventType;
use super::state::State;
use super::tokens::TokenKind;

/// An event for the System Log of which nothing else comes; see
/// [`Sandbox::write_event`](crate::Sandbox::write_event).
///
/// Ids that the sandbox does not have are taken as they are.
///
/// ```
/// use okta_sandbox::EventDraft;
///
/// let reuse = EventDraft::new("app.oauth2.token.detect_reuse").user("00u1ada").by_client("0oa1service");
/// let refused = EventDraft::new("user.lifecycle.suspend").user("00u1ada").failed("no permission");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct EventDraft {
    event_type: &'static str,
    actor: Option<String>,
    targets: Vec<Target>,
    failure: Option<String>,
}

/// What an event is about.
#[derive(Clone, Debug)]
enum Target {
    User(String),
    Client(String),
    Server(String),
    Entity(LogEntity),
}

impl EventDraft {
    /// A successful event of this type, such as `oauth2.as.deactivated`, by an administrator and
    /// without a target.
    pub fn new(event_type: &'static str) -> Self {
        Self { event_type, actor: None, targets: Vec::new(), failure: None }
    }

    /// Has this client as its actor.
    pub fn by_client(mut self, client_id: impl Into<String>) -> Self {
        self.actor = Some(client_id.into());
        self
    }

    /// Adds the user with this id to its targets.
    pub fn user(self, id: impl Into<String>) -> Self {
        self.target(Target::User(id.into()))
    }

    /// Adds this client's app to its targets.
    pub fn client(self, client_id: impl Into<String>) -> Self {
        self.target(Target::Client(client_id.into()))
    }

    /// Adds the custom server with this id to its targets.
    pub fn server(self, id: impl Into<String>) -> Self {
        self.target(Target::Server(id.into()))
    }

    /// Adds an access token to its targets, with its `jti` and the standard Base64 of its SHA-256,
    /// either of which may be empty, as Okta's logs have it at times.
    pub fn token(self, jti: &str, hash: &str) -> Self {
        self.target(Target::Entity(LogEntity::token(TokenKind::Access, jti, 0, "", hash)))
    }

    /// Gives it the outcome `FAILURE`, for this reason.
    pub fn failed(mut self, reason: impl Into<String>) -> Self {
        self.failure = Some(reason.into());
        self
    }

    pub(crate) fn entry(self, state: &State) -> Entry {
        let target = self.targets.into_iter().map(|target| match target {
            Target::User(id) => {
                let stranger = || LogEntity::stranger(&id, "User");
                state.user(&id).map_or_else(stranger, LogEntity::user)
            }
            Target::Client(id) => {
                let stranger = || LogEntity::stranger(&id, "AppInstance");
                state.app(&id).map_or_else(stranger, |app| LogEntity::app(&app))
            }
            Target::Server(id) => LogEntity::server(&id),
            Target::Entity(entity) => entity,
        });
        let by_client = |id: String| {
            let stranger = || LogEntity::stranger(&id, "PublicClientApp");
            state.app(&id).map_or_else(stranger, |app| LogEntity::client(&app))
        };
        Entry {
            event_type: EventType::told(self.event_type),
            target: target.collect(),
            actor: self.actor.map_or_else(LogEntity::administrator, by_client),
            result: self.failure.map_or(LogResult::Success, LogResult::Failure),
            debug: Map::new(),
        }
    }

    fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }
}
