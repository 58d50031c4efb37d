//! Okta's `LogEvent`, as the System Log, event hooks and Amazon EventBridge bring it.

#[cfg(test)]
mod tests;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{Deserialize, Deserializer, MapAccess};

use super::event_type::{self, Naming};
use super::signal::{Signal, SourceKind, Subject};
use super::tolerant::{List, Members, Object, Text, skip};

/// One event of Okta's System Log, as far as it is of use here.
///
/// It is read so that nothing is lost: members that are unknown, or of no use, may be anything. Of
/// an event that could be about tokens and does not say which, [`signal`](Self::signal) names
/// everything.
///
/// # Example: what does it name?
///
/// ```
/// use okta_introspect::signals::{LogEvent, SourceKind, Subject};
///
/// let event = r#"{"uuid": "e1", "eventType": "user.lifecycle.suspend",
///     "outcome": {"result": "SUCCESS"}, "target": [{"type": "User", "id": "00u1"}]}"#;
/// let event: LogEvent = serde_json::from_str(event)?;
/// let signal = event.signal(SourceKind::EventHook).expect("it is about tokens");
/// let user = Subject::User { id: Some("00u1".to_owned()), logins: Vec::new() };
/// assert_eq!((signal.id.as_str(), signal.subjects), ("e1", vec![user]));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct LogEvent {
    read: Option<Read>,
}

/// What was read of an event.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Read {
    uuid: Text,
    event_type: Text,
    published: Text,
    outcome: Object<Outcome>,
    actor: Object<Entity>,
    targets: List<Object<Entity>, { LogEvent::MAX_TARGETS }>,
    seen: Seen,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Outcome {
    result: Text,
    seen: Seen,
}

/// An actor or a target.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Entity {
    id: Text,
    kind: Text,
    alternate_id: Text,
    detail: Object<Detail>,
    seen: Seen,
}

/// What is told of a token.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Detail {
    hash: Text,
    subject: Text,
    seen: Seen,
}

/// Which members an object had, by their places, and whether it had one twice: two readers could
/// then see two different things.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Seen {
    members: u8,
    twice: bool,
}

impl Seen {
    fn note(&mut self, place: u8) {
        let member = 1 << place;
        self.twice |= self.members & member != 0;
        self.members |= member;
    }
}

impl LogEvent {
    /// More targets than an event has that concerns some tokens; one that has more names everything.
    pub const MAX_TARGETS: usize = 64;

    /// Whether it is an event at all: an object with a type.
    pub fn is_readable(&self) -> bool {
        self.read.as_ref().is_some_and(|read| read.event_type.0.is_some() && !read.seen.twice)
    }

    /// What tells it from all other events.
    pub fn uuid(&self) -> Option<&str> {
        self.read.as_ref()?.uuid.0.as_deref()
    }

    /// What happened, such as `app.oauth2.as.token.revoke`.
    pub fn event_type(&self) -> Option<&str> {
        self.read.as_ref()?.event_type.0.as_deref()
    }

    /// When it happened, by Okta's clock.
    pub fn published(&self) -> Option<DateTime<Utc>> {
        let text = self.read.as_ref()?.published.0.as_deref()?;
        DateTime::parse_from_rfc3339(text).ok().map(Into::into)
    }

    /// What the event means for tokens; `None` if it is not about any, or if what it tells of did
    /// not happen. What is [no event](Self::is_readable) may have been about any token.
    pub fn signal(&self, source: SourceKind) -> Option<Signal> {
        let subjects = self.subjects()?;
        let kind = self.event_type().unwrap_or(Self::UNREADABLE);
        let signal = Signal::new(source, kind, subjects).at(self.published());
        Some(signal.id(self.uuid().unwrap_or_default()))
    }

    /// The kind of signals of what is no event.
    pub const UNREADABLE: &str = "unreadable";

    fn subjects(&self) -> Option<Vec<Subject>> {
        let Some(read) = self.read.as_ref().filter(|_| self.is_readable()) else {
            return Some(vec![Subject::Everything]);
        };
        let naming = event_type::naming(self.event_type()?)?;
        // Of a reuse, the outcome may be that of the request, which fails because tokens end.
        if read.did_not_happen() && naming != Naming::Family {
            return None;
        }
        let subjects = read.named(naming);
        let is_told = !subjects.is_empty() && !read.is_odd();
        Some(if is_told { subjects } else { vec![Subject::Everything] })
    }
}

impl Read {
    /// Whether the outcome is one of those with which nothing was done. One that is missing, or
    /// new, is no reason to overlook the event.
    fn did_not_happen(&self) -> bool {
        let outcome = self.outcome.0.as_ref().filter(|outcome| !outcome.seen.twice);
        let result = outcome.and_then(|outcome| outcome.result.0.as_deref());
        let undone =
            ["FAILURE", "DENY", "CHALLENGE", "SKIPPED", "RATE_LIMIT", "ABANDONED", "UNANSWERED"];
        result.is_some_and(|result| undone.contains(&result))
    }

    /// Whether the targets are not all there, or not to be trusted.
    fn is_odd(&self) -> bool {
        self.targets.is_short || self.entities().any(Entity::is_odd)
    }

    fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.targets.items.iter().filter_map(|target| target.0.as_ref())
    }

    fn named(&self, naming: Naming) -> Vec<Subject> {
        let first = |choices: &[&dyn Fn() -> Vec<Subject>]| {
            choices.iter().map(|choice| choice()).find(|named| !named.is_empty())
        };
        let users = || self.users(false);
        let clients = || self.clients();
        let servers = || self.servers();
        let named = match naming {
            Naming::Tokens => return self.tokens(),
            Naming::Family => return [self.tokens(), self.owner()].concat(),
            Naming::Session => return self.users(true),
            Naming::Consent => first(&[&users, &clients, &servers]),
            Naming::User => first(&[&users]),
            Naming::Client => first(&[&clients]),
            Naming::Server => first(&[&servers]),
        };
        named.unwrap_or_default()
    }

    /// The tokens among the targets. Where those names are not certain to be the ones that an
    /// introspection tells, and where a refresh token takes its access tokens along, also the user
    /// or else the client.
    fn tokens(&self) -> Vec<Subject> {
        let mut are_certain = true;
        let mut tokens = Vec::new();
        for target in self.entities() {
            let Some(kind) = target.kind.0.as_deref().filter(|kind| is_token(kind)) else {
                continue;
            };
            let (jti, hash) = (target.id.0.clone(), target.hash().map(str::to_owned));
            let is_jti = jti.as_deref().is_some_and(|id| id.starts_with("AT."));
            are_certain &= kind.eq_ignore_ascii_case("access_token") && (is_jti || hash.is_some());
            if jti.is_some() || hash.is_some() {
                tokens.push(Subject::Token { jti, hash });
            }
        }
        if tokens.is_empty() || !are_certain {
            tokens.extend(self.owner());
        }
        tokens
    }

    /// The user of a token, or else its client.
    fn owner(&self) -> Vec<Subject> {
        let users = self.users(false);
        if !users.is_empty() {
            return users;
        }
        let subject = |target: &Entity| target.detail.0.as_ref()?.subject.0.clone();
        match self.entities().find_map(subject) {
            // A `uid` or a login: which of them is not documented.
            Some(text) => vec![
                Subject::User { id: Some(text.clone()), logins: Vec::new() },
                Subject::User { id: None, logins: vec![text] },
            ],
            None => self.clients(),
        }
    }

    fn users(&self, or_actor: bool) -> Vec<Subject> {
        let actor = self.actor.0.as_ref().filter(|_| or_actor);
        let users = self.entities().chain(actor).filter_map(Entity::user);
        users.collect()
    }

    /// The clients among the targets, or else the one that did it.
    fn clients(&self) -> Vec<Subject> {
        let client = |entity: &Entity| {
            entity.id.0.clone().filter(|id| entity.is_client(id)).map(Subject::Client)
        };
        let clients: Vec<_> = self.entities().filter_map(client).collect();
        match clients.is_empty() {
            true => self.actor.0.as_ref().and_then(client).into_iter().collect(),
            false => clients,
        }
    }

    fn servers(&self) -> Vec<Subject> {
        let server = |entity: &Entity| {
            let is_server = |id: &String| {
                entity.is_a("AuthorizationServer")
                    || entity.is_a("Authorization Server")
                    || id.starts_with("aus")
            };
            entity.id.0.clone().filter(is_server).map(Subject::Server)
        };
        self.entities().filter_map(server).collect()
    }
}

impl Entity {
    fn is_a(&self, kind: &str) -> bool {
        self.kind.0.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(kind))
    }

    /// Okta's clients are apps, whose ids begin with `0oa`; in events they have several types.
    fn is_client(&self, id: &str) -> bool {
        let is_app = |kind| self.is_a(kind);
        ["PublicClientApp", "PrivateClientApp", "AppInstance"].into_iter().any(is_app)
            || id.starts_with("0oa")
    }

    /// The user. An app's user has an id of its own, and the login of the user's.
    fn user(&self) -> Option<Subject> {
        let (is_user, is_app_user) = (self.is_a("User"), self.is_a("AppUser"));
        let id = self.id.0.clone().filter(|_| is_user);
        let login = self.alternate_id.0.clone().filter(|login| login != "unknown");
        let is_named =
            is_user && (id.is_some() || login.is_some()) || is_app_user && login.is_some();
        is_named.then(|| Subject::User { id, logins: login.into_iter().collect() })
    }

    fn is_odd(&self) -> bool {
        self.seen.twice || self.detail.0.as_ref().is_some_and(|detail| detail.seen.twice)
    }

    fn hash(&self) -> Option<&str> {
        self.detail.0.as_ref()?.hash.0.as_deref()
    }
}

fn is_token(kind: &str) -> bool {
    ["access_token", "refresh_token"].into_iter().any(|token| kind.eq_ignore_ascii_case(token))
}

impl Members for Read {
    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        values: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "uuid" => (self.uuid, _) = (values.next_value()?, self.seen.note(0)),
            "eventType" => (self.event_type, _) = (values.next_value()?, self.seen.note(1)),
            "published" => (self.published, _) = (values.next_value()?, self.seen.note(2)),
            "outcome" => (self.outcome, _) = (values.next_value()?, self.seen.note(3)),
            "actor" => (self.actor, _) = (values.next_value()?, self.seen.note(4)),
            "target" => (self.targets, _) = (values.next_value()?, self.seen.note(5)),
            _ => skip(values)?,
        }
        Ok(())
    }
}

impl Members for Outcome {
    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        values: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "result" => (self.result, _) = (values.next_value()?, self.seen.note(0)),
            _ => skip(values)?,
        }
        Ok(())
    }
}

impl Members for Entity {
    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        values: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "id" => (self.id, _) = (values.next_value()?, self.seen.note(0)),
            "type" => (self.kind, _) = (values.next_value()?, self.seen.note(1)),
            "alternateId" => (self.alternate_id, _) = (values.next_value()?, self.seen.note(2)),
            "detailEntry" => (self.detail, _) = (values.next_value()?, self.seen.note(3)),
            _ => skip(values)?,
        }
        Ok(())
    }
}

impl Members for Detail {
    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        values: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "hash" => (self.hash, _) = (values.next_value()?, self.seen.note(0)),
            "subject" => (self.subject, _) = (values.next_value()?, self.seen.note(1)),
            _ => skip(values)?,
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for LogEvent {
    /// Fails for nothing that is JSON.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Object::deserialize(from).map(|Object(read)| Self { read })
    }
}

impl fmt::Debug for LogEvent {
    /// Leaves out whom it concerns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogEvent")
            .field("uuid", &self.uuid())
            .field("event_type", &self.event_type())
            .finish_non_exhaustive()
    }
}
