//! Signals: the server's log of revocations, one source that reads all of it, and one that pushes
//! what it likes.
//!
//! Events come late, twice, in any order or never. The reader of the log may be dead for a while, and
//! may lose its place.

use std::time::{Duration, Instant};

use okta_introspect::checker::{Checker, Coverage, Invalidation};
use okta_introspect::{Clock, SeededRandom, Token};

use super::server::{Diary, Server};
use super::{TOKENS, below, name};

/// How late an event may be seen for the reader's claims to hold all the same.
pub(crate) const ALLOWANCE: Duration = Duration::from_secs(1);

/// A revocation in the log.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// When it happened, by the diary.
    pub(crate) happened: u64,
    pub(crate) named: Name,
    pub(crate) tokens: Vec<usize>,
    /// From when on the log shows it; `None`: never.
    visible_at: Option<Instant>,
    /// Which poll took it, if one has.
    pub(crate) taken_by: Option<usize>,
}

/// What the reader of the log claims from some event of the diary on, as the checker should take it.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) event: u64,
    pub(crate) since: Option<Instant>,
    pub(crate) until: Option<Instant>,
    /// The poll on which it rests: all that this one and those before it took was told.
    pub(crate) poll: usize,
}

/// By which name a revocation is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name {
    Everything,
    Token(usize),
    Jti(usize),
    Hash(usize),
    User(usize),
    Login(usize),
    Client(usize),
    Server,
}

impl Name {
    /// One that names this token, among others perhaps.
    pub(crate) fn of(random: &SeededRandom, token: usize) -> Self {
        match below(random, 16) {
            0 => Self::Everything,
            1 => Self::Server,
            2..4 => Self::Token(token),
            4..7 => Self::Jti(token),
            7..10 => Self::Hash(token),
            10..12 => Self::User(token / 2),
            12..14 => Self::Login(token / 2),
            _ => Self::Client(token % 2),
        }
    }

    pub(crate) fn tokens(self) -> Vec<usize> {
        let all = 0..TOKENS;
        match self {
            Self::Everything | Self::Server => all.collect(),
            Self::Token(token) | Self::Jti(token) | Self::Hash(token) => vec![token],
            Self::User(user) | Self::Login(user) => all.filter(|one| one / 2 == user).collect(),
            Self::Client(client) => all.filter(|one| one % 2 == client).collect(),
        }
    }
}

/// Declares something invalid at the instance that asks this server, and writes it down.
pub(crate) fn invalidate(checker: &Checker, server: &Server, named: Name) {
    match named {
        Name::Everything => checker.invalidate(Invalidation::Everything),
        Name::Token(token) => {
            let token = Token::parse(&name(token)).unwrap();
            checker.invalidate(Invalidation::Token(&token));
        }
        Name::Jti(token) => checker.invalidate(Invalidation::Jti(&name(token))),
        Name::Hash(token) => checker.invalidate(Invalidation::TokenHash(HASHES[token])),
        Name::User(user) => checker.invalidate(Invalidation::User(&format!("user-{user}"))),
        Name::Login(user) => {
            checker.invalidate(Invalidation::Login(&format!("uSER-{user}@ACME.example")));
        }
        Name::Client(client) => {
            checker.invalidate(Invalidation::Client(&format!("client-{client}")));
        }
        Name::Server => checker.invalidate(Invalidation::Server(server.issuer.as_str())),
    }
    let mut diary = server.diary();
    let event = diary.event();
    diary.watermarks.push((event, named.tokens(), server.by));
}

/// SHA-256 of `token-0` and so on, in Base64.
const HASHES: [&str; TOKENS] = [
    "bALPIINGnnJ1iji+C3xuq+m8WFgHdNr2ss9LbqFGlyI=",
    "PwiqzhIu4jaEMsHKI6BJvGQLr78A/fM6UkKfOLoS2/k=",
    "D2v/qWYctd0vP3spKfMwYfWKe6f91olTCxowb47Y8+w=",
    "ovKwtYi8yE+/TSrIzAhrb4TePgD6PBuhHjisB46wMZI=",
];

/// Revokes what this names. The log shows it soon, late or never.
pub(crate) fn revoke(server: &Server, named: Name) {
    let random = &server.random;
    let lag = match below(random, 8) {
        0 => None,
        1 => Some(Duration::from_secs(60)),
        2 => Some(ALLOWANCE + Duration::from_millis(1)),
        3 => Some(ALLOWANCE),
        _ => Some(Duration::from_millis(below(random, 1001) as u64)),
    };
    let now = server.clock.monotonic();
    let mut diary = server.diary();
    let (happened, tokens) = (diary.event(), named.tokens());
    for token in &tokens {
        let ended = std::mem::take(&mut diary.active[*token]);
        let in_time = lag.is_some_and(|lag| lag <= ALLOWANCE);
        diary.unexplained += u64::from(ended && !in_time);
    }
    let visible_at = lag.map(|lag| now + lag);
    diary.log.push(Event { happened, named, tokens, visible_at, taken_by: None });
}

/// Reads the log for one checker.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) checker: Checker,
    pub(crate) coverage: Coverage,
    pub(crate) server: Server,
}

impl Source {
    /// Begins, or begins anew after it has lost its place: anything may have happened meanwhile. A
    /// careful source declares everything invalid then; that nothing old is extended must not depend
    /// on it.
    pub(crate) fn begin(&self) {
        if below(&self.server.random, 2) == 0 {
            invalidate(&self.checker, &self.server, Name::Everything);
        }
        let now = self.server.clock.monotonic();
        self.coverage.begin(now);
        let mut diary = self.server.diary();
        // What the log shows already will not be read; what it shows later will.
        let poll = diary.claims.len();
        take(&mut diary, now, poll);
        diary.claim(|claim| claim.since = Some(now), poll);
    }

    /// Asks for what is new, tells of it, and then how far that goes. In any order, and some of it
    /// twice.
    pub(crate) async fn poll(self) {
        let now = self.server.clock.monotonic();
        let (poll, mut events) = {
            let mut diary = self.server.diary();
            let poll = diary.claims.len();
            let events = take(&mut diary, now, poll);
            // The number is taken, by a claim of nothing new.
            let before = diary.claims.last().map_or(0, |claim| claim.poll);
            diary.claim(|_| {}, before);
            (poll, events)
        };
        self.server.gate().await;
        while !events.is_empty() {
            let at = below(&self.server.random, events.len());
            let named = events[at];
            if below(&self.server.random, 4) > 0 {
                events.swap_remove(at);
            }
            invalidate(&self.checker, &self.server, named);
            self.server.gate().await;
        }
        let until = now.checked_sub(ALLOWANCE).unwrap();
        self.coverage.advance(until);
        self.server.diary().claim(
            |claim| {
                if claim.since.is_some_and(|since| since <= until) {
                    claim.until = claim.until.max(Some(until));
                }
            },
            poll,
        );
    }
}

/// Takes what the log shows by now and nobody has taken.
fn take(diary: &mut Diary, now: Instant, poll: usize) -> Vec<Name> {
    let new = |event: &&mut Event| {
        event.taken_by.is_none() && event.visible_at.is_some_and(|visible| visible <= now)
    };
    let events = diary.log.iter_mut().filter(new);
    events
        .map(|event| {
            event.taken_by = Some(poll);
            event.named
        })
        .collect()
}

impl Diary {
    /// What is claimed from now on.
    fn claim(&mut self, change: impl FnOnce(&mut Claim), poll: usize) {
        let event = self.event();
        let nothing = Claim { event, since: None, until: None, poll };
        let mut claim = Claim { event, poll, ..self.claims.last().cloned().unwrap_or(nothing) };
        change(&mut claim);
        self.claims.push(claim);
    }

    /// The claims that a check may have seen which ran between these events.
    pub(crate) fn claims_between(&self, began: u64, ended: u64) -> impl Iterator<Item = &Claim> {
        let before = self.claims.iter().rfind(move |claim| claim.event <= began);
        let within =
            self.claims.iter().filter(move |claim| claim.event > began && claim.event <= ended);
        before.into_iter().chain(within)
    }
}
