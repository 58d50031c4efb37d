//! Random histories against a reference model: checks with random bounds, revocations, outages,
//! late answers, clock steps, evictions, invalidations and signals, in any order.
//!
//! In some of them two or three instances share a store, which fails, hangs and lies as it likes.
//!
//! The model is the server's own diary. Every answer carries its number in the diary, so whatever
//! a check says can be held against what the server saw and when, and against what the reader of the
//! server's log has claimed.

mod server;
mod source;
mod store;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use okta_introspect::checker::{
    AnswerSource, Authorized, Checker, CheckerConfig, Metrics, Reason, Requirement, SignalMode,
    Verdict,
};
use okta_introspect::{Clock, Error, ErrorKind, Issuer, ManualClock, Random, SeededRandom};

use server::{Call, Diary, Server};
use source::{Claim, Name, Source, invalidate, revoke};
use store::{Gated, whims};

use crate::second_level::shared;
use crate::second_level::store::{Fault, Faulty};

/// How many histories are tried, if `HISTORIES` in the environment does not say it. The test has a
/// time limit, which `TEST_SECONDS` lengthens.
const HISTORIES: u64 = 2_000;
const STEPS: usize = 60;
const TOKENS: usize = 4;
const INACTIVE_MAX_AGE: Duration = Duration::from_secs(4);
/// How old an answer that signals extend may be.
const LIMIT: Duration = Duration::from_secs(12);
/// By how much an answer of another instance may count as older than it is: wall clocks that were set
/// may say so, and the longer age counts.
const UNCERTAINTY: Duration = Duration::from_millis(2_100);

fn below(random: &SeededRandom, end: usize) -> usize {
    (random.fraction() * end as f64) as usize
}

fn name(token: usize) -> String {
    format!("token-{token}")
}

/// One check, from when it began to when it ended.
#[derive(Debug)]
struct Check {
    /// The instance.
    by: usize,
    token: usize,
    max_age: Duration,
    stale_if_error: Duration,
    /// Whether signals may extend the answer.
    extended: bool,
    began: u64,
    began_at: Instant,
    ended_at: Instant,
    ended_wall: DateTime<Utc>,
    /// The event before its end.
    ended: u64,
    verdict: Result<Verdict, Error>,
}

struct History {
    clock: ManualClock,
    random: Arc<SeededRandom>,
    server: Server,
    checkers: Vec<Checker>,
    /// What they share, if there are several.
    store: Faulty,
    source: Source,
    is_calm: bool,
    /// Whether the reader of the log is dead.
    dead: AtomicBool,
    /// Whether it is at work.
    polls: Arc<AtomicBool>,
    checks: Arc<Mutex<Vec<Check>>>,
}

impl History {
    fn new(seed: u64) -> Self {
        let random = Arc::new(SeededRandom::new(seed));
        let clock = ManualClock::new(DateTime::from_timestamp(1_795_211_259, 0).unwrap());
        let issuer = Issuer::parse("https://acme.okta.com").unwrap();
        let diary = Diary { active: [true; TOKENS], lifetimes: [15; TOKENS], ..Diary::default() };
        let diary = Arc::new(Mutex::new(diary));
        let server = Server { by: 0, issuer, clock: clock.clone(), random: random.clone(), diary };
        let store = Faulty::new(&clock);
        store.choose(whims(SeededRandom::new(seed + 2)));
        let instances = instances(seed);
        let checker = |by| {
            let server = Server { by, ..server.clone() };
            let store = Gated { store: store.clone(), server: server.clone() };
            let mut builder = Checker::builder(server);
            if instances > 1 {
                builder = builder.shared(&shared(store, seed + by as u64));
            }
            let builder = builder.clock(clock.clone()).config(config(seed));
            builder.random(SeededRandom::new(seed + 1 + by as u64)).build().unwrap()
        };
        let checkers: Vec<_> = (0..instances).map(checker).collect();
        let (checker, coverage) = (checkers[0].clone(), checkers[0].coverage());
        let source = Source { checker, coverage, server: server.clone() };
        let (dead, polls, checks) = Default::default();
        let is_calm = seed % 3 < 2;
        Self { clock, random, server, checkers, store, source, is_calm, dead, polls, checks }
    }

    async fn run(&self) {
        if below(&self.random, 4) > 0 {
            self.source.begin();
        }
        for _ in 0..STEPS {
            self.step();
            settle().await;
        }
        // Let everything end.
        self.store.choose(|_| Fault::None);
        for _ in 0..2 {
            while !self.server.diary().gates.is_empty() {
                self.open_gate();
                settle().await;
            }
            // What hangs is given up.
            self.clock.advance(Duration::from_secs(1));
            settle().await;
        }
    }

    fn step(&self) {
        // One token is hot.
        let token = below(&self.random, 2) * below(&self.random, TOKENS);
        match below(&self.random, 36) {
            // In some histories little happens, so that answers get old.
            19..27 if self.is_calm && below(&self.random, 6) > 0 => self.check(token),
            0..10 => self.check(token),
            10..16 => self.open_gate(),
            16..18 => self.clock.advance(self.below(9) * Duration::from_millis(500)),
            18 => {
                let step = TimeDelta::seconds(self.below(21) as i64 - 10);
                self.clock.set_wall(self.clock.now() + step);
            }
            19..23 => self.turn(token),
            23 => {
                let mut diary = self.server.diary();
                diary.outage = !diary.outage && below(&self.random, 3) == 0;
            }
            24 => {
                let (checker, server) = self.instance();
                invalidate(checker, &server, Name::of(&self.random, token));
            }
            25..27 => revoke(&self.server, Name::of(&self.random, token)),
            27..34 => {
                self.clock.advance(self.below(3) * Duration::from_millis(500));
                self.poll();
            }
            34 if below(&self.random, 20) == 0 => self.store.flush(),
            34 => self.push(),
            _ if below(&self.random, 5) == 0 => self.source.begin(),
            _ => self.dead.store(below(&self.random, 2) == 0, Ordering::Relaxed),
        }
    }

    /// One of the instances, and the server as that asks it.
    fn instance(&self) -> (&Checker, Server) {
        let by = below(&self.random, self.checkers.len());
        (&self.checkers[by], Server { by, ..self.server.clone() })
    }

    /// A token is active from now on, or ends without a word in the log.
    fn turn(&self, token: usize) {
        let mut diary = self.server.diary();
        diary.event();
        let ends = diary.active[token] && below(&self.random, 2) == 0;
        diary.unexplained += u64::from(ends);
        diary.active[token] = !ends;
        diary.lifetimes[token] = self.below(30) as i64;
    }

    fn below(&self, end: usize) -> u32 {
        below(&self.random, end) as u32
    }

    fn open_gate(&self) {
        let mut diary = self.server.diary();
        if !diary.gates.is_empty() {
            let gate = below(&self.random, diary.gates.len());
            let _ = diary.gates.swap_remove(gate).send(());
        }
    }

    /// The reader of the log asks, if it lives and is not at work still.
    fn poll(&self) {
        if self.dead.load(Ordering::Relaxed) || self.polls.swap(true, Ordering::Relaxed) {
            return;
        }
        let (source, polls) = (self.source.clone(), Arc::clone(&self.polls));
        tokio::spawn(async move {
            source.poll().await;
            polls.store(false, Ordering::Relaxed);
        });
    }

    /// A source that promises nothing tells of something, whenever and as often as it likes.
    fn push(&self) {
        let named = {
            let diary = self.server.diary();
            let log = &diary.log;
            (!log.is_empty()).then(|| log[below(&self.random, log.len())].named)
        };
        if let Some(named) = named {
            let (checker, server) = self.instance();
            invalidate(checker, &server, named);
        }
    }

    fn check(&self, token: usize) {
        let (checker, server) = self.instance();
        let (checker, clock) = (checker.clone(), self.clock.clone());
        let checks = Arc::clone(&self.checks);
        let max_age = Duration::from_secs([0, 2, 3, 5, 10][below(&self.random, 5)]);
        let stale_if_error = Duration::from_secs([0, 3][below(&self.random, 2)]);
        let extended = below(&self.random, 3) > 0;
        tokio::spawn(async move {
            let mut requirement =
                Requirement::new().max_age(max_age).stale_if_error(stale_if_error);
            if extended {
                requirement = requirement.extended();
            }
            let (began, began_at) = (server.diary().event(), clock.monotonic());
            let verdict = checker.check(&*name(token), &requirement).await;
            let (ended_at, ended_wall) = (clock.monotonic(), clock.now());
            let ended = server.diary().events;
            let check = Check {
                by: server.by,
                token,
                max_age,
                stale_if_error,
                extended,
                began,
                began_at,
                ended_at,
                ended_wall,
                ended,
                verdict,
            };
            checks.lock().unwrap().push(check);
        });
    }
}

/// What happened in all histories together, to see that they are worth something.
#[derive(Debug, Default)]
struct Tally {
    checks: usize,
    cached: usize,
    joined: usize,
    shared: usize,
    stale: usize,
    extended: usize,
    misses: u64,
    savings: u64,
    inactive: usize,
    expired: usize,
    unknown: usize,
    calls: usize,
}

/// Holds a check against the diary.
fn judge(check: &Check, diary: &Diary, tally: &mut Tally, uncertainty: Duration) {
    tally.checks += 1;
    let of_token = || diary.calls.iter().filter(|call| call.token == check.token);
    match &check.verdict {
        Ok(Verdict::Authorized(answer)) => {
            let number = answer.introspection().extra["call"].as_u64().unwrap();
            let call = &diary.calls[usize::try_from(number).unwrap()];
            assert_eq!((call.token, call.active), (check.token, Some(true)));
            assert!(answer.introspection().exp.unwrap() > check.ended_wall, "past its end");
            let named = diary.watermarks.iter().any(|(event, tokens, by)| {
                let during = *event > call.sent && *event <= check.ended;
                during && tokens.contains(&check.token) && *by == check.by
            });
            assert!(!named, "asked before a watermark that names it");
            let real = check.ended_at.saturating_duration_since(call.sent_at);
            assert!(answer.age() >= real, "it is older");
            assert!(answer.age() <= real + uncertainty, "it is younger");
            let age = check.began_at.saturating_duration_since(call.sent_at);
            let young = call.sent > check.began || !check.max_age.is_zero() && age <= check.max_age;
            match answer.source() {
                AnswerSource::StaleOnError => {
                    tally.stale += 1;
                    assert!(answer.age() <= check.max_age + check.stale_if_error, "too stale");
                    assert!(!check.stale_if_error.is_zero(), "nobody allowed that");
                }
                source => {
                    if source == AnswerSource::Extended {
                        tally.extended += 1;
                        judge_extended(check, answer, call, diary);
                    } else {
                        assert!(young, "older than its bound");
                    }
                    tally.joined += usize::from(source == AnswerSource::Joined);
                    tally.cached += usize::from(source == AnswerSource::Cache);
                    tally.shared += usize::from(source == AnswerSource::Shared);
                    let newer = of_token().any(|other| {
                        other.by == check.by
                            && other.sent > call.sent
                            && other.active.is_some()
                            && other.landed.is_some_and(|landed| landed < check.began)
                    });
                    let known = matches!(
                        source,
                        AnswerSource::Cache | AnswerSource::Extended | AnswerSource::Shared
                    );
                    assert!(!known || !newer, "a late answer replaced a newer one");
                }
            }
        }
        Ok(Verdict::Denied(denied)) if *denied.reason() == Reason::Inactive => {
            tally.inactive += 1;
            let bound = check.max_age.min(INACTIVE_MAX_AGE);
            let seen = of_token().any(|call| {
                let age = check.began_at.saturating_duration_since(call.sent_at);
                let joined = call.landed.is_some_and(|landed| landed > check.began);
                let bound = if joined { check.max_age } else { bound };
                call.active == Some(false)
                    && (call.sent > check.began || !check.max_age.is_zero() && age <= bound)
            });
            assert!(seen, "nobody said so in time");
        }
        Ok(Verdict::Denied(denied)) => {
            assert_eq!(*denied.reason(), Reason::Expired);
            tally.expired += 1;
        }
        Err(error) if error.kind() == ErrorKind::Unreachable => {
            tally.unknown += 1;
            let failed = of_token().any(|call| {
                call.active.is_none() && call.landed.is_some_and(|landed| landed > check.began)
            });
            assert!(failed, "no call has failed");
        }
        Err(error) => {
            tally.unknown += 1;
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        }
    }
}

/// Holds an answer that signals extended against what they claimed.
fn judge_extended(check: &Check, answer: &Authorized, call: &Call, diary: &Diary) {
    assert!(check.extended && !check.max_age.is_zero(), "nobody allowed that");
    assert!(answer.age() <= LIMIT, "past the hard bound");
    let is_known = |claim: &Claim| {
        let (Some(since), Some(until)) = (claim.since, claim.until) else { return false };
        let good_at = call.sent_at.max(until);
        let age = check.began_at.saturating_duration_since(good_at);
        let named = diary.log.iter().any(|event| {
            event.taken_by.is_some_and(|poll| poll <= claim.poll)
                && event.happened > call.sent
                && event.tokens.contains(&check.token)
        });
        call.sent_at >= since && age <= check.max_age && !named
    };
    let mut claims = diary.claims_between(check.began, check.ended);
    assert!(claims.any(is_known), "no claim makes it young, or the log names it");
}

/// Holds what was counted against the diary.
fn judge_metrics(metrics: &Metrics, mode: SignalMode, diary: &Diary, tally: &mut Tally) {
    let shadow_or_more = matches!(mode, SignalMode::Shadow | SignalMode::Extend);
    let most = if shadow_or_more { diary.unexplained } else { 0 };
    assert!(metrics.signal_misses <= most, "a miss that a signal explains");
    assert!(mode == SignalMode::Shadow || metrics.signal_savings == 0);
    assert!(mode == SignalMode::Extend || metrics.extended == 0);
    tally.misses += metrics.signal_misses;
    tally.savings += metrics.signal_savings;
}

/// How many instances there are in this history.
fn instances(seed: u64) -> usize {
    [1, 1, 2, 3][(seed / 16 % 4) as usize]
}

fn config(seed: u64) -> CheckerConfig {
    let mut config = CheckerConfig::default();
    // Fewer than there are tokens, so that some are evicted. Not where an older answer could come
    // back from the store then, which is as good as any.
    (config.capacity, config.inactive_capacity) = capacities(seed);
    config.inactive_max_age = INACTIVE_MAX_AGE;
    config.refresh_ahead = seed.is_multiple_of(2);
    config.timeout = Duration::from_secs(6);
    config.signals = mode(seed);
    config.extension_limit = LIMIT;
    config
}

fn capacities(seed: u64) -> (usize, usize) {
    if instances(seed) == 1 { (2, 2) } else { (64, 64) }
}

/// How signals count in this history.
fn mode(seed: u64) -> SignalMode {
    match seed / 2 % 8 {
        0 => SignalMode::Off,
        1 => SignalMode::Purge,
        2 | 3 => SignalMode::Shadow,
        _ => SignalMode::Extend,
    }
}

async fn settle() {
    for _ in 0..12 {
        tokio::task::yield_now().await;
    }
}

#[test_support::test]
#[allow(clippy::print_stdout)] // the figures are there to be read
async fn no_history_breaks_a_promise() {
    let mut tally = Tally::default();
    let histories = std::env::var("HISTORIES").map_or(HISTORIES, |text| text.parse().unwrap());
    for seed in 0..histories {
        let history = History::new(seed);
        history.run().await;
        let (diary, checks) = (history.server.diary(), history.checks.lock().unwrap());
        for check in checks.iter() {
            let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let shares = instances(seed) > 1;
                let uncertainty = if shares { UNCERTAINTY } else { Duration::ZERO };
                judge(check, &diary, &mut tally, uncertainty);
            }));
            assert!(judged.is_ok(), "seed {seed}: {check:#?}\n{diary:#?}");
        }
        tally.calls += diary.calls.len();
        for checker in &history.checkers {
            let metrics = checker.metrics();
            let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                judge_metrics(&metrics, mode(seed), &diary, &mut tally);
            }));
            assert!(judged.is_ok(), "seed {seed}: {metrics:#?}\n{diary:#?}");
            let entries = (metrics.active_entries, metrics.inactive_entries);
            let most = capacities(seed);
            assert!(entries.0 <= most.0 && entries.1 <= most.1, "{entries:?}");
            assert_eq!(metrics.under_way, 0, "seed {seed}: a call is left over");
        }
    }
    println!("{histories} histories: {tally:?}");
    let Tally { cached, joined, stale, extended, inactive, expired, unknown, .. } = tally;
    let Tally { shared, misses, savings, .. } = tally;
    for (what, times) in [
        ("from the cache", cached),
        ("joined", joined),
        ("shared", shared),
        ("stale", stale),
        ("extended", extended),
        ("inactive", inactive),
        ("expired", expired),
        ("unknown", unknown),
    ] {
        assert!(times as u64 > histories / 20, "the histories are too tame: {what} {times}");
    }
    assert!(misses.min(savings) > histories / 100, "too tame: {misses} {savings}");
}
