//! A connection on which the store is asked for more than there is.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use okta_introspect::shared::{EntryId, StreamPosition};

use crate::engine::News;
use crate::time::Moment;
use crate::wheel::Timer;
use crate::world::World;

/// Waits for something to read behind the end of the stream: gives out what came, or nothing if it is to
/// be looked for.
#[must_use]
pub(crate) struct Reading<'a> {
    world: &'a World,
    /// Whether what is appended next is what comes next: a time may lie in the future.
    is_behind: bool,
    give_up: Moment,
    /// How long an answer takes.
    way: Duration,
    /// Its timer, and which news is its own.
    waits: Option<(Timer, u64)>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(
        world: &'a World,
        from: &StreamPosition,
        give_up: Moment,
        way: Duration,
    ) -> Self {
        let is_behind = matches!(from, StreamPosition::Behind(_));
        let way = if is_behind { way } else { Duration::ZERO };
        Self { world, is_behind, give_up, way, waits: None }
    }
}

impl Future for Reading<'_> {
    type Output = Option<(EntryId, Vec<u8>)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (give_up, way) = (self.give_up, self.way);
        let Some((timer, news)) = self.waits else {
            let waker = cx.waker().clone();
            self.waits = Some(self.world.with_engine(|engine, _| engine.wait(give_up, way, waker)));
            return Poll::Pending;
        };
        let now = self.world.time.now();
        let done = match self.world.with_engine(|engine, _| engine.told(news)) {
            Some((at, News::Entry(id, entry))) if self.is_behind => {
                (now >= at.after(way)).then(|| Some((id, entry.to_vec())))
            }
            Some(_) => Some(None),
            None => (now >= give_up).then_some(None),
        };
        if done.is_none() {
            self.world.time.wheel().wake_instead(timer, cx.waker());
        }
        done.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if let Some((timer, _)) = self.waits.take() {
            self.world.time.wheel().give_back(timer);
        }
    }
}
