//! A store that fails, forgets and is tampered with as it is told to.

#![allow(unreachable_pub)]

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use okta_introspect::shared::{
    Commit, EntryId, Lead, Leadership, SharedStore, StoreTime, StreamPage, StreamPosition,
    TimeScale,
};
use okta_introspect::{BoxFuture, Clock, Deadline, Error, ErrorKind, ManualClock};
use tokio::sync::watch;

/// One engine, with one stream and one lead. Each instance has its own way to it.
#[derive(Clone, Debug)]
pub struct Engine {
    pub clock: ManualClock,
    state: Arc<Mutex<State>>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
pub struct State {
    pub entries: Vec<Entry>,
    pub cursor: Option<Vec<u8>>,
    /// All that were ever kept, oldest first.
    pub cursors: Vec<Vec<u8>>,
    /// The owner, and until when.
    lead: Option<(String, Duration)>,
    scale: Option<StoreTime>,
    last: (u64, u64),
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub id: EntryId,
    place: (u64, u64),
    pub value: Vec<u8>,
}

/// How an instance uses the engine.
#[derive(Clone, Debug)]
pub struct Way {
    engine: Engine,
    clock: ManualClock,
    state: Arc<Mutex<WayState>>,
    /// The instance stands still: what is answered does not reach it.
    stands: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct WayState {
    fault: Option<Fault>,
    calls: Vec<(Duration, What)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Every use fails.
    Down,
    /// Every use hangs.
    Hangs,
    /// What is appended and committed is, and is said to have failed.
    Unanswered,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Read(StreamPosition, Duration),
    Lead,
    Commit,
    Append,
    Resign,
    Time,
}

impl Engine {
    pub fn new(clock: &ManualClock) -> Self {
        Self { clock: clock.clone(), state: Arc::default(), changed: watch::Sender::new(()) }
    }

    pub fn way(&self, clock: &ManualClock) -> Way {
        Way {
            engine: self.clone(),
            clock: clock.clone(),
            state: Arc::default(),
            stands: watch::Sender::new(false),
        }
    }

    pub fn flush(&self) {
        *self.state() = State::default();
        self.changed.send_replace(());
    }

    /// What is in the stream.
    pub fn entries(&self) -> Vec<Entry> {
        self.state().entries.clone()
    }

    /// Does something to the stream that no instance does.
    pub fn tamper<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        let done = with(&mut self.state());
        self.changed.send_replace(());
        done
    }

    /// The latest entries are lost, with their cursors.
    pub fn lose(&self, count: usize) {
        self.tamper(|state| {
            let left = state.entries.len() - count;
            state.entries.truncate(left);
            let left = state.cursors.len() - count;
            state.cursors.truncate(left);
            state.cursor = state.cursors.last().cloned();
            // What comes next has another id than what was lost.
            state.last.1 += 100;
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.clock.now().timestamp_micros()).unwrap()
    }

    pub fn append(&self, value: &[u8]) -> EntryId {
        let millis = self.micros() / 1000;
        self.tamper(|state| state.append(millis, value))
    }

    fn page(&self, from: &StreamPosition, max: usize) -> StreamPage {
        let state = self.state();
        let (behind, is_continuous) = match from {
            StreamPosition::Latest => (state.entries.len().saturating_sub(1), true),
            StreamPosition::Since(millis) => {
                (state.entries.partition_point(|entry| entry.place < (*millis, 0)), true)
            }
            StreamPosition::Behind(id) => {
                let place = place_of(id);
                let is_there = state.entries.iter().any(|entry| entry.id == *id);
                (state.entries.partition_point(|entry| entry.place <= place), is_there)
            }
        };
        let entries = state.entries[behind..].iter().take(max);
        let entries = entries.map(|entry| (entry.id.clone(), entry.value.clone())).collect();
        StreamPage { entries, is_continuous }
    }
}

impl State {
    fn append(&mut self, millis: u64, value: &[u8]) -> EntryId {
        let place = (self.last.0, self.last.1 + 1).max((millis, 0));
        self.last = place;
        let id = EntryId::new(format!("{}-{}", place.0, place.1));
        self.entries.push(Entry { id: id.clone(), place, value: value.to_vec() });
        id
    }
}

fn place_of(id: &EntryId) -> (u64, u64) {
    let (millis, number) = id.as_str().split_once('-').unwrap();
    (millis.parse().unwrap(), number.parse().unwrap())
}

impl Way {
    pub fn set(&self, fault: impl Into<Option<Fault>>) {
        self.state().fault = fault.into();
    }

    pub fn stand_still(&self, stands: bool) {
        self.stands.send_replace(stands);
    }

    async fn awake(&self) {
        self.stands.subscribe().wait_for(|stands| !stands).await.unwrap();
    }

    /// When it was used for this, by the instance's clock.
    pub fn times(&self, is: impl Fn(&What) -> bool) -> Vec<Duration> {
        let state = self.state();
        state.calls.iter().filter(|(_, what)| is(what)).map(|(at, _)| *at).collect()
    }

    /// What was read.
    pub fn reads(&self) -> Vec<(StreamPosition, Duration)> {
        let state = self.state();
        let read = |(_, what): &(Duration, What)| match what {
            What::Read(from, wait) => Some((from.clone(), *wait)),
            _ => None,
        };
        state.calls.iter().filter_map(read).collect()
    }

    fn state(&self) -> MutexGuard<'_, WayState> {
        self.state.lock().unwrap()
    }

    async fn enter(&self, what: What) -> Result<&Engine, Error> {
        self.awake().await;
        let fault = {
            let at = self.clock.elapsed();
            let mut state = self.state();
            state.calls.push((at, what));
            state.fault
        };
        match fault {
            Some(Fault::Down) => Err(failed()),
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::Unanswered) | None => Ok(&self.engine),
        }
    }

    fn answer<T>(&self, done: T) -> Result<T, Error> {
        match self.state().fault {
            Some(_) => Err(failed()),
            None => Ok(done),
        }
    }
}

fn failed() -> Error {
    Error::from_store(ErrorKind::Unreachable, "the engine is told to fail")
}

impl SharedStore for Way {
    fn time<'a>(
        &'a self,
        _: &'a str,
        fresh: TimeScale,
        broken: Option<TimeScale>,
    ) -> BoxFuture<'a, Result<StoreTime, Error>> {
        Box::pin(async move {
            let engine = self.enter(What::Time).await?;
            let (micros, mut state) = (engine.micros(), engine.state());
            let goes_on = |told: &StoreTime| told.micros <= micros && Some(told.scale) != broken;
            let scale = state.scale.filter(goes_on).map_or(fresh, |told| told.scale);
            Ok(*state.scale.insert(StoreTime { micros, scale }))
        })
    }

    fn get<'a>(&'a self, _: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, Error>> {
        panic!("signals get nothing")
    }

    fn put<'a>(&'a self, _: &'a str, _: &'a [u8], _: Duration) -> BoxFuture<'a, Result<(), Error>> {
        panic!("signals put nothing")
    }

    fn claim<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Duration,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        panic!("signals claim nothing")
    }

    fn append<'a>(&'a self, _: &'a str, entry: &'a [u8]) -> BoxFuture<'a, Result<EntryId, Error>> {
        Box::pin(async move {
            let id = self.enter(What::Append).await?.append(entry);
            self.answer(id)
        })
    }

    fn read<'a>(
        &'a self,
        _: &'a str,
        from: &'a StreamPosition,
        max: usize,
        wait: Duration,
    ) -> BoxFuture<'a, Result<StreamPage, Error>> {
        Box::pin(async move {
            let engine = self.enter(What::Read(from.clone(), wait)).await?;
            let mut changed = engine.changed.subscribe();
            let until = engine.clock.monotonic() + wait;
            let mut deadline = Deadline::new(&engine.clock, until);
            loop {
                let page = engine.page(from, max);
                let has_news = !page.entries.is_empty() || !page.is_continuous;
                if has_news || deadline.before(changed.changed()).await.is_none() {
                    self.awake().await;
                    return Ok(page);
                }
            }
        })
    }

    fn lead<'a>(&'a self, lead: &'a Lead) -> BoxFuture<'a, Result<Leadership, Error>> {
        Box::pin(async move {
            let engine = self.enter(What::Lead).await?;
            let (mut state, now) = (engine.state(), engine.clock.elapsed());
            let other = |(owner, until): &(String, Duration)| *owner != lead.owner && now < *until;
            if state.lead.as_ref().is_some_and(other) {
                return Ok(Leadership::Another);
            }
            state.lead = Some((lead.owner.clone(), now + lead.ttl));
            Ok(Leadership::Own { cursor: state.cursor.clone() })
        })
    }

    fn commit<'a>(
        &'a self,
        lead: &'a Lead,
        _: &'a str,
        behind: Option<&'a EntryId>,
        entry: &'a [u8],
        cursor: &'a [u8],
    ) -> BoxFuture<'a, Result<Commit, Error>> {
        Box::pin(async move {
            let engine = self.enter(What::Commit).await?;
            let (now, millis) = (engine.clock.elapsed(), engine.micros() / 1000);
            let commit = engine.tamper(|state| {
                let own =
                    |(owner, until): &(String, Duration)| *owner == lead.owner && now < *until;
                if !state.lead.as_ref().is_some_and(own) {
                    return Commit::NotLeader;
                }
                let is_there = |id: &EntryId| state.entries.iter().any(|entry| entry.id == *id);
                if !behind.is_none_or(is_there) {
                    return Commit::Lost;
                }
                state.lead = Some((lead.owner.clone(), now + lead.ttl));
                state.cursor = Some(cursor.to_vec());
                state.cursors.push(cursor.to_vec());
                Commit::Done(state.append(millis, entry))
            });
            self.awake().await;
            self.answer(commit)
        })
    }

    fn resign<'a>(&'a self, lead: &'a Lead) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut state = self.enter(What::Resign).await?.state();
            state.lead = state.lead.take().filter(|(owner, _)| *owner != lead.owner);
            Ok(())
        })
    }
}
