//! The faults, one after the other.

use std::sync::Arc;
use std::time::Duration;

use okta_introspect::Error;

use crate::dice::Dice;
use crate::engine::News;
use crate::instance::Instance;
use crate::link::StoreFaults;
use crate::log::LogFaults;
use crate::okta::OktaFaults;
use crate::time::Moment;
use crate::world::World;

/// A fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scenario {
    /// The store does not answer.
    Outage,
    /// The store stands still, and then does what it was asked meanwhile.
    Pause,
    /// The store forgets everything.
    Flush,
    /// A replica takes the store's place, without its last second, and with another clock.
    Failover,
    /// The stream is shortened, to nothing or to little.
    Trim,
    /// The store's clock is set by seconds or by an hour, and back.
    ClockStep,
    /// Requests and answers get lost or are late, and half of the instances cannot reach the store.
    Network,
    /// The server refuses calls, and fails.
    Server,
    /// The log is late, and cannot be read for a while.
    Log,
    /// The leader stands still and comes back; its successor is killed.
    Leader,
}

impl Scenario {
    pub(crate) const ALL: [Self; 10] = [
        Self::Outage,
        Self::Pause,
        Self::Flush,
        Self::Failover,
        Self::Trim,
        Self::ClockStep,
        Self::Network,
        Self::Server,
        Self::Log,
        Self::Leader,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Outage => "store down",
            Self::Pause => "store paused",
            Self::Flush => "store flushed",
            Self::Failover => "failover, 1 s lost",
            Self::Trim => "stream trimmed",
            Self::ClockStep => "store's clock ±1 h",
            Self::Network => "lossy, slow, parted",
            Self::Server => "Okta 429 and 503",
            Self::Log => "log 10 s late, down",
            Self::Leader => "leader paused, killed",
        }
    }

    /// Whether instances are alone meanwhile.
    pub(crate) fn is_of_store(self) -> bool {
        !matches!(self, Self::Server | Self::Log | Self::Leader)
    }
}

/// All instances, and what is done to them.
pub(crate) struct Fleet {
    pub(crate) world: Arc<World>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) dice: Dice,
    /// How often an instance was started again.
    starts: usize,
    /// The longest that a fault lasts.
    longest: Duration,
}

impl Fleet {
    pub(crate) fn start(world: &Arc<World>, longest: Duration) -> Result<Self, Error> {
        let start = |number| Instance::start(world, number, 0);
        let instances = (0..world.config.instances).map(start).collect::<Result<_, _>>()?;
        let dice = Dice::new(world.seed, "faults", 0);
        Ok(Self { world: Arc::clone(world), instances, dice, starts: 0, longest })
    }

    /// So long, or as long as a fault lasts at most.
    fn at_most(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds).min(self.longest)
    }

    fn store(&self, change: impl FnOnce(&mut StoreFaults)) {
        self.world.change_faults(|faults| change(&mut faults.store));
    }

    /// Breaks every connection, which those who wait for news learn at once.
    fn disconnect(&self) {
        self.store(|store| store.epoch += 1);
        self.world.with_engine(|engine, _| engine.tell(News::Look));
    }

    /// Has a fault happen, from its beginning to its end.
    pub(crate) async fn suffer(&mut self, scenario: Scenario) -> Result<(), Error> {
        match scenario {
            Scenario::Outage => self.outage(self.at_most(60)).await,
            Scenario::Pause => {
                let until = self.world.time.now().after(self.at_most(30));
                self.store(|store| store.paused = until);
                self.world.time.until(until).await;
            }
            Scenario::Flush => self.world.with_engine(|engine, _| engine.flush()),
            Scenario::Failover => self.failover().await,
            Scenario::Trim => self.trim().await,
            Scenario::ClockStep => self.clock_step().await,
            Scenario::Network => self.network().await,
            Scenario::Server => self.server().await,
            Scenario::Log => self.log().await,
            Scenario::Leader => return self.leader().await,
        }
        Ok(())
    }

    async fn outage(&self, length: Duration) {
        self.store(|store| store.is_down = true);
        self.disconnect();
        self.world.time.pass(length).await;
        self.store(|store| store.is_down = false);
        self.disconnect();
    }

    /// Half of the instances are cut off for a while and have not read what is thrown away.
    async fn trim(&self) {
        self.store(|store| store.is_cut = true);
        self.world.time.pass(self.at_most(30)).await;
        let left = self.dice.below(3);
        self.world.with_engine(|engine, _| engine.trim(left));
        self.store(|store| store.is_cut = false);
    }

    async fn failover(&self) {
        let swing = self.dice.fraction() * 2.0 - 1.0;
        let clock = (swing * 2e6) as i64; // up to two seconds
        self.store(|store| store.is_down = true);
        self.world.time.pass(self.at_most(3)).await;
        // What was lost was done just before it went down.
        self.world.with_engine(|engine, now| {
            engine.fail_over(now.before(Duration::from_secs(3)), clock);
        });
        self.store(|store| store.is_down = false);
        self.disconnect();
    }

    async fn clock_step(&self) {
        // Seconds are more than any uncertainty, and less than what wall clocks would give away.
        let seconds =
            if self.dice.chance(0.5) { 3600.0 } else { 2.0 + 60.0 * self.dice.fraction() };
        let forward = if self.dice.chance(0.5) { 1.0 } else { -1.0 };
        let step = (seconds * forward * 1e6) as i64;
        self.world.with_engine(|engine, _| engine.step(step));
        self.world.time.pass(self.at_most(100)).await;
        self.world.with_engine(|engine, _| engine.step(-step));
    }

    async fn network(&self) {
        let third = self.at_most(90) / 3;
        // Half of what is asked comes in time.
        let slow = (Duration::from_millis(1), Duration::from_millis(40));
        self.store(|store| store.loss = 0.1);
        self.world.time.pass(third).await;
        self.store(|store| store.round_trip = slow);
        self.world.time.pass(third).await;
        self.store(|store| (store.round_trip, store.is_cut) = (StoreFaults::NONE.round_trip, true));
        self.world.time.pass(third).await;
        self.store(|store| (store.loss, store.is_cut) = (0.0, false));
    }

    async fn server(&self) {
        let none = OktaFaults::none(self.world.config.limit);
        let half = self.at_most(60) / 2;
        let slow = (Duration::from_millis(500), Duration::from_secs(3));
        let okta = |faults| self.world.change_faults(|all| all.okta = faults);
        okta(OktaFaults { errors: 0.7, round_trip: slow, ..none });
        self.world.time.pass(half).await;
        // A tenth of what is usual.
        okta(OktaFaults { limit: (self.world.config.tokens as u64 / 10).max(1), ..none });
        self.world.time.pass(half).await;
        okta(none);
    }

    async fn log(&self) {
        let log = |faults| self.world.change_faults(|all| all.log = faults);
        let late = (Duration::from_secs(1), Duration::from_secs(10));
        log(LogFaults { lag: late, ..LogFaults::NONE });
        self.world.time.pass(self.at_most(90) * 2 / 3).await;
        log(LogFaults { lag: late, is_down: true });
        self.world.time.pass(self.at_most(90) / 3).await;
        log(LogFaults::NONE);
    }

    async fn leader(&mut self) -> Result<(), Error> {
        let time = self.world.time.clone();
        if let Some(leader) = self.find_leader() {
            let until = time.now().after(self.at_most(30));
            self.instances[leader].clock.pause(until);
            time.until(until).await;
        }
        time.pass(Duration::from_secs(1)).await;
        if let Some(leader) = self.find_leader() {
            self.starts += 1;
            let successor = Instance::start(&self.world, leader, self.starts)?;
            std::mem::replace(&mut self.instances[leader], successor).kill();
        }
        Ok(())
    }

    fn find_leader(&self) -> Option<usize> {
        self.instances.iter().position(|it| it.clock.goes() && it.metrics.status().leads)
    }

    /// Some of the instances.
    pub(crate) fn sample(&self, most: usize) -> impl Iterator<Item = &Instance> {
        self.instances.iter().step_by(self.instances.len().div_ceil(most))
    }

    /// Whether all of a sample have heard of the log since then.
    pub(crate) fn has_heard_since(&self, then: Moment) -> bool {
        let since = self.world.time.now().since(then);
        let mut sample = self.sample(200);
        sample.all(|it| it.metrics.status().heard_age.is_some_and(|age| age < since))
    }

    /// How many looks were left out so far, and how often everything was asked about again, in a
    /// sample.
    pub(crate) fn left_alone(&self) -> u64 {
        let left = |it: &Instance| it.shared.metrics().looks.get("circuit_open").copied();
        self.sample(1000).filter_map(left).sum()
    }

    /// How often everything was asked about again, in the instance that did so most often.
    pub(crate) fn gaps(&self) -> u64 {
        self.sample(200).map(|it| it.metrics.status().gaps).max().unwrap_or_default()
    }
}
