//! Reads the stream, and applies what is told there.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::batch::{Batch, CoveredUntil, Place};
use super::counters::{Entry, Reading, Uncovered};
use super::instance::Instance;
use crate::clock::later;
use crate::error::Error;
use crate::shared::{Scale, StoreTime, StreamPage, StreamPosition};
use crate::signals::signal::SourceKind;

/// Reads the stream from a position of its own.
#[derive(Debug)]
pub(super) struct Follower {
    instance: Arc<Instance>,
    /// `None` if it has yet to be found.
    position: Option<StreamPosition>,
    /// The latest time at which a batch was made that was not of the future.
    newest: Option<StoreTime>,
    failures: u32,
    /// How often in a row the place in the stream was lost.
    losses: u32,
}

impl Follower {
    /// So long the store waits for something new.
    pub(super) const WAIT: Duration = Duration::from_secs(1);

    /// So many entries are read at once.
    pub(super) const PAGE: usize = 64;

    /// So much before what was last heard of it the stream is read again, once the place in it is lost.
    pub(super) const AGAIN: Duration = Duration::from_secs(120);

    /// A batch that was made so long before another one that was heard of, and was not heard of
    /// before that, was kept back or repeated by somebody.
    pub(super) const STALE: Duration = Duration::from_secs(300);

    /// The kind of the signal that a gap counts as.
    const GAP: &'static str = "stream_gap";

    pub(super) fn new(instance: Arc<Instance>) -> Self {
        Self { instance, position: None, newest: None, failures: 0, losses: 0 }
    }

    pub(super) async fn run(mut self) {
        loop {
            let Err(error) = self.turn().await else { continue };
            let at = later(self.instance.now(), self.failed(&error));
            self.instance.clock().sleep_until(at).await;
        }
    }

    /// Reads once, and waits for something to read.
    pub(super) async fn turn(&mut self) -> Result<(), Error> {
        let from = match &self.position {
            Some(position) => position.clone(),
            None => self.beginning().await,
        };
        let page = self.read(&from, Self::PAGE, Self::WAIT).await?;
        if std::mem::take(&mut self.failures) > 0 {
            tracing::info!("reads the signals of the shared store again");
        }
        if !page.is_continuous {
            self.instance.counters.readings.add(Reading::Broken, 1);
            self.position = None;
            self.losses = self.losses.saturating_add(1);
            self.rest_after_losses().await;
            return Ok(());
        }
        if matches!(from, StreamPosition::Behind(_)) {
            self.losses = 0;
        }
        self.instance.counters.readings.add(Reading::Continuous, 1);
        self.instance.read();
        let is_empty = page.entries.is_empty();
        self.position = Some(from);
        self.take_page(page).await;
        if is_empty && matches!(self.position, Some(StreamPosition::Since(_))) {
            return self.look_at_latest().await;
        }
        Ok(())
    }

    fn failed(&mut self, error: &Error) -> Duration {
        self.instance.counters.readings.add(Reading::Failed, 1);
        self.instance.feed.failed(SourceKind::SystemLog, "shared_store");
        if self.failures == 0 {
            tracing::warn!(%error, "cannot read the signals of the shared store; no answer is extended meanwhile");
        }
        self.failures = self.failures.saturating_add(1);
        self.instance.pause(self.failures)
    }

    /// Where to begin, or to look for what goes on behind what was heard.
    async fn beginning(&self) -> StreamPosition {
        let back = |micros: u64, by: Duration| {
            let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
            StreamPosition::Since((micros / 1000).saturating_sub(by))
        };
        let instance = &self.instance;
        match self.newest {
            Some(newest) if !instance.knows_nothing() => back(newest.micros, Self::AGAIN),
            _ => match instance.scale().await {
                Some(scale) => back(scale.earliest(instance.now()), instance.feed.max_age_limit()),
                None => StreamPosition::Latest,
            },
        }
    }

    /// A store that loses each place at once must not be asked without a pause.
    async fn rest_after_losses(&self) {
        if self.losses > 1 {
            let at = later(self.instance.now(), self.instance.pause(self.losses - 1));
            self.instance.clock().sleep_until(at).await;
        }
    }

    /// Where nothing was appended since, the store's clock may have been set back: what is appended
    /// next would then count as earlier.
    async fn look_at_latest(&mut self) -> Result<(), Error> {
        let page = self.read(&StreamPosition::Latest, 1, Duration::ZERO).await?;
        self.take_page(page).await;
        Ok(())
    }

    async fn read(
        &self,
        from: &StreamPosition,
        max: usize,
        wait: Duration,
    ) -> Result<StreamPage, Error> {
        let instance = &self.instance;
        let patience = wait.saturating_add(Instance::PATIENCE);
        let reading = instance.store().read(&instance.org.stream, from, max, wait);
        instance.within(patience, reading).await
    }

    async fn take_page(&mut self, page: StreamPage) {
        if page.entries.is_empty() {
            return;
        }
        let scale = self.instance.scale().await;
        for (entry, value) in page.entries {
            let taken = self.take(&value, scale.as_ref());
            self.instance.counters.entries.add(taken, 1);
            self.position = Some(StreamPosition::Behind(entry));
        }
    }

    /// Takes one entry, and tells what it was.
    fn take(&mut self, value: &[u8], scale: Option<&Scale>) -> Entry {
        let instance = &self.instance;
        let plain = instance.shared.open(&instance.org.stream, value);
        let Some(batch) = plain.and_then(|plain| Batch::decode(&plain)) else {
            return Entry::Unreadable;
        };
        if instance.is_known(&batch) {
            return Entry::Repeated;
        }
        if self.is_stale(&batch) {
            return Entry::Stale;
        }
        if let Some(place) = &batch.place {
            self.go_on_at(place);
        }
        batch.signals.iter().for_each(|signal| {
            instance.feed.apply_told(signal);
        });
        let is_future = self.is_future(&batch, scale);
        match &batch.place {
            None => instance.published(batch.id),
            Some(place) => {
                instance.heard(batch.id, place);
                if let Some(covered) = place.covered {
                    self.cover(covered, &batch, scale);
                }
            }
        }
        if let Some(made) = batch.made.filter(|_| is_future == Some(false)) {
            self.newest = Some(match self.newest {
                Some(newest) if newest.scale == made.scale && newest.micros > made.micros => newest,
                _ => made,
            });
        }
        Entry::Applied
    }

    /// Sees to it that nothing is missing before a place in the log: what was told behind a batch
    /// that was applied here continues it, and all else is a gap.
    fn go_on_at(&self, place: &Place) {
        let instance = &self.instance;
        if place.behind.is_some_and(|behind| instance.age(behind).is_some()) {
            return;
        }
        // Of a log that was begun earlier than this instance nothing was missed here.
        if place.gap.is_some() || !instance.knows_nothing() {
            let why = place.gap.as_deref().unwrap_or(Self::GAP);
            instance.counters.gaps.fetch_add(1, Ordering::Relaxed);
            instance.feed.invalidate_everything(SourceKind::SystemLog, why);
            tracing::warn!(reason = why, "signals may be lost: all tokens are asked about again");
        }
        // What happens from now on is told behind this batch, which was made before.
        instance.feed.begin_coverage(instance.now(), &instance.address);
    }

    fn is_stale(&self, batch: &Batch) -> bool {
        let stale = u64::try_from(Self::STALE.as_micros()).unwrap_or(u64::MAX);
        let Some((made, newest)) = batch.made.zip(self.newest) else { return false };
        made.scale == newest.scale && newest.micros.saturating_sub(made.micros) > stale
    }

    /// Whether a batch was made after now; `None` if that cannot be told.
    fn is_future(&self, batch: &Batch, scale: Option<&Scale>) -> Option<bool> {
        let (made, scale) = batch.made.zip(scale)?;
        (made.scale == scale.id()).then(|| made.micros > scale.latest(self.instance.now()))
    }

    /// Takes note of how far the log was told. Times count only if their writer has
    /// watched the store's clock at one time with this instance: otherwise it may have been set between.
    fn cover(&self, covered: CoveredUntil, batch: &Batch, scale: Option<&Scale>) {
        let instance = &self.instance;
        let is_comparable = |scale: &&Scale| {
            scale.id() == covered.until.scale
                && batch.watched.is_some_and(|watched| scale.meets(watched))
        };
        let known = scale.filter(is_comparable).zip(batch.made).zip(self.is_future(batch, scale));
        let Some(((scale, made), is_future)) = known else {
            instance.org.note_other_scale();
            return instance.counters.uncovered.add(Uncovered::OtherScale, 1);
        };
        if is_future || covered.until.micros > made.micros {
            return instance.counters.uncovered.add(Uncovered::Future, 1);
        }
        let Some(until) = scale.earliest_moment(covered.until.micros) else { return };
        instance.covered(until);
        let within = covered.within.saturating_add(Instance::PATIENCE);
        instance.feed.advance_coverage(until, within, &instance.address);
    }
}
