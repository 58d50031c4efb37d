//! The second level: look for an answer, claim the right to ask, put what was answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::budget::{BUDGET, Budget, Gone};
use super::entry::{self, Entry};
use super::handle::Shared;
use super::metrics::{Claimed, Look, Put};
use super::org::EntryName;
use super::scale::Scale;
use super::seal::OVERHEAD;
use super::store::MAX_VALUE;
use crate::clock::{Clock, shifted};
use crate::oauth::introspect::Introspection;

/// How long a claim lasts: time for one call, and not much for one that dies.
pub(crate) const CLAIM: Duration = Duration::from_millis(400);

/// By how much the age of an answer by wall clocks and by the store's clock may differ. More, and
/// one of them lies.
const WALL_TOLERANCE: Duration = Duration::from_secs(600);

/// The same where writer and reader have never watched the store's clock at one time, and nothing but
/// wall clocks tells whether it was set between. Then the longer age counts.
const WALL_TOLERANCE_OF_STRANGERS: Duration = Duration::from_secs(2);

/// How many puts may be under way; what would be one more is not put.
const MAX_PUTS: usize = 256;

/// What another instance has learned.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) introspection: Introspection,
    /// When it was asked for, or earlier: by the caller's clock, with all that is not known of it.
    pub(crate) asked_at: Instant,
}

/// Whether the caller is to ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Claim {
    /// It is. Also where the store fails.
    Granted,
    /// Another instance asks.
    Taken,
    /// The store has said nothing in time: it, the network or this process may have been held up for a
    /// moment.
    Unanswered,
}

impl Shared {
    /// Looks for an answer that the caller admits, in the part of `wait_left` that the store has.
    pub(crate) async fn look(
        &self,
        clock: &Arc<dyn Clock>,
        name: &EntryName,
        wait_left: Duration,
        admits: impl Fn(&Answer) -> bool,
    ) -> Option<Answer> {
        let found = self.find(clock, name, wait_left).await;
        let found = found.and_then(|answer| match admits(&answer) {
            true => Ok(answer),
            false => Err(Look::TooOld),
        });
        let outcome = match &found {
            Ok(answer) if answer.introspection.active => Look::HitActive,
            Ok(_) => Look::HitInactive,
            Err(outcome) => *outcome,
        };
        self.inner.counters.look(outcome);
        found.ok()
    }

    /// Claims the right to ask about a token, for [`CLAIM`], behind a look that has `used` some time:
    /// the two are one use of the store, so that one that says nothing costs its time once.
    pub(crate) async fn claim(
        &self,
        clock: &Arc<dyn Clock>,
        name: &EntryName,
        wait_left: Duration,
        used: Duration,
    ) -> Claim {
        let inner = &*self.inner;
        let work = inner.store.claim(&name.claim, &inner.owner, CLAIM);
        let (outcome, claim) =
            match Budget::behind(&**clock, wait_left, used).wait(inner, work).await {
                Ok(true) => (Claimed::Granted, Claim::Granted),
                Ok(false) => (Claimed::Taken, Claim::Taken),
                Err(Gone::Late | Gone::NoTime) => (Claimed::Failed, Claim::Unanswered),
                Err(Gone::Failed | Gone::LeftAlone) => (Claimed::Failed, Claim::Granted),
            };
        inner.counters.claim(outcome);
        claim
    }

    /// Puts an answer that was asked for at `asked_at` where others find it for `ttl`. Returns at
    /// once; outside of a runtime nothing is put.
    pub(crate) fn put(
        &self,
        clock: &Arc<dyn Clock>,
        name: &EntryName,
        introspection: &Introspection,
        asked_at: Instant,
        ttl: Duration,
    ) {
        let (Ok(runtime), Some(place)) = (Handle::try_current(), Place::take(self)) else {
            return self.inner.counters.put(Put::Dropped);
        };
        let (shared, clock, name) = (self.clone(), Arc::clone(clock), name.clone());
        let introspection = introspection.clone();
        runtime.spawn(async move {
            let done = shared.write(&clock, &name, &introspection, asked_at, ttl).await;
            shared.inner.counters.put(if done.is_some() { Put::Done } else { Put::Failed });
            drop(place);
        });
    }

    async fn find(
        &self,
        clock: &Arc<dyn Clock>,
        name: &EntryName,
        wait_left: Duration,
    ) -> Result<Answer, Look> {
        let mut budget = Budget::of(&**clock, wait_left);
        let scale = self.known_scale(clock, &name.org, &mut budget).await.map_err(lost)?;
        let mut names = vec![name.active.as_str(), &name.inactive];
        names.extend(name.previous.iter().flatten().map(String::as_str));
        let values = budget.wait(&self.inner, self.inner.store.get(&names)).await.map_err(lost)?;
        let reader = Reader { scale, now: clock.monotonic(), wall: clock.now().timestamp_micros() };
        let mut best = Err(Look::Miss);
        for (at, (place, value)) in names.iter().zip(values).enumerate() {
            let Some(value) = value else { continue };
            let bounded = Some(value).filter(|value| value.len() <= MAX_VALUE);
            let plain = bounded
                .and_then(|value| self.open(place, &value))
                .and_then(|plain| entry::decode(&plain));
            // Active ones and inactive ones take turns among the names.
            let entry = plain.filter(|entry| entry.introspection.active == (at % 2 == 0));
            let read = entry.ok_or(Look::Unreadable).and_then(|entry| reader.read(entry));
            if matches!(read, Err(Look::OtherScale)) {
                name.org.note_other_scale();
            }
            best = later_of(best, read);
        }
        best
    }

    async fn write(
        &self,
        clock: &Arc<dyn Clock>,
        name: &EntryName,
        introspection: &Introspection,
        asked_at: Instant,
        ttl: Duration,
    ) -> Option<()> {
        let mut budget = Budget::exactly(&**clock, BUDGET);
        let scale = self.known_scale(clock, &name.org, &mut budget).await.ok()?;
        let since = clock.monotonic().saturating_duration_since(asked_at);
        let since = chrono::TimeDelta::from_std(since).ok()?;
        let plain = entry::encode(&Entry {
            scale: scale.id(),
            asked_at: scale.earliest(asked_at),
            watched: scale.watched(),
            wall_micros: shifted(clock.now(), -since).timestamp_micros(),
            introspection: introspection.clone(),
        })?;
        if plain.len() > MAX_VALUE - OVERHEAD {
            return None;
        }
        let name_of_it = if introspection.active { &name.active } else { &name.inactive };
        let value = self.seal(name_of_it, &plain);
        let work = self.inner.store.put(name_of_it, &value, ttl);
        budget.wait(&self.inner, work).await.ok()
    }
}

/// Judges entries at one moment.
struct Reader {
    scale: Scale,
    now: Instant,
    wall: i64,
}

impl Reader {
    /// When an entry was asked for, by the reader's clock.
    fn read(&self, entry: Entry) -> Result<Answer, Look> {
        let in_time =
            entry.scale == self.scale.id() && entry.asked_at <= self.scale.latest(self.now);
        if !in_time {
            return Err(Look::OtherScale);
        }
        let asked_at = self.scale.earliest_moment(entry.asked_at).ok_or(Look::TooOld)?;
        let age = self.now.saturating_duration_since(asked_at);
        let age_micros = i64::try_from(age.as_micros()).map_err(|_| Look::TooOld)?;
        let by_wall = self.wall.saturating_sub(entry.wall_micros);
        let knows = self.scale.meets(entry.watched);
        let tolerance = if knows { WALL_TOLERANCE } else { WALL_TOLERANCE_OF_STRANGERS };
        if Duration::from_micros(by_wall.abs_diff(age_micros)) > tolerance {
            return Err(Look::OtherScale);
        }
        let by_wall = Duration::from_micros(u64::try_from(by_wall).unwrap_or_default());
        let age = if knows { age } else { age.max(by_wall) };
        let asked_at = self.now.checked_sub(age).ok_or(Look::TooOld)?;
        Ok(Answer { introspection: entry.introspection, asked_at })
    }
}

/// Of two answers the one that was asked for later, an inactive one before an active one; of two
/// reasons why there is none, the one that says more.
fn later_of(one: Result<Answer, Look>, other: Result<Answer, Look>) -> Result<Answer, Look> {
    match (one, other) {
        (Ok(one), Ok(other)) => {
            let key = |answer: &Answer| (answer.asked_at, !answer.introspection.active);
            Ok(if key(&other) > key(&one) { other } else { one })
        }
        (Ok(answer), Err(_)) | (Err(_), Ok(answer)) => Ok(answer),
        (Err(Look::Miss), Err(other)) => Err(other),
        (Err(one), Err(_)) => Err(one),
    }
}

fn lost(gone: Gone) -> Look {
    match gone {
        Gone::Failed | Gone::Late | Gone::NoTime => Look::Failed,
        Gone::LeftAlone => Look::CircuitOpen,
    }
}

/// A place among the puts that are under way.
struct Place(Shared);

impl Place {
    fn take(shared: &Shared) -> Option<Self> {
        let puts = &shared.inner.puts;
        let taken = puts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |puts| {
            (puts < MAX_PUTS).then_some(puts + 1)
        });
        taken.ok().map(|_| Self(shared.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.inner.puts.fetch_sub(1, Ordering::Relaxed);
    }
}
