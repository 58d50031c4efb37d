//! One run, from a seed.

use std::sync::Arc;
use std::time::Duration;

use okta_introspect::checker::SignalMode;
use okta_introspect::plan::Plan;
use okta_introspect::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use crate::config::{Config, Kind};
use crate::dice::Dice;
use crate::record::{AGES, Record, Violation, Window};
use crate::scenario::{Fleet, Scenario};
use crate::time::Time;
use crate::truth::TokenId;
use crate::world::World;

/// What came of one run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The start, and then the faults in the order of the run.
    pub windows: Vec<Window>,
    /// The first of the answers that the contract does not allow.
    pub violations: Vec<Violation>,
    /// Calls to the server in each ten seconds.
    pub calls: Vec<u64>,
    /// How often an answer of an age was given, in steps of half a second, by source.
    pub ages: Vec<[u64; SOURCES]>,
    /// The same for the same answers, and for no others.
    pub digest: u64,
}

/// How many sources of answers there are.
pub const SOURCES: usize = okta_introspect::checker::AnswerSource::NAMES.len();

const _: () = assert!(AGES > 0);

/// A lease of the leader.
const LEASE: Duration = Duration::from_secs(6);

/// Runs one seed, in virtual time: nothing else decides what happens.
///
/// # Errors
///
/// If an instance cannot be made.
///
/// # Panics
///
/// If a task of an instance does.
pub fn run(config: &Config, seed: u64) -> Result<Outcome, Error> {
    let time = Time::begin();
    let passing = time.clone();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.on_thread_park(move || passing.go_on()).build().map_err(|_| {
        Error::from_upstream(ErrorKind::Configuration, "tokio's runtime cannot be made", None)
    })?;
    runtime.block_on(direct(config.clone(), seed, time))
}

async fn direct(config: Config, seed: u64, time: Time) -> Result<Outcome, Error> {
    let mut order = Scenario::ALL;
    Dice::new(seed, "order", 0).shuffle(&mut order);
    // Before the first fault as long as each takes.
    let slot = config.length / (order.len() as u32 + 1);
    let world = World::new(time, seed, config, Record::new());
    world.with_record(|record| record.begin("start", world.time.now()));
    let lifecycle = tokio::spawn(revoke(Arc::clone(&world)));
    let mut fleet = Fleet::start(&world, slot * 2 / 5)?;
    world.time.pass(slot).await;
    for scenario in order {
        fault(&mut fleet, scenario, slot).await?;
    }
    world.with_record(|record| record.end(world.time.now()));
    lifecycle.abort();
    for instance in fleet.instances {
        instance.kill();
    }
    Ok(outcome(&world))
}

/// One fault, with some time before it, and the rest of the slot to recover in.
async fn fault(fleet: &mut Fleet, scenario: Scenario, slot: Duration) -> Result<(), Error> {
    let world = Arc::clone(&fleet.world);
    let (begun, gaps) = (world.time.now(), fleet.gaps());
    world.with_record(|record| record.begin(scenario.name(), begun));
    world.time.pass(slot / 10).await;
    let faulty = world.time.now();
    fleet.suffer(scenario).await?;
    let end = world.time.now();
    let recovered = end.after(2 * LEASE);
    let mut recovery = None;
    while world.time.now() < recovered {
        world.time.pass(Duration::from_millis(500)).await;
        if recovery.is_none() && fleet.has_heard_since(end) {
            recovery = Some(world.time.now().since(end));
        }
    }
    let left_alone = fleet.left_alone();
    while world.time.now() < begun.after(slot) {
        world.time.pass(Duration::from_millis(500)).await;
        if recovery.is_none() && fleet.has_heard_since(end) {
            recovery = Some(world.time.now().since(end));
        }
    }
    let (left_alone, gaps) = (fleet.left_alone() - left_alone, fleet.gaps() - gaps);
    let alone = world.time.now().min(recovered).since(faulty);
    world.with_record(|record| {
        let window = record.window();
        (window.recovery, window.left_alone, window.gaps) = (recovery, left_alone, gaps);
        window.alone = if scenario.is_of_store() { alone } else { Duration::ZERO };
    });
    Ok(())
}

/// Revokes tokens at random, puts others in their place, and has the log tell of most.
async fn revoke(world: Arc<World>) {
    let dice = Dice::new(world.seed, "revocations", 0);
    loop {
        world.time.pass(dice.until_next(world.config.revocations / 60.0)).await;
        let (now, place) = (world.time.now(), dice.below(world.config.tokens));
        let token = world.with_truth(|truth| truth.current(place));
        if !world.with_truth(|truth| truth.is_active(token, now)) {
            continue;
        }
        let told = now.after(dice.span(world.log_faults().lag));
        let told = (!dice.chance(0.1)).then_some(told);
        world.with_truth(|truth| truth.change(token, now, false, told));
        if let Some(told) = told {
            world.with_log(|log| log.write(token, now, told));
            world.with_record(|record| record.window().named += 1);
        }
        let comes_back = dice.chance(0.25);
        let after = match (comes_back, told) {
            (true, _) => Duration::from_secs_f64(20.0 + 40.0 * dice.fraction()),
            (false, Some(_)) => Duration::from_secs(90),
            (false, None) => world.config.extension_limit + Duration::from_secs(60),
        };
        tokio::spawn(go_on(Arc::clone(&world), token, after, comes_back));
    }
}

/// A user comes back, or signs in anew.
async fn go_on(world: Arc<World>, token: TokenId, after: Duration, comes_back: bool) {
    world.time.pass(after).await;
    let now = world.time.now();
    if comes_back {
        world.with_truth(|truth| truth.change(token, now, true, None));
    } else {
        world.with_truth(|truth| truth.replace(token.place));
        world.with_record(|record| record.window().new_tokens += 1);
    }
}

fn outcome(world: &World) -> Outcome {
    let record = world.with_record(std::mem::take);
    let Record { mut windows, violations, calls, ages, digest } = record;
    for window in &mut windows {
        let lags = |is_told| world.with_truth(|truth| truth.lags(window.from, window.to, is_told));
        (window.lags, window.untold_lags) = (lags(true), lags(false));
        window.planned = planned(&world.config, window);
    }
    Outcome { seed: world.seed, windows, violations, calls, ages, digest }
}

/// How many calls there can be in a window, and how many are to be expected: for each kind of
/// checks what `plan` says, while the store and the log can be counted on and while they cannot, and
/// what is asked about anew beside that.
fn planned(config: &Config, window: &Window) -> [f64; 2] {
    const MINUTE: f64 = 60.0;
    let minutes = window.to.since(window.from).as_secs_f64() / MINUTE;
    let alone = (window.alone.as_secs_f64() / MINUTE).min(minutes);
    let tokens = config.tokens as f64;
    let seers = (config.instances * config.tokens_of_instance).div_ceil(config.tokens);
    let (mut most, mut expected) = (0.0, 0.0);
    for (kind, checks) in Kind::ALL.into_iter().zip(window.checks) {
        let checks = checks as f64;
        let max_age = kind.max_age(config);
        if max_age.is_zero() {
            (most, expected) = (most + checks, expected + checks);
            continue;
        }
        let mut plan = Plan::new(config.tokens as u64, max_age);
        plan.checks = Some(checks / minutes / tokens).filter(|checks| *checks > 0.0);
        (plan.instances, plan.shared) = (seers as u64, true);
        (plan.interval, plan.extension_limit) = (config.interval, config.extension_limit);
        plan.signals = SignalMode::Extend;
        let Ok(estimate) = plan.estimate() else { continue };
        let extended = kind == Kind::Extended && window.alone.is_zero();
        let usual = estimate.without_signals.filter(|_| !extended).unwrap_or(estimate.calls);
        let apart = estimate.without_shared.unwrap_or(usual);
        most += usual.most * (minutes - alone) + apart.most * alone;
        expected += usual.expected * (minutes - alone) + apart.expected * alone;
    }
    // Two calls can be under way for a token that nobody knows.
    let cold = window.new_tokens + window.named + window.gaps * config.tokens as u64;
    let start = if window.name == "start" { config.tokens as u64 } else { 0 };
    let cold = (cold + start) as f64;
    [most + 2.0 * cold, expected + cold]
}
