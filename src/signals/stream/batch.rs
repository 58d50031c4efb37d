//! An entry of the stream, before it is sealed: JSON, since it outlives the program that wrote it.
//!
//! Members that are unknown are passed over. What changes the meaning of others gets another
//! version, and an instance that does not know it takes the entry for unreadable.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::shared::{MAX_VALUE, Scale, StoreTime, TimeScale, Watched};
use crate::signals::signal::{Signal, SourceKind, Subject};
use crate::support::random::Random;

/// What tells a batch from all others.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct BatchId(pub(super) [u8; 16]);

/// Some signals, and how far the log was read with them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Batch {
    pub(super) id: BatchId,
    /// The earliest that the store's clock may have shown when this was made, if it was known.
    pub(super) made: Option<StoreTime>,
    /// In which span its writer had watched that clock.
    pub(super) watched: Option<Watched>,
    /// Its place in the log; `None` if it is of no log.
    pub(super) place: Option<Place>,
    pub(super) signals: Vec<Signal>,
}

/// A place in the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Place {
    /// The batch that told all before it; `None` if the log begins with this one.
    pub(super) behind: Option<BatchId>,
    /// Why it begins, if it had to.
    pub(super) gap: Option<String>,
    /// The log's own cursor with this batch, if it has moved.
    pub(super) log: Option<Vec<u8>>,
    pub(super) covered: Option<CoveredUntil>,
}

/// All that happened up to then has been told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CoveredUntil {
    /// The earliest that the store's clock may have shown then.
    pub(super) until: StoreTime,
    /// It is to go on within so long.
    pub(super) within: Duration,
}

impl BatchId {
    pub(super) fn random(random: &dyn Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        Self(bytes)
    }
}

impl Batch {
    /// One that is made now, by what is known of the store's clock.
    pub(super) fn new(
        id: BatchId,
        now: Instant,
        scale: Option<Scale>,
        place: Option<Place>,
        signals: Vec<Signal>,
    ) -> Self {
        let made = scale.map(|it| StoreTime { micros: it.earliest(now), scale: it.id() });
        Self { id, made, watched: scale.map(|scale| scale.watched()), place, signals }
    }

    const VERSION: u32 = 1;

    /// What sealing and all but the signals may take of a value.
    const HEAD: usize = 24 * 1024;

    /// How many bytes of signals a batch may have.
    const MAX_SIGNALS: usize = MAX_VALUE - Self::HEAD;

    /// Why a log begins is told in at most so many bytes.
    const MAX_GAP: usize = 128;

    /// The text to be sealed.
    pub(super) fn encode(&self) -> Vec<u8> {
        let place = self.place.as_ref().map(|place| PlaceText {
            behind: place.behind.map(|id| text(&id.0)),
            gap: place.gap.as_deref().map(|why| cut(why, Self::MAX_GAP).to_owned()),
            log: place.log.as_deref().map(text),
            until: place.covered.map(|covered| TimeText::of(covered.until)),
            within_millis: place
                .covered
                .map(|covered| u64::try_from(covered.within.as_millis()).unwrap_or(u64::MAX)),
        });
        let batch = BatchText {
            version: Self::VERSION,
            id: text(&self.id.0),
            made: self.made.map(TimeText::of),
            watched: self.watched.map(|watched| [watched.since, watched.until]),
            place,
            signals: self.signals.iter().map(SignalText::of).collect(),
        };
        // Strings and numbers are written without fail.
        serde_json::to_vec(&batch).unwrap_or_default()
    }

    /// `None` if it is none that this version can read.
    pub(super) fn decode(plain: &[u8]) -> Option<Self> {
        let batch: BatchText<'_> = serde_json::from_slice(plain).ok()?;
        if batch.version != Self::VERSION {
            return None;
        }
        let signals = batch.signals.into_iter().map(SignalText::read);
        Some(Self {
            id: BatchId(bytes(&batch.id)?),
            made: batch.made.map(|made| made.read().ok_or(())).transpose().ok()?,
            watched: batch.watched.map(|[since, until]| Watched { since, until }),
            place: batch.place.map(|place| place.read().ok_or(())).transpose().ok()?,
            signals: signals.collect::<Option<_>>()?,
        })
    }

    /// Divides signals so that each part has room in a batch: none at all is one part, too. What is
    /// too long for any is told as being about everything.
    pub(super) fn divide(signals: Vec<Signal>) -> Vec<Vec<Signal>> {
        let (mut parts, mut taken) = (vec![Vec::new()], 0);
        for signal in signals {
            let (signal, len) = fitted(signal, Self::MAX_SIGNALS);
            if len > Self::MAX_SIGNALS - taken {
                parts.push(Vec::new());
                taken = 0;
            }
            taken += len;
            if let Some(part) = parts.last_mut() {
                part.push(signal);
            }
        }
        parts
    }
}

/// A signal that takes at most so many bytes, and how many it takes.
fn fitted(signal: Signal, max: usize) -> (Signal, usize) {
    let len = |signal: &Signal| {
        let text = serde_json::to_vec(&SignalText::of(signal));
        // A comma stands between two.
        text.map_or(max, |text| text.len().saturating_add(1))
    };
    match len(&signal) {
        fits if fits <= max => (signal, fits),
        _ => {
            let signal = about_everything(signal);
            let len = len(&signal).min(max);
            (signal, len)
        }
    }
}

/// A signal that is too long, without what may be long. Without its id it is never taken for a
/// repetition.
fn about_everything(signal: Signal) -> Signal {
    let kind = cut(&signal.kind, 1024).to_owned();
    Signal { id: String::new(), kind, subjects: vec![Subject::Everything], ..signal }
}

fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

/// Bytes, in URL-safe Base64. Borrowed where it can be: every instance reads every batch.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize, Serialize)]
struct BatchText<'a> {
    version: u32,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made: Option<TimeText<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    watched: Option<[u64; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<PlaceText<'a>>,
    signals: Vec<SignalText>,
}

#[derive(Deserialize, Serialize)]
struct TimeText<'a> {
    micros: u64,
    #[serde(borrow)]
    scale: Text<'a>,
}

#[derive(Deserialize, Serialize)]
struct PlaceText<'a> {
    /// `null` says that the log begins here: a place without this is none.
    #[serde(borrow)]
    behind: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gap: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<TimeText<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    within_millis: Option<u64>,
}

#[derive(Deserialize, Serialize)]
struct SignalText {
    source: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    id: String,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<DateTime<Utc>>,
    subjects: Vec<SubjectText>,
}

/// One of these members, or none of all: everything. So is what a later version may name.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct SubjectText {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<TokenText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct TokenText {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct UserText {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    logins: Vec<String>,
}

impl TimeText<'_> {
    fn of(time: StoreTime) -> Self {
        Self { micros: time.micros, scale: text(&time.scale.0) }
    }

    fn read(self) -> Option<StoreTime> {
        Some(StoreTime { micros: self.micros, scale: TimeScale(bytes(&self.scale)?) })
    }
}

impl PlaceText<'_> {
    fn read(self) -> Option<Place> {
        let covered = match (self.until, self.within_millis) {
            (Some(until), Some(millis)) => {
                Some(CoveredUntil { until: until.read()?, within: Duration::from_millis(millis) })
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return None,
        };
        let behind = self.behind.map(|id| bytes(&id).ok_or(())).transpose().ok()?;
        let log = self.log.map(|log| URL_SAFE_NO_PAD.decode(&*log.0)).transpose().ok()?;
        Some(Place { behind: behind.map(BatchId), gap: self.gap, log, covered })
    }
}

impl SignalText {
    fn of(signal: &Signal) -> Self {
        Self {
            source: signal.source.as_str().to_owned(),
            id: signal.id.clone(),
            kind: signal.kind.clone(),
            at: signal.at,
            subjects: signal.subjects.iter().map(SubjectText::of).collect(),
        }
    }

    fn read(self) -> Option<Signal> {
        let source = SourceKind::ALL.into_iter().find(|source| source.as_str() == self.source)?;
        let subjects = self.subjects.into_iter().map(SubjectText::read);
        Some(Signal::new(source, self.kind, subjects).id(self.id).at(self.at))
    }
}

impl SubjectText {
    fn of(subject: &Subject) -> Self {
        let (nothing, subject) = (Self::default(), subject.clone());
        match subject {
            Subject::Token { jti, hash } => {
                Self { token: Some(TokenText { jti, hash }), ..nothing }
            }
            Subject::User { id, logins } => Self { user: Some(UserText { id, logins }), ..nothing },
            Subject::Client(id) => Self { client: Some(id), ..nothing },
            Subject::Server(server) => Self { server: Some(server), ..nothing },
            Subject::Everything => nothing,
        }
    }

    fn read(self) -> Subject {
        match self {
            Self {
                token: Some(TokenText { jti, hash }),
                user: None,
                client: None,
                server: None,
            } => Subject::Token { jti, hash },
            Self {
                token: None,
                user: Some(UserText { id, logins }),
                client: None,
                server: None,
            } => Subject::User { id, logins },
            Self { token: None, user: None, client: Some(id), server: None } => Subject::Client(id),
            Self { token: None, user: None, client: None, server: Some(it) } => Subject::Server(it),
            _ => Subject::Everything,
        }
    }
}

fn text(bytes: &[u8]) -> Text<'static> {
    Text(URL_SAFE_NO_PAD.encode(bytes).into())
}

fn bytes(text: &Text<'_>) -> Option<[u8; 16]> {
    // As many as 22 characters may stand for.
    let mut bytes = [0; 18];
    let len = URL_SAFE_NO_PAD.decode_slice(&*text.0, &mut bytes).ok()?;
    bytes[..len].try_into().ok()
}

/// What lies with the lead: the last batch, and where the log goes on behind it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Cursor {
    pub(super) batch: BatchId,
    /// The log's own.
    pub(super) log: Vec<u8>,
}

impl Cursor {
    const VERSION: u8 = 1;

    /// The longest that a log may have, in bytes.
    pub(super) const MAX_LOG: usize = 16 * 1024;

    pub(super) fn encode(&self) -> Vec<u8> {
        [&[Self::VERSION][..], &self.batch.0, &self.log].concat()
    }

    pub(super) fn decode(plain: &[u8]) -> Option<Self> {
        let (version, rest) = plain.split_first()?;
        let (batch, log) = rest.split_first_chunk()?;
        (*version == Self::VERSION).then(|| Self { batch: BatchId(*batch), log: log.to_vec() })
    }
}
