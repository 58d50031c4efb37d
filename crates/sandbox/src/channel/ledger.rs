//! What was done with a channel's messages, and what is to be done with the next ones.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::delivery::Delivery;
use crate::model::channel_faults::ChannelFaults;

/// What the handle and the courier share.
pub(super) struct Ledger {
    deliveries: Mutex<VecDeque<Delivery>>,
    pub(super) counts: watch::Sender<Counts>,
    faults: Mutex<ChannelFaults>,
    /// Whether messages are made at all; otherwise what happens meanwhile is never told.
    is_enabled: AtomicBool,
    has_ended: AtomicBool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Messages that are not done with.
    pub(super) open: usize,
    pub(super) attempts: usize,
    pub(super) taken: usize,
    /// Whether nothing more will be done.
    pub(super) has_ended: bool,
}

impl Ledger {
    const CAPACITY: usize = 10_000;

    pub(super) fn new(faults: ChannelFaults, is_enabled: bool) -> Self {
        Self {
            deliveries: Mutex::default(),
            counts: watch::Sender::default(),
            faults: Mutex::new(faults),
            is_enabled: AtomicBool::new(is_enabled),
            has_ended: AtomicBool::new(false),
        }
    }

    pub(super) fn faults(&self) -> ChannelFaults {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_faults(&self, faults: ChannelFaults) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    pub(super) fn set_enabled(&self, enabled: bool) {
        self.is_enabled.store(enabled, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.is_enabled.load(Ordering::Relaxed)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    /// A message is on its way until it is closed.
    pub(super) fn open(&self) {
        self.counts.send_modify(|counts| counts.open += 1);
    }

    pub(super) fn close(&self) {
        self.counts.send_modify(|counts| counts.open = counts.open.saturating_sub(1));
    }

    /// Nothing more will be done, when what is given is dropped.
    pub(super) fn at_work(&self) -> AtWork<'_> {
        AtWork(self)
    }

    pub(super) fn note(&self, delivery: Delivery) {
        let taken = usize::from(delivery.is_taken());
        let mut deliveries = self.deliveries();
        if deliveries.len() == Self::CAPACITY {
            deliveries.pop_front();
        }
        deliveries.push_back(delivery);
        drop(deliveries);
        self.counts.send_modify(|counts| {
            counts.attempts += 1;
            counts.taken += taken;
        });
    }

    pub(super) fn deliveries(&self) -> MutexGuard<'_, VecDeque<Delivery>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A courier at work, until it is dropped.
pub(super) struct AtWork<'a>(&'a Ledger);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.counts.send_modify(|counts| counts.has_ended = true);
    }
}
