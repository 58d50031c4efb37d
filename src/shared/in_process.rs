//! A store in this process, for tests and simulations.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::store::{
    Commit, EntryId, Lead, Leadership, MAX_VALUE, STREAM_LENGTH, SharedStore, StoreTime,
    StreamPage, StreamPosition, TimeScale,
};
use crate::clock::{Clock, Deadline, later};
use crate::error::{Error, ErrorKind};
use crate::support::boxed_future::BoxFuture;

/// A [`SharedStore`] in the memory of this process: for tests of services with several checkers.
/// Clones share everything. Its clock is the wall time of the one that it is made with; what it
/// keeps ends by the monotonic time.
///
/// # Example: two that share
///
/// ```
/// use std::time::Duration;
///
/// use okta_introspect::SystemClock;
/// use okta_introspect::shared::{InProcessStore, SharedStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), okta_introspect::Error> {
/// let (one, other) = { let store = InProcessStore::new(SystemClock); (store.clone(), store) };
/// one.put("name", b"value", Duration::from_secs(10)).await?;
/// assert_eq!(other.get(&["name"]).await?, [Some(b"value".to_vec())]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct InProcessStore {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
    appended: Arc<watch::Sender<()>>,
}

#[derive(Default)]
struct State {
    /// The latest time that was told on each current scale.
    scales: HashMap<String, StoreTime>,
    values: HashMap<String, Kept<Vec<u8>>>,
    /// Of claims and leads.
    owners: HashMap<String, Kept<String>>,
    cursors: HashMap<String, Vec<u8>>,
    streams: HashMap<String, Stream>,
    /// At how many values and owners those that have ended are thrown away.
    sweep_at: usize,
}

struct Kept<T> {
    value: T,
    until: Instant,
}

/// Entries by their ids: milliseconds, and a number among those of the same one.
#[derive(Default)]
struct Stream {
    entries: BTreeMap<Id, Vec<u8>>,
    last: Id,
}

type Id = (u64, u64);

impl InProcessStore {
    /// An empty store.
    pub fn new(clock: impl Clock + 'static) -> Self {
        Self {
            clock: Arc::new(clock),
            state: Arc::default(),
            appended: Arc::new(watch::Sender::new(())),
        }
    }

    /// Forgets everything, as after a flush.
    pub fn flush(&self) {
        *self.state() = State::default();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.clock.now().timestamp_micros()).unwrap_or_default()
    }
}

impl State {
    /// Throws away what has ended, now and then.
    fn sweep(&mut self, now: Instant) {
        if self.values.len().saturating_add(self.owners.len()) < self.sweep_at.max(MIN_SWEEP) {
            return;
        }
        self.values.retain(|_, kept| now < kept.until);
        self.owners.retain(|_, kept| now < kept.until);
        self.sweep_at = 2 * self.values.len().saturating_add(self.owners.len());
    }

    fn own(&mut self, name: &str, owner: &str, until: Instant) {
        self.owners.insert(name.to_owned(), Kept { value: owner.to_owned(), until });
    }

    fn owner(&self, name: &str, now: Instant) -> Option<&str> {
        let kept = self.owners.get(name).filter(|kept| now < kept.until)?;
        Some(&kept.value)
    }

    fn append(&mut self, stream: &str, entry: &[u8], micros: u64) -> EntryId {
        let stream = self.streams.entry(stream.to_owned()).or_default();
        let next = (stream.last.0, stream.last.1.saturating_add(1));
        stream.last = next.max((micros / 1_000, 0));
        stream.entries.insert(stream.last, entry.to_vec());
        if stream.entries.len() > STREAM_LENGTH {
            stream.entries.pop_first();
        }
        text(stream.last)
    }
}

const MIN_SWEEP: usize = 1024;

impl Stream {
    /// What lies behind a position, and whether nothing is missing before it.
    fn page(&self, from: &StreamPosition, max: usize) -> StreamPage {
        let (first, is_continuous) = match from {
            StreamPosition::Latest => (Included(self.last), true),
            StreamPosition::Since(millis) => (Included((*millis, 0)), true),
            StreamPosition::Behind(id) => {
                let id = id_of(id);
                let is_there = id.is_some_and(|id| self.entries.contains_key(&id));
                (Excluded(id.unwrap_or_default()), is_there)
            }
        };
        let entries = self.entries.range((first, Unbounded)).take(max);
        let entries = entries.map(|(id, entry)| (text(*id), entry.clone())).collect();
        StreamPage { entries, is_continuous }
    }
}

fn text((millis, number): Id) -> EntryId {
    EntryId::new(format!("{millis}-{number}"))
}

fn id_of(id: &EntryId) -> Option<Id> {
    let (millis, number) = id.as_str().split_once('-')?;
    Some((millis.parse().ok()?, number.parse().ok()?))
}

impl SharedStore for InProcessStore {
    fn time<'a>(
        &'a self,
        name: &'a str,
        fresh: TimeScale,
        broken: Option<TimeScale>,
    ) -> BoxFuture<'a, Result<StoreTime, Error>> {
        Box::pin(async move {
            let mut state = self.state();
            let micros = self.micros();
            let goes_on = |told: &&StoreTime| told.micros <= micros && Some(told.scale) != broken;
            let scale = state.scales.get(name).filter(goes_on).map_or(fresh, |told| told.scale);
            let time = StoreTime { micros, scale };
            state.scales.insert(name.to_owned(), time);
            Ok(time)
        })
    }

    fn get<'a>(
        &'a self,
        names: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, Error>> {
        Box::pin(async move {
            let (state, now) = (self.state(), self.clock.monotonic());
            let is_given = |kept: &&Kept<Vec<u8>>| now < kept.until;
            let value = |name: &&str| state.values.get(*name).filter(is_given);
            Ok(names.iter().map(|name| value(name).map(|kept| kept.value.clone())).collect())
        })
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        value: &'a [u8],
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            if value.len() > MAX_VALUE {
                return Err(Error::from_store(ErrorKind::Input, "the value is too long"));
            }
            let (mut state, now) = (self.state(), self.clock.monotonic());
            state.sweep(now);
            let kept = Kept { value: value.to_vec(), until: later(now, ttl) };
            state.values.insert(name.to_owned(), kept);
            Ok(())
        })
    }

    fn claim<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let (mut state, now) = (self.state(), self.clock.monotonic());
            state.sweep(now);
            let is_free = state.owner(name, now).is_none();
            if is_free {
                state.own(name, owner, later(now, ttl));
            }
            Ok(is_free)
        })
    }

    fn append<'a>(
        &'a self,
        stream: &'a str,
        entry: &'a [u8],
    ) -> BoxFuture<'a, Result<EntryId, Error>> {
        Box::pin(async move {
            let id = self.state().append(stream, entry, self.micros());
            self.appended.send_replace(());
            Ok(id)
        })
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: &'a StreamPosition,
        max: usize,
        wait: Duration,
    ) -> BoxFuture<'a, Result<StreamPage, Error>> {
        Box::pin(async move {
            let mut appended = self.appended.subscribe();
            let mut deadline = Deadline::new(&*self.clock, later(self.clock.monotonic(), wait));
            loop {
                let page =
                    self.state().streams.entry(stream.to_owned()).or_default().page(from, max);
                let has_news = !page.entries.is_empty() || !page.is_continuous;
                // The sender lives in `self`: waiting cannot fail.
                if has_news || deadline.before(appended.changed()).await.is_none() {
                    return Ok(page);
                }
            }
        })
    }

    fn lead<'a>(&'a self, lead: &'a Lead) -> BoxFuture<'a, Result<Leadership, Error>> {
        Box::pin(async move {
            let (mut state, now) = (self.state(), self.clock.monotonic());
            if state.owner(&lead.name, now).is_some_and(|owner| owner != lead.owner) {
                return Ok(Leadership::Another);
            }
            state.own(&lead.name, &lead.owner, later(now, lead.ttl));
            Ok(Leadership::Own { cursor: state.cursors.get(&lead.name).cloned() })
        })
    }

    fn commit<'a>(
        &'a self,
        lead: &'a Lead,
        stream: &'a str,
        behind: Option<&'a EntryId>,
        entry: &'a [u8],
        cursor: &'a [u8],
    ) -> BoxFuture<'a, Result<Commit, Error>> {
        Box::pin(async move {
            let (mut state, now) = (self.state(), self.clock.monotonic());
            if state.owner(&lead.name, now) != Some(&lead.owner) {
                return Ok(Commit::NotLeader);
            }
            let is_there = |id: &EntryId| {
                let entries = state.streams.get(stream).map(|stream| &stream.entries);
                entries.zip(id_of(id)).is_some_and(|(entries, id)| entries.contains_key(&id))
            };
            if !behind.is_none_or(is_there) {
                return Ok(Commit::Lost);
            }
            state.own(&lead.name, &lead.owner, later(now, lead.ttl));
            state.cursors.insert(lead.name.clone(), cursor.to_vec());
            let id = state.append(stream, entry, self.micros());
            self.appended.send_replace(());
            Ok(Commit::Done(id))
        })
    }

    fn resign<'a>(&'a self, lead: &'a Lead) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let (mut state, now) = (self.state(), self.clock.monotonic());
            if state.owner(&lead.name, now) == Some(&lead.owner) {
                state.owners.remove(&lead.name);
            }
            Ok(())
        })
    }
}

impl fmt::Debug for InProcessStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcessStore").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
