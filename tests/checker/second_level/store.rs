//! A store that fails, hangs and lies as it is told to.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use okta_introspect::shared::{
    Commit, EntryId, InProcessStore, Lead, Leadership, SharedStore, StoreTime, StreamPage,
    StreamPosition, TimeScale,
};
use okta_introspect::{BoxFuture, Clock, Error, ErrorKind, ManualClock};
use tokio::sync::watch;

use crate::support::start;

/// What is asked of the store.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Use {
    Time,
    Get,
    Put,
    Claim,
}

/// What it does instead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    None,
    /// It says that it cannot.
    Fails,
    /// It does nothing, for good.
    Hangs,
    /// It does it, and says nothing, for good.
    Forgets,
    /// It does it once it is let go.
    Waits,
    /// It says that another instance has what is claimed.
    Refuses,
    /// It does something else: gives what was put first or elsewhere, puts nothing, says the
    /// opposite, tells another time.
    Lies,
}

type Choose = Box<dyn FnMut(Use) -> Fault + Send>;

/// The store's own clock, which nobody sets.
#[derive(Debug)]
struct Steady(ManualClock);

impl Clock for Steady {
    fn now(&self) -> DateTime<Utc> {
        start() + self.0.elapsed()
    }

    fn monotonic(&self) -> Instant {
        self.0.monotonic()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        self.0.sleep_until(at)
    }
}

/// Clones are one store.
#[derive(Clone)]
pub(crate) struct Faulty {
    store: InProcessStore,
    choose: Arc<Mutex<Choose>>,
    state: Arc<Mutex<State>>,
    held: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    uses: HashMap<Use, usize>,
    /// All that was ever put.
    puts: Vec<(String, Vec<u8>)>,
    lies: usize,
}

impl Faulty {
    pub(crate) fn new(clock: &ManualClock) -> Self {
        Self {
            store: InProcessStore::new(Steady(clock.clone())),
            choose: Arc::new(Mutex::new(Box::new(|_| Fault::None))),
            state: Arc::default(),
            held: watch::Sender::new(true),
        }
    }

    /// From now on each use has the fault that this chooses.
    pub(crate) fn choose(&self, choose: impl FnMut(Use) -> Fault + Send + 'static) {
        *self.choose.lock().unwrap() = Box::new(choose);
    }

    /// From now on uses of this kind have this fault, and others none.
    pub(crate) fn fault(&self, of: Use, fault: Fault) {
        self.choose(move |kind| if kind == of { fault } else { Fault::None });
    }

    /// Lets those go that wait.
    pub(crate) fn let_go(&self) {
        self.held.send_replace(false);
    }

    /// Forgets everything.
    pub(crate) fn flush(&self) {
        self.store.flush();
    }

    /// How often it was used so.
    pub(crate) fn uses(&self, of: Use) -> usize {
        self.state().uses.get(&of).copied().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A number for the next lie.
    fn lie(&self) -> usize {
        let mut state = self.state();
        state.lies += 1;
        state.lies
    }

    /// Does the work, or not.
    async fn with<T>(
        &self,
        of: Use,
        work: impl Future<Output = Result<T, Error>>,
        lie: impl FnOnce(Result<T, Error>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        *self.state().uses.entry(of).or_default() += 1;
        let fault = (self.choose.lock().unwrap())(of);
        match fault {
            Fault::None => work.await,
            Fault::Fails => Err(no()),
            Fault::Hangs | Fault::Refuses => std::future::pending().await,
            Fault::Forgets => {
                drop(work.await);
                std::future::pending().await
            }
            Fault::Waits => {
                self.held.subscribe().wait_for(|held| !held).await.unwrap();
                work.await
            }
            // It puts nothing.
            Fault::Lies if of == Use::Put => lie(Err(no())),
            Fault::Lies => lie(work.await),
        }
    }

    /// What it gives for a name when it lies: what was put there first, what was put somewhere
    /// else, or what was never put.
    fn false_value(&self, name: &str) -> Option<Vec<u8>> {
        let lie = self.lie();
        let state = self.state();
        let first =
            || state.puts.iter().find(|(put, _)| put == name).map(|(_, value)| value.clone());
        match lie % 4 {
            0 => first(),
            1 => state.puts.get(lie / 4 % state.puts.len().max(1)).map(|(_, value)| value.clone()),
            2 => first().map(|mut value| {
                let at = lie / 4 % value.len();
                value[at] ^= 1;
                value
            }),
            _ => Some(vec![7; lie % 100]),
        }
    }
}

impl SharedStore for Faulty {
    fn time<'a>(
        &'a self,
        name: &'a str,
        fresh: TimeScale,
        broken: Option<TimeScale>,
    ) -> BoxFuture<'a, Result<StoreTime, Error>> {
        let lie = |time: Result<StoreTime, Error>| {
            let by = self.lie() as u64 * 977_000 % 7_200_000_000;
            time.map(|time| StoreTime { micros: time.micros + by - 3_600_000_000, ..time })
        };
        Box::pin(self.with(Use::Time, self.store.time(name, fresh, broken), lie))
    }

    fn get<'a>(
        &'a self,
        names: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, Error>> {
        let lie = |_| Ok(names.iter().map(|name| self.false_value(name)).collect());
        Box::pin(self.with(Use::Get, self.store.get(names), lie))
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        value: &'a [u8],
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.state().puts.push((name.to_owned(), value.to_vec()));
        Box::pin(self.with(Use::Put, self.store.put(name, value, ttl), |_| Ok(())))
    }

    fn claim<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        let lie = |claimed: Result<bool, Error>| claimed.map(|claimed| !claimed);
        if (self.choose.lock().unwrap())(Use::Claim) == Fault::Refuses {
            return Box::pin(async { Ok(false) });
        }
        Box::pin(self.with(Use::Claim, self.store.claim(name, owner, ttl), lie))
    }

    fn append<'a>(
        &'a self,
        stream: &'a str,
        entry: &'a [u8],
    ) -> BoxFuture<'a, Result<EntryId, Error>> {
        self.store.append(stream, entry)
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: &'a StreamPosition,
        max: usize,
        wait: Duration,
    ) -> BoxFuture<'a, Result<StreamPage, Error>> {
        self.store.read(stream, from, max, wait)
    }

    fn lead<'a>(&'a self, lead: &'a Lead) -> BoxFuture<'a, Result<Leadership, Error>> {
        self.store.lead(lead)
    }

    fn commit<'a>(
        &'a self,
        lead: &'a Lead,
        stream: &'a str,
        behind: Option<&'a EntryId>,
        entry: &'a [u8],
        cursor: &'a [u8],
    ) -> BoxFuture<'a, Result<Commit, Error>> {
        self.store.commit(lead, stream, behind, entry, cursor)
    }

    fn resign<'a>(&'a self, lead: &'a Lead) -> BoxFuture<'a, Result<(), Error>> {
        self.store.resign(lead)
    }
}

fn no() -> Error {
    Error::from_store(ErrorKind::Unreachable, "the test says so")
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}
