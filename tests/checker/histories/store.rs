//! The store that instances share in a history: it fails, hangs and lies, and takes its time.

use std::time::Duration;

use okta_introspect::shared::{
    Commit, EntryId, Lead, Leadership, SharedStore, StoreTime, StreamPage, StreamPosition,
    TimeScale,
};
use okta_introspect::{BoxFuture, Error, SeededRandom};

use super::below;
use super::server::Server;
use crate::second_level::store::{Fault, Faulty, Use};

/// What it makes of each use. It does not lie about the time: that its clock runs as clocks do, or
/// says when it was set, is what it promises.
pub(crate) fn whims(random: SeededRandom) -> impl FnMut(Use) -> Fault + Send {
    move |of| match (below(&random, 40), of) {
        (0, _) => Fault::Fails,
        (1, _) => Fault::Hangs,
        (2, _) => Fault::Forgets,
        (3..7, Use::Get | Use::Put | Use::Claim) => Fault::Lies,
        _ => Fault::None,
    }
}

/// Takes its time before or behind each use.
#[derive(Clone, Debug)]
pub(crate) struct Gated {
    pub(crate) store: Faulty,
    pub(crate) server: Server,
}

impl Gated {
    fn gated<'a, T: Send + 'a>(
        &'a self,
        work: BoxFuture<'a, Result<T, Error>>,
    ) -> BoxFuture<'a, Result<T, Error>> {
        Box::pin(async move {
            if below(&self.server.random, 2) == 0 {
                self.server.gate().await;
                return work.await;
            }
            let done = work.await;
            self.server.gate().await;
            done
        })
    }
}

impl SharedStore for Gated {
    fn time<'a>(
        &'a self,
        name: &'a str,
        fresh: TimeScale,
        broken: Option<TimeScale>,
    ) -> BoxFuture<'a, Result<StoreTime, Error>> {
        self.gated(self.store.time(name, fresh, broken))
    }

    fn get<'a>(
        &'a self,
        names: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, Error>> {
        self.gated(self.store.get(names))
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        value: &'a [u8],
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.gated(self.store.put(name, value, ttl))
    }

    fn claim<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        self.gated(self.store.claim(name, owner, ttl))
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
