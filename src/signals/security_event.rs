//! Security event tokens ([RFC 8417](https://www.rfc-editor.org/rfc/rfc8417)), pushed as
//! [RFC 8935](https://www.rfc-editor.org/rfc/rfc8935) has it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::LEEWAY;
use super::header_secret::HeaderSecret;
use super::refusal::{Refused, SignalRefusal};
use super::signal::{Signal, SourceKind, Subject};
use super::subject;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::jwks::Jwks;
use crate::secret::Secret;
use crate::verify::{Claims, Expected, InvalidToken, statement};

/// What is received of a transmitter of the Shared Signals Framework: security event tokens, of
/// which CAEP's `session-revoked` and `credential-change` name a user. `verification` is answered,
/// and other events are counted.
///
/// # Example
///
/// ```
/// use okta_introspect::signals::SecurityEvents;
/// use okta_introspect::{Error, Issuer, Secret};
///
/// fn events(authorization: Secret) -> Result<SecurityEvents, Error> {
///     let org = Issuer::parse("https://acme.okta.com")?;
///     SecurityEvents::new(org, "https://api.acme.example/signals")?.authorization(&authorization)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct SecurityEvents {
    issuer: String,
    audience: String,
    keys: Jwks,
    pub(super) authorization: Option<HeaderSecret>,
}

/// The events that mean something here, by the end of their names.
const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const CREDENTIAL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/credential-change";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

/// The most events of one token. Okta's have one, and so should all (RFC 8417 §1.2).
const MAX_EVENTS: usize = 16;

/// The longest `jti`, in bytes.
const MAX_ID: usize = 256;

impl SecurityEvents {
    /// How long ago a token may have been made. No answer is kept for so long, so an older event says
    /// nothing that is not known.
    pub const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

    const TYPE: &str = "secevent+jwt";

    /// The events of `issuer` for `audience`, as the stream has it. For Okta that is the org.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the audience is empty, or TLS cannot be
    /// set up.
    pub fn new(issuer: Issuer, audience: impl Into<String>) -> Result<Self, Error> {
        let audience = audience.into();
        if audience.is_empty() {
            return Err(Error::configuration("the audience of security events is empty")
                .advise("give the `aud` of the stream"));
        }
        let keys = super::keys_of(&issuer)?;
        Ok(Self { issuer: issuer.as_str().to_owned(), audience, keys, authorization: None })
    }

    /// What the transmitter sends in `Authorization`, where the stream has such a value. What comes
    /// without it is then refused before anything else is looked at. Default: none; the signature is
    /// enough.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if it has fewer than 16 characters or more
    /// than 4096, or cannot stand in a header.
    pub fn authorization(mut self, value: &Secret) -> Result<Self, Error> {
        let secret = HeaderSecret::new("of security events", "authorization", value)?;
        self.authorization = Some(secret);
        Ok(self)
    }

    /// The transmitter's keys: to share them with other receivers and verifiers, or to fix them.
    /// Default: fetched from where Okta has them, with default settings; of another server's, from
    /// the `jwks_uri` of its metadata.
    #[must_use]
    pub fn keys(mut self, keys: Jwks) -> Self {
        self.keys = keys;
        self
    }

    /// Verifies a token, and reads what it says: nothing, if none of its events means anything here.
    pub(super) async fn read(&self, jwt: &str, now: DateTime<Utc>) -> Result<Vec<Signal>, Refused> {
        let checked = statement(jwt, Self::TYPE, &self.keys, |claims| {
            self.check(&claims, now).map(|()| claims)
        });
        Ok(signals(checked.await??)?)
    }

    fn check(&self, claims: &Claims, now: DateTime<Utc>) -> Result<(), InvalidToken> {
        let (issuer, audience) = (&*self.issuer, &*self.audience);
        let max_age = Self::MAX_AGE;
        // A statement about the past does not end (RFC 8417 §2.2). What does is a token, which
        // must not be taken for an event, nor the other way round (§4.5).
        if claims.exp().is_some() {
            return Err(InvalidToken::MalformedClaim { name: "exp" });
        }
        claims.check(&Expected { issuer, audience, now, leeway: LEEWAY, max_age })?;
        match claims.jti() {
            None | Some("") => Err(InvalidToken::MissingClaim { name: "jti" }),
            Some(jti) if jti.len() > MAX_ID => Err(InvalidToken::MalformedClaim { name: "jti" }),
            Some(_) => Ok(()),
        }
    }
}

/// What verified claims say, a signal for each event.
fn signals(mut claims: Claims) -> Result<Vec<Signal>, SignalRefusal> {
    let (id, iat) = (claims.jti().unwrap_or_default().to_owned(), claims.iat().ok());
    let whole = claims.further.remove("sub_id");
    let Some(Value::Object(events)) = claims.further.remove("events") else {
        return Err(SignalRefusal::Malformed);
    };
    if events.is_empty() || events.len() > MAX_EVENTS {
        return Err(SignalRefusal::Malformed);
    }
    let events = events.into_iter().enumerate();
    let signals = events.map(|(at, (kind, event))| {
        let Value::Object(event) = event else { return Err(SignalRefusal::Malformed) };
        let subjects = match &*kind {
            SESSION_REVOKED | CREDENTIAL_CHANGE => subjects(&event, whole.as_ref())?,
            _ => Vec::new(),
        };
        // Several events of one token are several signals.
        let id = if at == 0 { id.clone() } else { format!("{id} {at}") };
        let at = event.get("event_timestamp").and_then(time).or(iat);
        let signal = Signal::new(SourceKind::SecurityEvent, name(&kind), subjects);
        Ok(signal.id(id).at(at))
    });
    signals.collect()
}

/// Whom an event names: in itself, as Okta writes it, or in the token, as SSF 1.0 §4.1 has it.
fn subjects(
    event: &Map<String, Value>,
    whole: Option<&Value>,
) -> Result<Vec<Subject>, SignalRefusal> {
    let named = event.get("subject").into_iter().chain(whole);
    let subjects: Vec<_> = named.map(subject::user).collect::<Result<_, _>>()?;
    if subjects.is_empty() { Err(SignalRefusal::Malformed) } else { Ok(subjects.concat()) }
}

/// The name under which an event is counted.
fn name(kind: &str) -> &'static str {
    match kind {
        SESSION_REVOKED => "session-revoked",
        CREDENTIAL_CHANGE => "credential-change",
        VERIFICATION => "verification",
        _ => "unknown",
    }
}

/// CAEP counts seconds, Okta milliseconds.
fn time(stamp: &Value) -> Option<DateTime<Utc>> {
    /// In seconds it is in the year 5138, in milliseconds in 1973.
    const FIRST_MILLIS: i64 = 100_000_000_000;
    match stamp.as_i64()? {
        seconds if seconds < FIRST_MILLIS => DateTime::from_timestamp(seconds, 0),
        millis => DateTime::from_timestamp_millis(millis),
    }
}
