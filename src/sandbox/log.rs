//! The System Log: what happened, in the shape in which Okta tells it.

use std::collections::VecDeque;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::dpop::USE_NONCE;
use super::seed::{App, User};

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
    /// Who did it.
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

/// Somebody or something in an event.
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
pub(super) struct Entry {
    pub(super) event_type: &'static str,
    pub(super) actor: LogEntity,
    pub(super) target: Vec<LogEntity>,
    /// Why it failed; `None` is success.
    pub(super) failure: Option<String>,
    /// The request by which it was done; `None` is an administrator's doing.
    pub(super) request_id: Option<String>,
}

impl LogEntity {
    pub(super) fn client(app: &App) -> Self {
        Self::new(&app.client_id, "PublicClientApp", &app.client_id, app.display_name())
    }

    pub(super) fn app(app: &App) -> Self {
        Self::new(&app.client_id, "AppInstance", &app.client_id, app.display_name())
    }

    pub(super) fn user(user: &User) -> Self {
        let name = format!("{} {}", user.first_name, user.last_name);
        Self::new(&user.id, "User", &user.login, name.trim())
    }

    pub(super) fn server(id: &str) -> Self {
        Self::new(id, "AuthorizationServer", id, id)
    }

    pub(super) fn administrator() -> Self {
        Self::new("sandbox", "SystemPrincipal", "system@okta.com", "Okta System")
    }

    /// A token, named by its `jti` and by the hash under which Okta logs it.
    pub(super) fn access_token(jti: &str, expires_at: i64, subject: &str, hash: &str) -> Self {
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
pub(super) struct SystemLog {
    events: VecDeque<LogEvent>,
    forgotten: usize,
}

impl SystemLog {
    /// How many events are kept.
    const CAPACITY: usize = 10_000;

    pub(super) fn push(&mut self, entry: Entry, uuid: String, now: DateTime<Utc>) {
        if self.events.len() == Self::CAPACITY {
            self.events.pop_front();
            self.forgotten += 1;
        }
        let result = match entry.failure.as_deref() {
            None => "SUCCESS",
            Some(USE_NONCE) => "CHALLENGE",
            Some(_) => "FAILURE",
        };
        let (kind, id) = match entry.request_id {
            Some(id) => ("WEB", id),
            None => ("JOB", uuid.clone()),
        };
        self.events.push_back(LogEvent {
            uuid,
            published: now,
            event_type: entry.event_type,
            actor: entry.actor,
            outcome: LogOutcome { result, reason: entry.failure },
            target: entry.target,
            transaction: LogTransaction { kind, id },
            version: "0",
            severity: if result == "FAILURE" { "WARN" } else { "INFO" },
        });
    }

    pub(super) fn events(&self) -> impl DoubleEndedIterator<Item = &LogEvent> {
        self.events.iter()
    }

    /// The events with their numbers.
    pub(super) fn numbered(&self) -> impl DoubleEndedIterator<Item = (usize, &LogEvent)> {
        (0..self.events.len()).map(|index| (self.forgotten + index, &self.events[index]))
    }
}

/// A time as Okta writes it.
pub(super) fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn millis<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*time))
}
