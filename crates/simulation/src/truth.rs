//! What is true of tokens, and whether an answer agrees with the contract.

use std::time::Duration;

use okta_introspect::checker::AnswerSource;

use crate::config::{Config, Kind};
use crate::time::Moment;

/// A token: which one of the tokens in use, and how many were in its place before.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct TokenId {
    pub(crate) place: usize,
    pub(crate) generation: usize,
}

impl TokenId {
    /// The token itself: opaque, so that the server is asked.
    pub(crate) fn text(self) -> String {
        format!("sim.{}.{}", self.place, self.generation)
    }

    pub(crate) fn jti(self) -> String {
        format!("AT.{}.{}", self.place, self.generation)
    }

    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let (place, generation) = text.strip_prefix("sim.")?.split_once('.')?;
        Some(Self { place: place.parse().ok()?, generation: generation.parse().ok()? })
    }
}

/// Something became of a token.
#[derive(Clone, Copy, Debug)]
struct Change {
    at: Moment,
    is_active: bool,
    /// When the log tells of it, if it does.
    told: Option<Moment>,
    /// The last time at which an answer "active" was given out after it.
    last_seen: Option<Moment>,
}

#[derive(Debug)]
pub(crate) struct Truth {
    /// What became of each generation in each place; at first, and if nothing did, it is active.
    places: Vec<Vec<Vec<Change>>>,
}

/// What a check was told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) token: TokenId,
    pub(crate) kind: Kind,
    /// When the check began.
    pub(crate) begun: Moment,
    pub(crate) now: Moment,
}

impl Truth {
    pub(crate) fn new(places: usize) -> Self {
        Self { places: vec![vec![Vec::new()]; places] }
    }

    /// The token that is in use in a place now.
    pub(crate) fn current(&self, place: usize) -> TokenId {
        TokenId { place, generation: self.places[place].len() - 1 }
    }

    /// Puts a token that was never seen in the place of another one.
    pub(crate) fn replace(&mut self, place: usize) {
        self.places[place].push(Vec::new());
    }

    pub(crate) fn change(
        &mut self,
        token: TokenId,
        at: Moment,
        is_active: bool,
        told: Option<Moment>,
    ) {
        let change = Change { at, is_active, told, last_seen: None };
        self.places[token.place][token.generation].push(change);
    }

    fn changes(&self, token: TokenId) -> &[Change] {
        &self.places[token.place][token.generation]
    }

    pub(crate) fn is_active(&self, token: TokenId, at: Moment) -> bool {
        let last = self.changes(token).iter().rev().find(|change| change.at <= at);
        last.is_none_or(|change| change.is_active)
    }

    /// What is wrong with an answer "active" that rests on a look of the server at `look`.
    pub(crate) fn object_to_yes(
        &mut self,
        told: &Told,
        source: AnswerSource,
        look: Moment,
        config: &Config,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let age = told.begun.since(look);
        let bound = match source {
            AnswerSource::Extended => config.extension_limit,
            AnswerSource::StaleOnError => told.kind.max_age(config) + told.kind.stale(config),
            _ => told.kind.max_age(config),
        };
        if age > with_tolerance(bound) {
            let source = source.as_str();
            wrong.push(format!(
                "an answer is {:.3} s old instead of {:.3} s ({source}, {:?}, {})",
                age.as_secs_f64(),
                bound.as_secs_f64(),
                told.kind,
                told.token.text(),
            ));
        }
        let changes = &mut self.places[told.token.place][told.token.generation];
        let last = changes.iter_mut().rev().find(|change| change.at <= told.begun);
        // A look after it was a look after the token had come back.
        if let Some(change) = last.filter(|change| !change.is_active && look < change.at) {
            change.last_seen = change.last_seen.max(Some(told.begun));
            let lag = told.begun.since(change.at);
            let allowed = match (source, change.told) {
                (AnswerSource::Extended, Some(at)) => {
                    (told.kind.max_age(config) + at.since(change.at)).min(bound)
                }
                _ => bound,
            };
            if lag > with_tolerance(allowed) {
                let source = source.as_str();
                wrong.push(format!(
                    "active {:.3} s after its revocation instead of {:.3} s ({source}, {:?}, {})",
                    lag.as_secs_f64(),
                    allowed.as_secs_f64(),
                    told.kind,
                    told.token.text(),
                ));
            }
        }
        wrong
    }

    /// What is wrong with an answer "inactive".
    pub(crate) fn object_to_no(&self, told: &Told, config: &Config) -> Option<String> {
        let bound = told.kind.max_age(config).min(config.inactive_max_age);
        let since = told.begun.before(with_tolerance(bound));
        let mut changes = self.changes(told.token).iter();
        let was_inactive = !self.is_active(told.token, since)
            || changes.any(|change| !change.is_active && (since..=told.now).contains(&change.at));
        (!was_inactive).then(|| {
            format!("a good token is called inactive ({:?}, {})", told.kind, told.token.text())
        })
    }

    /// How long after each revocation in a span of time a token was last let in somewhere: of those
    /// of which the log tells, or of the others.
    pub(crate) fn lags(&self, from: Moment, to: Moment, is_told: bool) -> Vec<Duration> {
        let changes = self.places.iter().flatten().flatten();
        let revoked = changes.filter(|change| !change.is_active && (from..to).contains(&change.at));
        let revoked = revoked.filter(|change| change.told.is_some() == is_told);
        let lag =
            |change: &Change| change.last_seen.map_or(Duration::ZERO, |at| at.since(change.at));
        revoked.map(lag).collect()
    }
}

/// Ages are told by clocks that are wrong by up to 200 parts in a million.
fn with_tolerance(bound: Duration) -> Duration {
    bound + bound / 4_000 + Duration::from_micros(10)
}
