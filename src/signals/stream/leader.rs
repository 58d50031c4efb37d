//! Reads the log for all instances, while this one has the lead.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::batch::{Batch, BatchId, CoveredUntil, Cursor, Place};
use super::counters::Commitment;
use super::instance::Instance;
use super::log::{LogPage, SignalLog};
use crate::clock::{Deadline, later};
use crate::error::Error;
use crate::shared::{Commit, EntryId, Lead, Leadership, StoreTime};
use crate::signals::signal::Signal;

/// Strives for the lead, and reads the log while it has it.
#[derive(Debug)]
pub(super) struct Leader {
    log: Box<dyn SignalLog>,
    /// When the log is to be read next, whoever read it last.
    due: Instant,
    candidate: Candidate,
    seat: Seat,
}

/// Where an instance stands that has not the lead.
#[derive(Debug)]
struct Candidate {
    /// It does not ask before.
    not_before: Instant,
    /// Nor as long as the leader is heard.
    waits_for_silence: bool,
    failures: u32,
}

/// The place of the leader, as far as this instance has it.
#[derive(Debug)]
struct Seat {
    instance: Arc<Instance>,
    lead: Lead,
    /// When the lead was last renewed.
    renewed: Instant,
    /// The batch behind which the next one goes on; `None` until the log has begun.
    last: Option<BatchId>,
    /// The log's own cursor with it; empty if the log cannot be gone on with there.
    log: Vec<u8>,
    /// Where that batch is in the stream, if this instance has put it there.
    behind: Option<EntryId>,
}

/// Why an instance has the lead no more, or has to ask whether it has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// Another has it.
    NotLeader,
    /// The store has lost what was committed.
    Lost,
    /// It is not known what became of a commit.
    Failed,
}

impl Leader {
    /// The lead lasts so long if it is not renewed.
    pub(super) const LEASE: Duration = Duration::from_secs(6);

    /// It is renewed so long after it was last.
    pub(super) const RENEW: Duration = Duration::from_secs(2);

    /// Beyond a lease, so much longer at most is waited before the lead is taken over: by a random
    /// part of it, so that not all instances ask at once.
    pub(super) const SPREAD: Duration = Duration::from_secs(3);

    /// A stored cursor that is so many batches older than what was heard is somebody's who puts old
    /// ones back: no store loses so much. Then this instance's own is gone on with.
    pub(super) const MAX_LOSS: usize = 64;

    pub(super) fn new(instance: Arc<Instance>, lead: Lead, log: Box<dyn SignalLog>) -> Self {
        let now = instance.now();
        let seat = Seat { instance, lead, renewed: now, last: None, log: Vec::new(), behind: None };
        let candidate = Candidate { not_before: now, waits_for_silence: false, failures: 0 };
        Self { log, due: now, candidate, seat }
    }

    pub(super) async fn run(mut self) {
        loop {
            let stored = self.candidate.stand_by(&self.seat).await;
            self.take_over(stored);
            let end = self.lead().await;
            self.seat.instance.set_leads(false);
            self.candidate.not_before = self.seat.instance.now();
            self.candidate.waits_for_silence = end == End::NotLeader;
            if end != End::NotLeader {
                self.candidate.failed(&self.seat.instance);
            }
        }
    }

    /// Goes on where the last leader was.
    fn take_over(&mut self, stored: Option<Cursor>) {
        let seat = &mut self.seat;
        seat.instance.set_leads(true);
        seat.instance.counters.takeovers.fetch_add(1, Ordering::Relaxed);
        let from = seat.choose(stored);
        self.log.go_on_at(from.as_ref().map(|from| &*from.log).filter(|log| !log.is_empty()));
        seat.behind = None;
        seat.last = from.as_ref().map(|from| from.batch);
        seat.log = from.map(|from| from.log).unwrap_or_default();
    }

    /// Reads the log and tells it, until that is another's.
    async fn lead(&mut self) -> End {
        loop {
            let page = match self.next_page().await {
                Ok(page) => page,
                Err(end) => return end,
            };
            self.due = page.due;
            if let Err(end) = self.seat.tell(page).await {
                return end;
            }
            self.candidate.failures = 0;
        }
    }

    /// Waits for the next page, and keeps the lead meanwhile.
    async fn next_page(&mut self) -> Result<LogPage, End> {
        let clock = Arc::clone(self.seat.instance.clock());
        let (log, due) = (&mut self.log, self.due);
        let mut reading = pin!(async {
            clock.sleep_until(due).await;
            log.next_page().await
        });
        loop {
            let mut renewal = Deadline::new(&*clock, later(self.seat.renewed, Self::RENEW));
            if let Some(page) = renewal.before(&mut reading).await {
                return Ok(page);
            }
            self.seat.renew().await?;
        }
    }
}

impl Candidate {
    /// Waits until this instance has the lead, and gives out what was stored with it.
    async fn stand_by(&mut self, seat: &Seat) -> Option<Cursor> {
        let instance = &seat.instance;
        let spread = Leader::SPREAD.mul_f64(instance.random().fraction());
        loop {
            let at = self.ask_at(instance, spread);
            if at > instance.now() {
                instance.clock().sleep_until(at).await;
                continue;
            }
            match seat.ask().await {
                Ok(Leadership::Own { cursor }) => return cursor.and_then(|it| seat.open(&it)),
                Ok(Leadership::Another) => {
                    self.waits_for_silence = true;
                    self.failures = 0;
                    // What the leader tells may be on its way still.
                    self.not_before =
                        later(instance.now(), Leader::SPREAD.saturating_add(spread).mul_f64(0.5));
                }
                Err(_) => self.failed(instance),
            }
        }
    }

    fn ask_at(&self, instance: &Instance, spread: Duration) -> Instant {
        match instance.heard_at().filter(|_| self.waits_for_silence) {
            Some(heard) => self.not_before.max(later(heard, Leader::LEASE.saturating_add(spread))),
            None => self.not_before,
        }
    }

    fn failed(&mut self, instance: &Instance) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = later(instance.now(), instance.pause(self.failures));
    }
}

impl Seat {
    /// Asks for the lead, or renews it.
    async fn ask(&self) -> Result<Leadership, Error> {
        let asking = self.instance.store().lead(&self.lead);
        self.instance.within(Instance::PATIENCE, asking).await
    }

    fn open(&self, cursor: &[u8]) -> Option<Cursor> {
        let plain = self.instance.shared.open(&self.instance.org.leader, cursor)?;
        Cursor::decode(&plain)
    }

    /// Where to go on: where the store says. If it says nothing, or what is far behind what was
    /// heard here, where that says.
    fn choose(&self, stored: Option<Cursor>) -> Option<Cursor> {
        let age = |cursor: &Cursor| self.instance.age(cursor.batch);
        let is_recent = |stored: &Cursor| age(stored).is_some_and(|age| age <= Leader::MAX_LOSS);
        match (stored, self.instance.cursor()) {
            (Some(stored), Some(heard)) => Some(if is_recent(&stored) { stored } else { heard }),
            (stored, heard) => stored.or(heard),
        }
    }

    /// Keeps the lead where there is nothing to tell.
    async fn renew(&mut self) -> Result<(), End> {
        if self.last.is_some() {
            // This tells the others that there is a leader.
            return self.commit(Vec::new(), Place::default(), None).await;
        }
        let asked = self.instance.now();
        match self.ask().await {
            Ok(Leadership::Own { .. }) => {
                self.renewed = asked;
                Ok(())
            }
            Ok(Leadership::Another) => Err(End::NotLeader),
            Err(_) => Err(End::Failed),
        }
    }

    /// Tells a page of the log, in as many batches as it takes. Only the last says how far the log
    /// was read: what follows an earlier one reads the page once more.
    async fn tell(&mut self, page: LogPage) -> Result<(), End> {
        if page.begins {
            (self.last, self.log) = (None, Vec::new());
        } else if self.last.is_none() {
            return self.tell_beside(page.signals).await;
        }
        let mut gap = page.gap.filter(|_| page.begins);
        let cursor = page.cursor.filter(|cursor| cursor.len() <= Cursor::MAX_LOG);
        let covered = (page.covered_until, page.covered_within);
        let mut parts = Batch::divide(page.signals).into_iter().peekable();
        while let Some(part) = parts.next() {
            let mut place = Place { gap: gap.take(), ..Place::default() };
            let is_last = parts.peek().is_none();
            if let (Some(until), within) = covered
                && is_last
            {
                place.covered = self.covered(until, within).await;
            }
            self.commit(part, place, cursor.clone().filter(|_| is_last)).await?;
        }
        Ok(())
    }

    /// Tells what a log has that has not begun: it has no place, and nothing goes on behind it.
    async fn tell_beside(&mut self, signals: Vec<Signal>) -> Result<(), End> {
        for part in Batch::divide(signals).into_iter().filter(|part| !part.is_empty()) {
            let (id, instance) = (BatchId::random(self.instance.random()), &self.instance);
            let entry = instance.seal(&instance.batch(id, None, part).await);
            let appending = instance.store().append(&instance.org.stream, &entry);
            instance.within(Instance::PATIENCE, appending).await.map_err(|_| End::Failed)?;
        }
        if later(self.renewed, Leader::RENEW) <= self.instance.now() {
            self.renew().await?;
        }
        Ok(())
    }

    async fn covered(&self, until: Instant, within: Duration) -> Option<CoveredUntil> {
        let scale = self.instance.scale().await?;
        let until = StoreTime { micros: scale.earliest(until), scale: scale.id() };
        Some(CoveredUntil { until, within })
    }

    /// Appends a batch behind the last one, and keeps with the lead where the log goes on.
    async fn commit(
        &mut self,
        signals: Vec<Signal>,
        place: Place,
        log: Option<Vec<u8>>,
    ) -> Result<(), End> {
        let instance = Arc::clone(&self.instance);
        let place = Some(Place { behind: self.last, log: log.clone(), ..place });
        let batch = instance.batch(BatchId::random(instance.random()), place, signals).await;
        let log = log.unwrap_or_else(|| self.log.clone());
        let cursor = Cursor { batch: batch.id, log };
        let entry = instance.seal(&batch);
        let sealed = instance.shared.seal(&instance.org.leader, &cursor.encode());
        let (stream, behind) = (&instance.org.stream, self.behind.as_ref());
        let sent = instance.now();
        let committing = instance.store().commit(&self.lead, stream, behind, &entry, &sealed);
        let committed = instance.within(Instance::PATIENCE, committing).await;
        let (outcome, end) = match committed {
            Ok(Commit::Done(id)) => {
                (self.behind, self.last, self.renewed) = (Some(id), Some(batch.id), sent);
                self.log = cursor.log;
                (Commitment::Done, Ok(()))
            }
            Ok(Commit::NotLeader) => (Commitment::NotLeader, Err(End::NotLeader)),
            Ok(Commit::Lost) => (Commitment::Lost, Err(End::Lost)),
            Err(_) => (Commitment::Failed, Err(End::Failed)),
        };
        instance.counters.commitments.add(outcome, 1);
        end
    }
}
