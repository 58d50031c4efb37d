//! The System Log: what happened, in the shape in which Okta tells it.

use std::collections::VecDeque;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::app::App;
use super::user::User;

/// One event of the System Log. Serialises as Okta's `LogEvent`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LogEvent {
    /// Names the event.
    pub uuid: String,
    /// When it happened, by the server's clock.
    #[serde(serialize_with = "millis")]
    pub published: DateTime<Utc>,
    /// What happened, such as `app.oauth2.as.token.revoke`.
    pub event_type: &'static str,
    /// What did it: a client, a user or the administrator.
    pub actor: LogEntity,
    /// How it went.
    pub outcome: LogOutcome,
    /// What it was done to.
    pub target: Vec<LogEntity>,
    /// The request by which it was done.
    pub transaction: LogTransaction,
    /// Always `0`.
    pub version: &'static str,
    /// Always `INFO` or `WARN`.
    pub severity: &'static str,
}

/// An actor or a target of an event.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LogEntity {
    /// The user id, the client id, the server's id, or a token's `jti`.
    pub id: String,
    /// `User`, `PublicClientApp`, `AppInstance`, `AuthorizationServer`, `access_token` or
    /// `SystemPrincipal`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The login name or the client id.
    pub alternate_id: String,
    /// The name for people.
    pub display_name: String,
    /// More; of a token its `expires`, `subject` and `hash`.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub detail_entry: Value,
}

/// How an event went.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LogOutcome {
    /// `SUCCESS`, `FAILURE`, or `CHALLENGE` where more was asked for, such as a DPoP nonce.
    pub result: &'static str,
    /// Why it failed.
    pub reason: Option<String>,
}

/// The request by which an event came about.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LogTransaction {
    /// `WEB` for requests, `JOB` for what an administrator did through the sandbox's handle.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The `X-Okta-Request-Id` of the request.
    pub id: String,
}

/// An event that is not in the log yet.
pub(crate) struct Entry {
    pub(crate) event_type: &'static str,
    pub(crate) actor: LogEntity,
    pub(crate) target: Vec<LogEntity>,
    pub(crate) result: LogResult,
}

/// How an event went, with the reason where it did not go well.
pub(crate) enum LogResult {
    Success,
    /// More was asked for, such as a DPoP nonce.
    Challenge(String),
    Failure(String),
}

impl LogResult {
    fn outcome(self) -> LogOutcome {
        let (result, reason) = match self {
            Self::Success => ("SUCCESS", None),
            Self::Challenge(reason) => ("CHALLENGE", Some(reason)),
            Self::Failure(reason) => ("FAILURE", Some(reason)),
        };
        LogOutcome { result, reason }
    }
}

/// The event of a server's keys that were rotated.
pub(crate) const KEY_ROLLOVER: &str = "app.oauth2.as.key.rollover";

impl LogEntity {
    pub(crate) fn client(app: &App) -> Self {
        Self::new(&app.client_id, "PublicClientApp", &app.client_id, app.display_name())
    }

    pub(crate) fn app(app: &App) -> Self {
        Self::new(&app.client_id, "AppInstance", &app.client_id, app.display_name())
    }

    pub(crate) fn user(user: &User) -> Self {
        let name = format!("{} {}", user.first_name, user.last_name);
        Self::new(&user.id, "User", &user.login, name.trim())
    }

    pub(crate) fn server(id: &str) -> Self {
        Self::new(id, "AuthorizationServer", id, id)
    }

    pub(crate) fn administrator() -> Self {
        Self::new("sandbox", "SystemPrincipal", "system@okta.com", "Okta System")
    }

    /// A token, named by its `jti` and by the hash under which Okta logs it.
    pub(crate) fn access_token(jti: &str, expires_at: i64, subject: &str, hash: &str) -> Self {
        let expires = DateTime::from_timestamp(expires_at, 0).map(text);
        let mut entity = Self::new(jti, "access_token", "", "Access Token");
        entity.detail_entry = json!({"expires": expires, "subject": subject, "hash": hash});
        entity
    }

    fn new(id: &str, kind: &'static str, alternate_id: &str, display_name: &str) -> Self {
        Self {
            id: id.to_owned(),
            kind,
            alternate_id: alternate_id.to_owned(),
            display_name: display_name.to_owned(),
            detail_entry: Value::Null,
        }
    }
}

/// The log, oldest event first. Each event has a number, which never changes, as its cursor.
#[derive(Default)]
pub(crate) struct SystemLog {
    events: VecDeque<LogEvent>,
    forgotten: usize,
}

impl SystemLog {
    /// How many events are kept.
    const CAPACITY: usize = 10_000;

    /// Adds an event; `request_id` is the request by which it came about, `None` an
    /// administrator's doing.
    pub(crate) fn push(
        &mut self,
        entry: Entry,
        request_id: Option<&str>,
        uuid: String,
        now: DateTime<Utc>,
    ) {
        if self.events.len() == Self::CAPACITY {
            self.events.pop_front();
            self.forgotten += 1;
        }
        let outcome = entry.result.outcome();
        let severity = if outcome.result == "FAILURE" { "WARN" } else { "INFO" };
        let (kind, id) = match request_id {
            Some(id) => ("WEB", id.to_owned()),
            None => ("JOB", uuid.clone()),
        };
        self.events.push_back(LogEvent {
            uuid,
            published: now,
            event_type: entry.event_type,
            actor: entry.actor,
            outcome,
            target: entry.target,
            transaction: LogTransaction { kind, id },
            version: "0",
            severity,
        });
    }

    pub(crate) fn events(&self) -> impl DoubleEndedIterator<Item = &LogEvent> {
        self.events.iter()
    }

    /// The events with their numbers.
    pub(crate) fn numbered(&self) -> impl DoubleEndedIterator<Item = (usize, &LogEvent)> {
        (0..self.events.len()).map(|index| (self.forgotten + index, &self.events[index]))
    }
}

/// A time as Okta writes it.
pub(crate) fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn millis<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*time))
}
