//! One instance: a checker with its second level and its signals, and what it is asked.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use okta_introspect::checker::{Checker, CheckerConfig, Requirement, SignalMode, Verdict};
use okta_introspect::shared::{Shared, SharedSecret};
use okta_introspect::signals::{Feed, SharedSignals, StreamMetrics};
use okta_introspect::{Error, Issuer};
use tokio::task::JoinHandle;

use crate::config::{Config, Kind};
use crate::dice::{Dice, random};
use crate::link::Link;
use crate::log::LogLink;
use crate::okta::OktaLink;
use crate::record::Violation;
use crate::time::{InstanceClock, Moment};
use crate::truth::{TokenId, Told};
use crate::world::World;

pub(crate) struct Instance {
    pub(crate) clock: InstanceClock,
    pub(crate) shared: Shared,
    pub(crate) metrics: StreamMetrics,
    signals: SharedSignals,
    work: JoinHandle<()>,
}

/// Wall clocks are wrong by up to so much.
const WALL_ERROR: i64 = 300_000;

/// Clocks drift by up to so many parts in a million.
const DRIFT: f64 = 200.0;

impl Instance {
    /// Starts an instance; `start` tells those apart that were started in one place.
    pub(crate) fn start(world: &Arc<World>, number: usize, start: usize) -> Result<Self, Error> {
        let part = |name: &str| Dice::new(world.seed, &format!("{name} {start}"), number);
        let dice = part("instance");
        let swing = || dice.fraction() * 2.0 - 1.0;
        let clock = InstanceClock::new(
            &world.time,
            Duration::from_secs_f64(dice.fraction() * 1e5),
            TimeDelta::milliseconds((swing() * WALL_ERROR as f64) as i64),
            (swing() * DRIFT) as i64,
        );
        let issuer = Issuer::parse("https://acme.okta.com")?;
        let link = Link::new(world, number, &clock, part("store"));
        let own = |name: &str| random(world.seed, &format!("{name} {start}"), number);
        let secret = SharedSecret::parse(b"the-simulation-s-own-secret-which-is-known-to-all")?;
        let shared = Shared::builder(link, secret).random(own("shared")).build()?;
        let okta = OktaLink::new(world, issuer.clone(), clock.clone(), part("okta"));
        let checker = Checker::builder(okta)
            .clock(clock.clone())
            .random(own("checker"))
            .shared(&shared)
            .config(settings(&world.config))
            .build()?;
        let feed = Feed::new([checker.clone()]);
        let log = LogLink::new(world, clock.clone(), part("log"));
        let signals = SharedSignals::builder(&shared, &feed, &issuer).log(log).start();
        let places = (0..world.config.tokens_of_instance).map(|_| dice.below(world.config.tokens));
        let presented = Presented {
            world: Arc::clone(world),
            number,
            clock: clock.clone(),
            checker,
            requirements: Kind::ALL.map(|kind| requirement(kind, &world.config)),
            places: places.collect(),
            dice: part("checks"),
        };
        let (metrics, work) = (signals.metrics(), tokio::spawn(presented.work()));
        Ok(Self { clock, shared, metrics, signals, work })
    }

    /// Ends it as a process that is killed ends.
    pub(crate) fn kill(self) {
        self.work.abort();
        drop(self.signals);
    }
}

fn settings(config: &Config) -> CheckerConfig {
    let mut settings = CheckerConfig::default();
    settings.max_age = config.max_age;
    settings.inactive_max_age = config.inactive_max_age;
    settings.extension_limit = config.extension_limit;
    settings.signals = SignalMode::Extend;
    settings.capacity = 64;
    settings.inactive_capacity = 64;
    settings
}

fn requirement(kind: Kind, config: &Config) -> Requirement {
    let requirement =
        Requirement::new().max_age(kind.max_age(config)).stale_if_error(kind.stale(config));
    if kind == Kind::Extended { requirement.extended() } else { requirement }
}

/// What an instance is presented, and what it says to that.
struct Presented {
    world: Arc<World>,
    number: usize,
    clock: InstanceClock,
    checker: Checker,
    requirements: [Requirement; Kind::ALL.len()],
    /// The places of its tokens among all of them.
    places: Vec<usize>,
    dice: Dice,
}

/// Which part of checks are two at once.
const TWICE: f64 = 0.1;

/// Which part of checks present the token that was in this place before.
const OLD: f64 = 0.05;

impl Presented {
    async fn work(self) {
        let per_second = self.world.config.checks / 60.0;
        loop {
            self.world.time.pass(self.dice.until_next(per_second)).await;
            self.clock.going().await;
            let token = self.token();
            let kind = || Kind::of(self.dice.below(100));
            if self.dice.chance(TWICE) {
                tokio::join!(biased; self.check(token, kind()), self.check(token, kind()));
            } else {
                self.check(token, kind()).await;
            }
        }
    }

    fn token(&self) -> TokenId {
        let place = self.places[self.dice.below(self.places.len())];
        let current = self.world.with_truth(|truth| truth.current(place));
        match current.generation.checked_sub(1).filter(|_| self.dice.chance(OLD)) {
            Some(generation) => TokenId { place, generation },
            None => current,
        }
    }

    async fn check(&self, token: TokenId, kind: Kind) {
        let begun = self.world.time.now();
        let requirement = &self.requirements[kind as usize];
        let said = self.checker.check(&*token.text(), requirement).await;
        let told = Told { token, kind, begun, now: self.world.time.now() };
        let config = &self.world.config;
        let (outcome, look, wrong) = match said {
            Ok(Verdict::Authorized(caller)) => {
                // Every answer tells when the server looked.
                let look = caller.sub().and_then(|sub| sub.parse().ok()).map(Moment);
                let look = look.unwrap_or_default();
                let (source, age) = (caller.source(), begun.since(look));
                self.world.with_record(|record| record.yes(source, age));
                let object = |truth: &mut crate::truth::Truth| {
                    truth.object_to_yes(&told, source, look, config)
                };
                (1, look, self.world.with_truth(object))
            }
            Ok(Verdict::Denied(_)) => {
                self.world.with_record(|record| record.window().inactive += 1);
                let wrong = self.world.with_truth(|truth| truth.object_to_no(&told, config));
                (2, Moment::default(), wrong.into_iter().collect())
            }
            Err(_) => {
                self.world.with_record(|record| record.window().unknown += 1);
                (3, Moment::default(), Vec::new())
            }
        };
        self.world.with_record(|record| {
            record.window().checks[kind as usize] += 1;
            record.digest(&[told.now.0, self.number as u64, outcome, look.0]);
            for what in wrong {
                let (seed, at, instance) = (self.world.seed, begun, self.number);
                record.violated(Violation { seed, at, instance, what });
            }
        });
    }
}
