//! The network between an instance and the store.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use okta_introspect::shared::{
    Commit, EntryId, Lead, Leadership, SharedStore, StoreTime, StreamPage, StreamPosition,
    TimeScale,
};
use okta_introspect::{BoxFuture, Error, ErrorKind};

use crate::dice::Dice;
use crate::engine::Engine;
use crate::reading::Reading;
use crate::time::{InstanceClock, Moment};
use crate::world::World;

/// What is wrong with the way to the store, and with the store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoreFaults {
    /// Nothing answers: part of the calls is refused at once, the rest hangs.
    pub(crate) is_down: bool,
    /// It stands still until then.
    pub(crate) paused: Moment,
    /// Which part of requests, and of answers, gets lost.
    pub(crate) loss: f64,
    /// How long there and back takes, at least and at most.
    pub(crate) round_trip: (Duration, Duration),
    /// Whether instances of an odd number cannot reach it.
    pub(crate) is_cut: bool,
    /// How often all connections were broken.
    pub(crate) epoch: u64,
}

impl StoreFaults {
    pub(crate) const NONE: Self = Self {
        is_down: false,
        paused: Moment(0),
        loss: 0.0,
        round_trip: (Duration::from_micros(200), Duration::from_millis(2)),
        is_cut: false,
        epoch: 0,
    };
}

/// One instance's connection.
pub(crate) struct Link {
    world: Arc<World>,
    number: usize,
    clock: InstanceClock,
    dice: Dice,
    epoch: AtomicU64,
}

impl Link {
    pub(crate) fn new(
        world: &Arc<World>,
        number: usize,
        clock: &InstanceClock,
        dice: Dice,
    ) -> Self {
        let epoch = AtomicU64::new(world.store_faults().epoch);
        Self { world: Arc::clone(world), number, clock: clock.clone(), dice, epoch }
    }

    /// A connection that was broken fails once.
    fn connected(&self) -> Result<StoreFaults, Error> {
        let faults = self.world.store_faults();
        if self.epoch.swap(faults.epoch, Ordering::Relaxed) != faults.epoch {
            return Err(unreachable("the connection was lost"));
        }
        Ok(faults)
    }

    /// The request gets there, or it does not.
    async fn send(&self) -> Result<StoreFaults, Error> {
        let faults = self.connected()?;
        let is_gone = faults.is_down || (faults.is_cut && self.number % 2 == 1);
        if is_gone && self.dice.chance(0.5) {
            self.world.time.pass(Duration::from_millis(1)).await;
            return Err(unreachable("the connection was refused"));
        }
        if is_gone || self.dice.chance(faults.loss) {
            // Callers give up by themselves.
            std::future::pending::<()>().await;
        }
        Ok(faults)
    }

    /// One round trip. The whole of its time is taken by the request or by the answer: nothing
    /// is worse for those who read a clock.
    async fn trip<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Engine, Moment) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let faults = self.send().await?;
        let (round_trip, is_late) = (self.dice.span(faults.round_trip), self.dice.chance(0.5));
        if is_late {
            self.world.time.pass(round_trip).await;
        }
        let done = match self.world.is_paused() {
            false => self.world.with_engine(work),
            // What has come is done when it goes on, also if its caller has given up by then.
            true => {
                let world = Arc::clone(&self.world);
                let later = tokio::spawn(async move {
                    world.unpaused().await;
                    world.with_engine(work)
                });
                later.await.map_err(|_| unreachable("the store has ended"))?
            }
        };
        if self.dice.chance(faults.loss) {
            std::future::pending::<()>().await;
        }
        if !is_late {
            self.world.time.pass(round_trip).await;
        }
        self.clock.going().await;
        Ok(done)
    }

    async fn follow(
        &self,
        from: StreamPosition,
        max: usize,
        wait: Duration,
    ) -> Result<StreamPage, Error> {
        let faults = self.send().await?;
        let (is_lost, way) = (self.dice.chance(faults.loss), self.dice.span(faults.round_trip));
        let time = &self.world.time;
        // A little more than it was asked to, as calls take their time on a busy machine: seldom is
        // there nothing to read by then.
        let give_up = time.now().after(wait + LONGER);
        let page = loop {
            self.world.unpaused().await;
            let page = self.world.with_engine(|engine, _| engine.read(&from, max));
            if !page.entries.is_empty() || !page.is_continuous || time.now() >= give_up {
                time.pass(way).await;
                break page;
            }
            let reading = Reading::new(&self.world, &from, give_up, way);
            if let Some(entry) = reading.await {
                break StreamPage { entries: vec![entry], is_continuous: true };
            }
            if self.connected()?.is_down {
                std::future::pending::<()>().await;
            }
        };
        if is_lost {
            std::future::pending::<()>().await;
        }
        self.clock.going().await;
        Ok(page)
    }
}

/// So much longer than it should the store may wait for something to read.
const LONGER: Duration = Duration::from_millis(1200);

fn unreachable(what: &str) -> Error {
    Error::from_store(ErrorKind::Unreachable, what)
}

impl SharedStore for Link {
    fn time<'a>(
        &'a self,
        name: &'a str,
        fresh: TimeScale,
        broken: Option<TimeScale>,
    ) -> BoxFuture<'a, Result<StoreTime, Error>> {
        let name = name.to_owned();
        Box::pin(self.trip(move |engine, now| engine.time(now, &name, fresh, broken)))
    }

    fn get<'a>(
        &'a self,
        names: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, Error>> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Box::pin(self.trip(move |engine, now| engine.get(now, &names)))
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        value: &'a [u8],
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let (name, value) = (name.to_owned(), value.to_vec());
        Box::pin(self.trip(move |engine, now| engine.put(now, &name, value, ttl)))
    }

    fn claim<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        let (name, owner) = (name.to_owned(), owner.to_owned());
        Box::pin(self.trip(move |engine, now| engine.claim(now, &name, &owner, ttl)))
    }

    fn append<'a>(
        &'a self,
        _stream: &'a str,
        entry: &'a [u8],
    ) -> BoxFuture<'a, Result<EntryId, Error>> {
        let entry = entry.to_vec();
        Box::pin(self.trip(move |engine, now| engine.append(now, entry)))
    }

    fn read<'a>(
        &'a self,
        _stream: &'a str,
        from: &'a StreamPosition,
        max: usize,
        wait: Duration,
    ) -> BoxFuture<'a, Result<StreamPage, Error>> {
        Box::pin(self.follow(from.clone(), max, wait))
    }

    fn lead<'a>(&'a self, lead: &'a Lead) -> BoxFuture<'a, Result<Leadership, Error>> {
        let lead = lead.clone();
        Box::pin(self.trip(move |engine, now| engine.lead(now, &lead)))
    }

    fn commit<'a>(
        &'a self,
        lead: &'a Lead,
        _stream: &'a str,
        behind: Option<&'a EntryId>,
        entry: &'a [u8],
        cursor: &'a [u8],
    ) -> BoxFuture<'a, Result<Commit, Error>> {
        let (lead, behind) = (lead.clone(), behind.cloned());
        let (entry, cursor) = (entry.to_vec(), cursor.to_vec());
        let work = move |engine: &mut Engine, now| {
            engine.commit(now, &lead, behind.as_ref(), entry, cursor)
        };
        Box::pin(self.trip(work))
    }

    fn resign<'a>(&'a self, lead: &'a Lead) -> BoxFuture<'a, Result<(), Error>> {
        let lead = lead.clone();
        Box::pin(self.trip(move |engine, now| engine.resign(now, &lead)))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("number", &self.number).finish_non_exhaustive()
    }
}
