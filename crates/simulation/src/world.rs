//! Everything that instances have in common.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Config;
use crate::engine::Engine;
use crate::link::StoreFaults;
use crate::log::{Log, LogFaults};
use crate::okta::{OktaFaults, RateWindow};
use crate::record::Record;
use crate::time::{Moment, Time};
use crate::truth::Truth;

pub(crate) struct World {
    pub(crate) time: Time,
    pub(crate) seed: u64,
    pub(crate) config: Config,
    truth: Mutex<Truth>,
    engine: Mutex<Engine>,
    log: Mutex<Log>,
    window: Mutex<RateWindow>,
    record: Mutex<Record>,
    faults: Mutex<Faults>,
}

/// What is wrong now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    pub(crate) store: StoreFaults,
    pub(crate) okta: OktaFaults,
    pub(crate) log: LogFaults,
}

impl World {
    pub(crate) fn new(time: Time, seed: u64, config: Config, record: Record) -> Arc<Self> {
        let okta = OktaFaults::none(config.limit);
        let faults = Faults { store: StoreFaults::NONE, okta, log: LogFaults::NONE };
        let engine = Mutex::new(Engine::new(&time));
        Arc::new(Self {
            time,
            seed,
            truth: Mutex::new(Truth::new(config.tokens)),
            engine,
            log: Mutex::default(),
            window: Mutex::default(),
            record: Mutex::new(record),
            faults: Mutex::new(faults),
            config,
        })
    }

    pub(crate) fn store_faults(&self) -> StoreFaults {
        lock(&self.faults).store
    }

    pub(crate) fn okta_faults(&self) -> OktaFaults {
        lock(&self.faults).okta
    }

    pub(crate) fn log_faults(&self) -> LogFaults {
        lock(&self.faults).log
    }

    pub(crate) fn change_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut lock(&self.faults));
    }

    pub(crate) fn with_engine<T>(&self, work: impl FnOnce(&mut Engine, Moment) -> T) -> T {
        let now = self.time.now();
        work(&mut lock(&self.engine), now)
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.time.now() < self.store_faults().paused
    }

    /// Waits until the store goes on.
    pub(crate) async fn unpaused(&self) {
        while self.is_paused() {
            self.time.until(self.store_faults().paused).await;
        }
    }

    pub(crate) fn with_truth<T>(&self, work: impl FnOnce(&mut Truth) -> T) -> T {
        work(&mut lock(&self.truth))
    }

    pub(crate) fn with_log<T>(&self, work: impl FnOnce(&mut Log) -> T) -> T {
        work(&mut lock(&self.log))
    }

    pub(crate) fn with_window<T>(&self, work: impl FnOnce(&mut RateWindow) -> T) -> T {
        work(&mut lock(&self.window))
    }

    pub(crate) fn with_record<T>(&self, work: impl FnOnce(&mut Record) -> T) -> T {
        work(&mut lock(&self.record))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
