//! The log: events come into it late, and in another order than they happened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use okta_introspect::signals::{LogPage, Signal, SignalLog, SourceKind, Subject};
use okta_introspect::{BoxFuture, Clock};

use crate::dice::Dice;
use crate::time::{InstanceClock, Moment};
use crate::truth::TokenId;
use crate::world::World;

/// What is wrong with the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogFaults {
    /// How late events come, at least and at most.
    pub(crate) lag: (Duration, Duration),
    /// Whether it can be read.
    pub(crate) is_down: bool,
}

impl LogFaults {
    pub(crate) const NONE: Self =
        Self { lag: (Duration::from_millis(100), Duration::from_millis(900)), is_down: false };
}

/// What came into the log, in the order of that.
#[derive(Debug, Default)]
pub(crate) struct Log {
    events: Vec<Event>,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    token: TokenId,
    happened: Moment,
    written: Moment,
}

impl Log {
    pub(crate) fn write(&mut self, token: TokenId, happened: Moment, written: Moment) {
        let at = self.events.partition_point(|event| event.written <= written);
        self.events.insert(at, Event { token, happened, written });
    }
}

/// The log as one instance reads it. Its cursor is how many events it has read, and how late the
/// latest of them was.
pub(crate) struct LogLink {
    world: Arc<World>,
    clock: InstanceClock,
    dice: Dice,
    next: usize,
    latest: Duration,
    has_begun: bool,
}

/// The least that coverage stays behind, as with the System Log.
const ALLOWANCE: Duration = Duration::from_secs(1);

impl LogLink {
    pub(crate) fn new(world: &Arc<World>, clock: InstanceClock, dice: Dice) -> Self {
        let (world, latest) = (Arc::clone(world), ALLOWANCE);
        Self { world, clock, dice, next: 0, latest, has_begun: false }
    }

    fn cursor(&self) -> Vec<u8> {
        let millis = self.latest.as_millis() as u64; // a few seconds
        [(self.next as u64).to_le_bytes(), millis.to_le_bytes()].concat()
    }

    /// What the server has behind the cursor.
    fn behind(&mut self, now: Moment) -> Vec<Signal> {
        let (next, has_begun) = (self.next, self.has_begun);
        let events = self.world.with_log(|log| {
            let end = log.events.partition_point(|event| event.written <= now);
            // One that begins, begins at the end.
            let begin = if has_begun { next.min(end) } else { end };
            self.next = end;
            log.events[begin..end].to_vec()
        });
        for event in &events {
            self.latest = self.latest.max(event.written.since(event.happened));
        }
        events.into_iter().map(signal).collect()
    }
}

fn signal(event: Event) -> Signal {
    let subject = Subject::Token { jti: Some(event.token.jti()), hash: None };
    let id = format!("{}-{}", event.token.text(), event.happened.0);
    Signal::new(SourceKind::SystemLog, "app.oauth2.as.token.revoke", [subject]).id(id)
}

impl SignalLog for LogLink {
    fn go_on_at(&mut self, cursor: Option<&[u8]>) {
        let word = |at: usize| {
            let bytes = cursor?.get(at..at + 8)?;
            bytes.try_into().ok().map(u64::from_le_bytes)
        };
        self.has_begun = cursor.is_some();
        self.next = word(0).unwrap_or_default() as usize;
        self.latest = Duration::from_millis(word(8).unwrap_or_default()).max(ALLOWANCE);
    }

    fn next_page(&mut self) -> BoxFuture<'_, LogPage> {
        Box::pin(async {
            let (time, sent) = (self.world.time.clone(), self.clock.monotonic());
            let half = self.dice.span((Duration::from_millis(20), Duration::from_millis(150)));
            time.pass(half).await;
            let faults = self.world.log_faults();
            // Nothing is awaited between this and the page, so that nothing gets lost.
            time.pass(half).await;
            self.clock.going().await;
            let mut page = LogPage::new(self.clock.monotonic() + self.world.config.interval);
            page.covered_within = self.world.config.interval * 2;
            if faults.is_down {
                page.cursor = self.has_begun.then(|| self.cursor());
                return page;
            }
            // The server looked half of the way ago.
            page.signals = self.behind(time.now().before(half));
            page.begins = !self.has_begun;
            self.has_begun = true;
            page.cursor = Some(self.cursor());
            page.covered_until = sent.checked_sub(self.latest);
            page
        })
    }
}

impl fmt::Debug for LogLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLink").field("next", &self.next).finish_non_exhaustive()
    }
}
