//! The store itself, as an engine such as Redis is: one thread, a clock of its own, and a replica that
//! is a second behind.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::time::{EPOCH, Moment, Time};
use crate::wheel::Timer;
use okta_introspect::shared::{
    Commit, EntryId, Lead, Leadership, StoreTime, StreamPage, StreamPosition, TimeScale,
};

/// So long what was told is remembered: longer than any answer is on its way.
const REMEMBERED: Duration = Duration::from_secs(1);

/// What a replica may be behind.
const BEHIND: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Engine {
    time: Time,
    /// By how much its clock is wrong, in microseconds.
    clock_error: i64,
    scales: BTreeMap<String, StoreTime>,
    values: BTreeMap<String, Kept<Vec<u8>>>,
    owners: BTreeMap<String, Kept<String>>,
    cursors: BTreeMap<String, Vec<u8>>,
    stream: Stream,
    /// How to undo what was done of late, the newest last.
    undo: VecDeque<(Moment, Undo)>,
    /// Those that wait for something to read.
    readers: Vec<Reader>,
    /// What they were told so far, the newest last.
    told: VecDeque<(Moment, News)>,
    /// How often they were told something before that.
    forgotten: u64,
    /// When the last batch was committed.
    pub(crate) committed: Moment,
}

/// One that has read all there is, and waits for more.
#[derive(Debug)]
struct Reader {
    timer: Timer,
    /// How long an answer takes to it.
    way: Duration,
}

/// What becomes of those that wait for something to read.
#[derive(Clone, Debug)]
pub(crate) enum News {
    /// They are sent this entry.
    Entry(EntryId, Arc<[u8]>),
    /// They have to look again.
    Look,
}

#[derive(Clone, Debug)]
struct Kept<T> {
    value: T,
    until: Moment,
}

#[derive(Debug, Default)]
struct Stream {
    entries: BTreeMap<Id, Arc<[u8]>>,
    last: Id,
}

type Id = (u64, u64);

#[derive(Debug)]
enum Undo {
    Scale(String, Option<StoreTime>),
    Value(String, Option<Kept<Vec<u8>>>),
    Owner(String, Option<Kept<String>>),
    Cursor(String, Option<Vec<u8>>),
    Entry { id: Id, last: Id },
}

impl Engine {
    pub(crate) fn new(time: &Time) -> Self {
        Self {
            time: time.clone(),
            clock_error: 0,
            scales: BTreeMap::new(),
            values: BTreeMap::new(),
            owners: BTreeMap::new(),
            cursors: BTreeMap::new(),
            stream: Stream::default(),
            undo: VecDeque::new(),
            readers: Vec::new(),
            told: VecDeque::new(),
            forgotten: 0,
            committed: Moment::default(),
        }
    }

    /// Sets its clock forward or back.
    pub(crate) fn step(&mut self, micros: i64) {
        self.clock_error += micros;
    }

    /// Forgets everything.
    pub(crate) fn flush(&mut self) {
        let new = Self::new(&self.time);
        let old = std::mem::replace(self, Self { clock_error: self.clock_error, ..new });
        (self.readers, self.told, self.forgotten) = (old.readers, old.told, old.forgotten);
        self.tell(News::Look);
    }

    /// Has a replica take its place, which lacks the last second, and whose clock is another one.
    pub(crate) fn fail_over(&mut self, now: Moment, clock_micros: i64) {
        for (at, undo) in std::mem::take(&mut self.undo).into_iter().rev() {
            if at >= now.before(BEHIND) {
                self.take_back(undo);
            }
        }
        self.clock_error += clock_micros;
        self.tell(News::Look);
    }

    /// Leaves only this many entries of the stream.
    pub(crate) fn trim(&mut self, left: usize) {
        while self.stream.entries.len() > left {
            self.stream.entries.pop_first();
        }
        self.tell(News::Look);
    }

    /// Has a reader wait that has read all there is: up to `until`, or until it is told something,
    /// which takes its `way`. Hands out which news is its own.
    pub(crate) fn wait(&mut self, until: Moment, way: Duration, waker: Waker) -> (Timer, u64) {
        let timer = self.time.wheel().set(until.0, waker);
        self.readers.push(Reader { timer, way });
        (timer, self.forgotten + self.told.len() as u64)
    }

    /// What those were told whose news this is, and when.
    pub(crate) fn told(&self, news: u64) -> Option<(Moment, News)> {
        match news.checked_sub(self.forgotten) {
            Some(at) => self.told.get(at as usize).cloned(),
            None => Some((Moment::default(), News::Look)),
        }
    }

    /// Tells all that wait for something to read.
    pub(crate) fn tell(&mut self, news: News) {
        let now = self.time.now();
        let mut wheel = self.time.wheel();
        for reader in self.readers.drain(..) {
            let way = if matches!(news, News::Look) { Duration::ZERO } else { reader.way };
            wheel.move_to(reader.timer, now.after(way).0);
        }
        drop(wheel);
        self.told.push_back((now, news));
        while self.told.front().is_some_and(|(at, _)| *at < now.before(REMEMBERED)) {
            self.told.pop_front();
            self.forgotten += 1;
        }
    }

    fn take_back(&mut self, undo: Undo) {
        fn back<T>(map: &mut BTreeMap<String, T>, name: String, before: Option<T>) {
            match before {
                Some(value) => map.insert(name, value),
                None => map.remove(&name),
            };
        }
        match undo {
            Undo::Scale(name, before) => back(&mut self.scales, name, before),
            Undo::Value(name, before) => back(&mut self.values, name, before),
            Undo::Owner(name, before) => back(&mut self.owners, name, before),
            Undo::Cursor(name, before) => back(&mut self.cursors, name, before),
            Undo::Entry { id, last } => {
                self.stream.entries.remove(&id);
                self.stream.last = last;
            }
        }
    }

    fn note(&mut self, now: Moment, undo: Undo) {
        self.undo.push_back((now, undo));
        while self.undo.front().is_some_and(|(at, _)| *at < now.before(BEHIND)) {
            self.undo.pop_front();
        }
    }

    fn micros(&self, now: Moment) -> u64 {
        let micros = EPOCH * 1_000_000 + (now.0 / 1000) as i64 + self.clock_error;
        micros as u64 // long after 1970
    }

    pub(crate) fn time(
        &mut self,
        now: Moment,
        name: &str,
        fresh: TimeScale,
        broken: Option<TimeScale>,
    ) -> StoreTime {
        let micros = self.micros(now);
        let goes_on = |told: &&StoreTime| told.micros <= micros && Some(told.scale) != broken;
        let scale = self.scales.get(name).filter(goes_on).map_or(fresh, |told| told.scale);
        let time = StoreTime { micros, scale };
        let before = self.scales.insert(name.to_owned(), time);
        self.note(now, Undo::Scale(name.to_owned(), before));
        time
    }

    pub(crate) fn get(&self, now: Moment, names: &[String]) -> Vec<Option<Vec<u8>>> {
        let value = |name| self.values.get(name).filter(|kept| now < kept.until);
        names.iter().map(|name| Some(value(name)?.value.clone())).collect()
    }

    pub(crate) fn put(&mut self, now: Moment, name: &str, value: Vec<u8>, ttl: Duration) {
        let before = self.values.insert(name.to_owned(), Kept { value, until: now.after(ttl) });
        self.note(now, Undo::Value(name.to_owned(), before));
    }

    pub(crate) fn claim(&mut self, now: Moment, name: &str, owner: &str, ttl: Duration) -> bool {
        let is_free = self.owner(now, name).is_none();
        if is_free {
            self.own(now, name, owner, ttl);
        }
        is_free
    }

    fn owner(&self, now: Moment, name: &str) -> Option<&str> {
        let kept = self.owners.get(name).filter(|kept| now < kept.until)?;
        Some(&kept.value)
    }

    fn own(&mut self, now: Moment, name: &str, owner: &str, ttl: Duration) {
        let kept = Kept { value: owner.to_owned(), until: now.after(ttl) };
        let before = self.owners.insert(name.to_owned(), kept);
        self.note(now, Undo::Owner(name.to_owned(), before));
    }

    pub(crate) fn append(&mut self, now: Moment, entry: Vec<u8>) -> EntryId {
        let before = self.stream.last;
        let id = (before.0, before.1 + 1).max((self.micros(now) / 1000, 0));
        self.stream.last = id;
        let entry: Arc<[u8]> = entry.into();
        self.stream.entries.insert(id, Arc::clone(&entry));
        self.note(now, Undo::Entry { id, last: before });
        self.tell(News::Entry(text(id), entry));
        text(id)
    }

    /// What lies behind a position, and whether nothing is missing before it.
    pub(crate) fn read(&self, from: &StreamPosition, max: usize) -> StreamPage {
        let entries = &self.stream.entries;
        let (first, is_continuous) = match from {
            StreamPosition::Latest => (Included(self.stream.last), true),
            StreamPosition::Since(millis) => (Included((*millis, 0)), true),
            StreamPosition::Behind(id) => {
                let id = id_of(id);
                (Excluded(id), entries.contains_key(&id))
            }
        };
        let page = entries.range((first, Unbounded)).take(max);
        let entries = page.map(|(id, entry)| (text(*id), entry.to_vec())).collect();
        StreamPage { entries, is_continuous }
    }

    pub(crate) fn lead(&mut self, now: Moment, lead: &Lead) -> Leadership {
        if self.owner(now, &lead.name).is_some_and(|owner| owner != lead.owner) {
            return Leadership::Another;
        }
        self.own(now, &lead.name, &lead.owner, lead.ttl);
        Leadership::Own { cursor: self.cursors.get(&lead.name).cloned() }
    }

    pub(crate) fn commit(
        &mut self,
        now: Moment,
        lead: &Lead,
        behind: Option<&EntryId>,
        entry: Vec<u8>,
        cursor: Vec<u8>,
    ) -> Commit {
        if self.owner(now, &lead.name) != Some(&lead.owner) {
            return Commit::NotLeader;
        }
        let is_there = |id| self.stream.entries.contains_key(&id_of(id));
        if !behind.is_none_or(is_there) {
            return Commit::Lost;
        }
        self.own(now, &lead.name, &lead.owner, lead.ttl);
        let before = self.cursors.insert(lead.name.clone(), cursor);
        self.note(now, Undo::Cursor(lead.name.clone(), before));
        self.committed = now;
        Commit::Done(self.append(now, entry))
    }

    pub(crate) fn resign(&mut self, now: Moment, lead: &Lead) {
        if self.owner(now, &lead.name) == Some(&lead.owner) {
            self.owners.remove(&lead.name);
        }
    }
}

fn text((millis, number): Id) -> EntryId {
    EntryId::new(format!("{millis}-{number}"))
}

/// Every id is one of ours.
fn id_of(id: &EntryId) -> Id {
    let (millis, number) = id.as_str().split_once('-').unwrap_or_default();
    (millis.parse().unwrap_or_default(), number.parse().unwrap_or_default())
}
