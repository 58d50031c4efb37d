//! The events of the System Log, in the shape in which Okta tells them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::app::App;
use super::event_type::EventType;
use super::user::User;

/// One event of the System Log. Serialises as Okta's `LogEvent`, with all its members.
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
    /// The name of that in Okta's Events API of old, where it is known.
    pub legacy_event_type: Option<&'static str>,
    /// What happened, for people.
    pub display_message: &'static str,
    /// What did it: a client, a user or the administrator.
    pub actor: LogEntity,
    /// From where it was done: among others `ipAddress` and `userAgent`.
    pub client: Value,
    /// The addresses on the way of the request, as `ipChain`.
    pub request: Value,
    /// How it went.
    pub outcome: LogOutcome,
    /// What it was done to; of a user's token first the user.
    pub target: Vec<LogEntity>,
    /// The request by which it was done.
    pub transaction: LogTransaction,
    /// More, as `debugData`: of requests `requestId`, `requestUri` and `url`, of token requests
    /// also `clientAuthType`, `grantType`, `requestedScopes` and `grantedScopes`.
    pub debug_context: Value,
    /// How the actor had signed in. Nothing here knows of that.
    pub authentication_context: Value,
    /// What Okta knows of the network. Nothing here knows of that.
    pub security_context: Value,
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
    /// `User`, `PublicClientApp`, `AppInstance`, `AuthorizationServer`, `access_token`,
    /// `UserGroup`, `Public Key`, `URL Pattern` or `SystemPrincipal`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The login name or the client id. A token has none.
    pub alternate_id: Option<String>,
    /// The name for people.
    pub display_name: String,
    /// More; of a token its `expires`, `subject` and `hash`.
    pub detail_entry: Value,
}

/// How an event went.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LogOutcome {
    /// `SUCCESS`, `FAILURE`, `RATE_LIMIT`, or `CHALLENGE` where more was asked for, such as a DPoP
    /// nonce.
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
    /// More. Always empty.
    pub detail: Value,
}

/// An event that is not in the log yet.
pub(crate) struct Entry {
    pub(crate) event_type: EventType,
    pub(crate) actor: LogEntity,
    pub(crate) target: Vec<LogEntity>,
    pub(crate) result: LogResult,
    /// What goes into `debugData` besides what is known of the request.
    pub(crate) debug: Map<String, Value>,
}

/// How an event went, with the reason where it did not go well.
pub(crate) enum LogResult {
    Success,
    /// More was asked for, such as a DPoP nonce.
    Challenge(String),
    Failure(String),
    RateLimit,
}

/// What is known of the request by which an event came about.
pub(crate) struct Origin {
    pub(crate) request_id: String,
    pub(crate) path: String,
    /// The address of the client.
    pub(crate) ip: String,
    pub(crate) user_agent: Option<String>,
}

impl LogEvent {
    /// The event of an entry; without an origin it is an administrator's doing.
    pub(crate) fn new(
        entry: Entry,
        origin: Option<&Origin>,
        uuid: String,
        now: DateTime<Utc>,
    ) -> Self {
        let outcome = entry.result.outcome();
        let severity = match outcome.result {
            "FAILURE" | "RATE_LIMIT" => "WARN",
            _ => "INFO",
        };
        let (kind, id) = match origin {
            Some(origin) => ("WEB", origin.request_id.clone()),
            None => ("JOB", uuid.clone()),
        };
        Self {
            uuid,
            published: now,
            event_type: entry.event_type.id,
            legacy_event_type: entry.event_type.legacy,
            display_message: entry.event_type.message,
            client: client(origin, &entry.actor),
            request: json!({"ipChain": origin.map(address).into_iter().collect::<Vec<_>>()}),
            actor: entry.actor,
            outcome,
            target: entry.target,
            transaction: LogTransaction { kind, id, detail: json!({}) },
            debug_context: json!({"debugData": debug_data(entry.debug, origin)}),
            authentication_context: authentication_context(),
            security_context: security_context(),
            version: "0",
            severity,
        }
    }
}

impl LogResult {
    fn outcome(self) -> LogOutcome {
        let (result, reason) = match self {
            Self::Success => ("SUCCESS", None),
            Self::Challenge(reason) => ("CHALLENGE", Some(reason)),
            Self::Failure(reason) => ("FAILURE", Some(reason)),
            Self::RateLimit => ("RATE_LIMIT", None),
        };
        LogOutcome { result, reason }
    }
}

impl LogEntity {
    pub(crate) fn client(app: &App) -> Self {
        Self::new(&app.client_id, CLIENT, Some(&app.client_id), app.display_name())
    }

    /// A client that named no app of the org.
    pub(crate) fn unknown_client() -> Self {
        Self::new("unknown", CLIENT, Some("unknown"), "unknown")
    }

    pub(crate) fn app(app: &App) -> Self {
        Self::new(&app.client_id, "AppInstance", Some(&app.client_id), app.display_name())
    }

    pub(crate) fn user(user: &User) -> Self {
        let name = user.full_name().unwrap_or_else(|| user.login.clone());
        Self::new(&user.id, "User", Some(&user.login), &name)
    }

    /// What the org does not have.
    pub(crate) fn stranger(id: &str, kind: &'static str) -> Self {
        Self::new(id, kind, Some("unknown"), id)
    }

    pub(crate) fn server(id: &str) -> Self {
        Self::new(id, "AuthorizationServer", Some(id), id)
    }

    pub(crate) fn group(id: &str, name: &str) -> Self {
        Self::new(id, "UserGroup", Some("unknown"), name)
    }

    pub(crate) fn key(id: &str, key_id: Option<&str>) -> Self {
        Self::new(id, "Public Key", key_id, key_id.unwrap_or(id))
    }

    pub(crate) fn secret(id: &str) -> Self {
        Self::new(id, "Client Secret", None, id)
    }

    /// The paths that share a rate limit.
    pub(crate) fn paths(pattern: &str) -> Self {
        Self::new(pattern, "URL Pattern", Some(pattern), pattern)
    }

    pub(crate) fn administrator() -> Self {
        Self::new("sandbox", "SystemPrincipal", Some("system@okta.com"), "Okta System")
    }

    /// A token, named by its `jti` and by the hash under which Okta logs it.
    pub(crate) fn access_token(jti: &str, expires_at: i64, subject: &str, hash: &str) -> Self {
        let expires = DateTime::from_timestamp(expires_at, 0).map(text);
        let mut entity = Self::new(jti, "access_token", None, "Access Token");
        entity.detail_entry = json!({"expires": expires, "subject": subject, "hash": hash});
        entity
    }

    fn new(id: &str, kind: &'static str, alternate_id: Option<&str>, display_name: &str) -> Self {
        Self {
            id: id.to_owned(),
            kind,
            alternate_id: alternate_id.map(str::to_owned),
            display_name: display_name.to_owned(),
            detail_entry: Value::Null,
        }
    }
}

/// The type of a client among actors.
const CLIENT: &str = "PublicClientApp";

fn client(origin: Option<&Origin>, actor: &LogEntity) -> Value {
    let agent = |origin: &Origin| {
        let raw = cut(origin.user_agent.as_deref().unwrap_or("unknown"));
        json!({"rawUserAgent": raw, "os": "Unknown", "browser": "UNKNOWN"})
    };
    json!({
        "userAgent": origin.map(agent),
        "zone": "null",
        "device": origin.map(|_| "Unknown"),
        "id": origin.filter(|_| actor.kind == CLIENT).map(|_| &actor.id),
        "ipAddress": origin.map(|origin| &origin.ip),
        "geographicalContext": null,
    })
}

fn address(origin: &Origin) -> Value {
    let version = if origin.ip.contains(':') { "V6" } else { "V4" };
    json!({"ip": origin.ip, "geographicalContext": null, "version": version, "source": null})
}

fn debug_data(mut data: Map<String, Value>, origin: Option<&Origin>) -> Map<String, Value> {
    if let Some(origin) = origin {
        data.insert("requestId".to_owned(), origin.request_id.as_str().into());
        let path = cut(&origin.path);
        data.insert("requestUri".to_owned(), path.into());
        // Okta leaves the query out: what stands in it by mistake may be a secret.
        data.insert("url".to_owned(), format!("{path}?").into());
    }
    for value in data.values_mut() {
        if let Some(short) = value.as_str().map(cut).filter(|short| Some(*short) != value.as_str())
        {
            *value = short.to_owned().into();
        }
    }
    data
}

/// What a client sent, as far as the log keeps it: requests without credentials are told as well.
fn cut(text: &str) -> &str {
    const MAX_BYTES: usize = 1024;
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn authentication_context() -> Value {
    json!({
        "authenticationProvider": null,
        "credentialProvider": null,
        "credentialType": null,
        "issuer": null,
        "interface": null,
        "authenticationStep": 0,
        "externalSessionId": "unknown",
    })
}

fn security_context() -> Value {
    json!({"asNumber": null, "asOrg": null, "isp": null, "domain": null, "isProxy": null})
}

/// A time as Okta writes it.
pub(crate) fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn millis<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*time))
}
