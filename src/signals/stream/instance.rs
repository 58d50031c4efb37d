//! What follower, leader and publisher of one instance have in common.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::batch::{Batch, BatchId, Cursor, Place};
use super::counters::Counters;
use super::known::Known;
use crate::clock::{Clock, Deadline, later};
use crate::error::{Error, ErrorKind};
use crate::shared::{Org, Scale, Shared, SharedStore};
use crate::signals::feed::Feed;
use crate::signals::signal::Signal;
use crate::support::random::Random;

/// What follower, leader and publisher of one instance have in common.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) shared: Shared,
    pub(super) org: Arc<Org>,
    /// The address of the org whose log it is.
    pub(super) address: String,
    pub(super) feed: Feed,
    pub(super) counters: Counters,
    leads: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Batches of the log.
    known: Known,
    /// Where the log goes on behind the last of these; `None` if that is not known.
    cursor: Option<Cursor>,
    /// Batches of no log.
    published: Known,
    /// When the last batch of the log was heard.
    heard_at: Option<Instant>,
    /// When the stream was last read.
    read_at: Option<Instant>,
    /// Up to when the log has told all, as far as is known here.
    covered_until: Option<Instant>,
}

impl Instance {
    /// So long has one use of the store.
    pub(super) const PATIENCE: Duration = Duration::from_secs(2);

    /// The shortest and the longest pause after failures, before jitter shortens it by up to half.
    const MIN_PAUSE: Duration = Duration::from_millis(500);
    const MAX_PAUSE: Duration = Duration::from_secs(4);

    /// Reading the store's clock is given a fifth of this.
    const CLOCK_WAIT: Duration = Duration::from_millis(500);

    /// So many batches of each kind at least are remembered, in some 60 bytes each.
    const REMEMBERED: usize = 512;

    pub(super) fn new(shared: Shared, org: Arc<Org>, address: String, feed: Feed) -> Self {
        let state = State {
            known: Known::new(Self::REMEMBERED),
            cursor: None,
            published: Known::new(Self::REMEMBERED),
            heard_at: None,
            read_at: None,
            covered_until: None,
        };
        let (leads, state) = (AtomicBool::new(false), Mutex::new(state));
        Self { shared, org, address, feed, counters: Counters::default(), leads, state }
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        self.feed.clock()
    }

    pub(super) fn now(&self) -> Instant {
        self.clock().monotonic()
    }

    pub(super) fn store(&self) -> &dyn SharedStore {
        &**self.shared.store()
    }

    pub(super) fn random(&self) -> &dyn Random {
        &**self.shared.random()
    }

    /// Waits for the store, and no longer than this. One that has failed may come back with another
    /// clock.
    pub(super) async fn within<T>(
        &self,
        patience: Duration,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut deadline = Deadline::new(&**self.clock(), later(self.now(), patience));
        let done = deadline.before(work).await.unwrap_or_else(|| {
            Err(Error::from_store(ErrorKind::TimedOut, "the shared store did not answer in time"))
        });
        done.inspect_err(|_| self.org.doubt(self.now()))
    }

    /// What is known of the store's clock.
    pub(super) async fn scale(&self) -> Option<Scale> {
        self.shared.scale(self.clock(), &self.org, Self::CLOCK_WAIT).await
    }

    /// A batch that is made now.
    pub(super) async fn batch(
        &self,
        id: BatchId,
        place: Option<Place>,
        signals: Vec<Signal>,
    ) -> Batch {
        let scale = self.scale().await;
        Batch::new(id, self.now(), scale, place, signals)
    }

    /// How long to wait after so many failures in a row.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        let doubled = Self::MIN_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(8));
        doubled.min(Self::MAX_PAUSE).mul_f64(0.5 + self.random().fraction() / 2.0)
    }

    pub(super) fn is_known(&self, batch: &Batch) -> bool {
        let state = self.state();
        match batch.place {
            Some(_) => state.known.contains(batch.id),
            None => state.published.contains(batch.id),
        }
    }

    pub(super) fn knows_nothing(&self) -> bool {
        self.state().known.is_empty()
    }

    /// How many batches of the log were applied after this one; `None` if it was not.
    pub(super) fn age(&self, id: BatchId) -> Option<usize> {
        self.state().known.age(id)
    }

    /// A batch of the log was applied.
    pub(super) fn heard(&self, id: BatchId, place: &Place) {
        let now = self.now();
        let mut state = self.state();
        state.known.add(id);
        state.heard_at = Some(now);
        if let Some(log) = &place.log {
            state.cursor = Some(Cursor { batch: id, log: log.clone() });
        } else if place.behind.is_none() {
            state.cursor = None;
        } else if let Some(cursor) = &mut state.cursor
            && Some(cursor.batch) == place.behind
        {
            // The log is where it was.
            cursor.batch = id;
        }
    }

    /// Where the log goes on behind what was heard.
    pub(super) fn cursor(&self) -> Option<Cursor> {
        self.state().cursor.clone()
    }

    /// What stands in the stream for a batch.
    pub(super) fn seal(&self, batch: &Batch) -> Vec<u8> {
        self.shared.seal(&self.org.stream, &batch.encode())
    }

    /// A batch of no log was applied, or is this instance's own.
    pub(super) fn published(&self, id: BatchId) {
        self.state().published.add(id);
    }

    pub(super) fn heard_at(&self) -> Option<Instant> {
        self.state().heard_at
    }

    pub(super) fn read(&self) {
        self.state().read_at = Some(self.now());
    }

    pub(super) fn read_at(&self) -> Option<Instant> {
        self.state().read_at
    }

    pub(super) fn covered(&self, until: Instant) {
        let mut state = self.state();
        state.covered_until = state.covered_until.max(Some(until));
    }

    pub(super) fn covered_until(&self) -> Option<Instant> {
        self.state().covered_until
    }

    pub(super) fn set_leads(&self, leads: bool) {
        if self.leads.swap(leads, Ordering::Relaxed) != leads {
            match leads {
                true => tracing::info!("reads the log for all instances"),
                false => tracing::info!("reads the log no more; another instance is to do so"),
            }
        }
    }

    pub(super) fn leads(&self) -> bool {
        self.leads.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
