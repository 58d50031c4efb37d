//! Random histories against a reference model: checks with random bounds, revocations, outages,
//! late answers, clock steps, evictions and invalidations, in any order.
//!
//! The model is the server's own diary. Every answer carries its number in the diary, so whatever
//! a check says can be held against what the server saw and when.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use okta_introspect::checker::{
    AnswerSource, Answered, Checker, CheckerConfig, Invalidation, Reason, Requirement, SendTime,
    Upstream, Verdict,
};
use okta_introspect::{
    BoxFuture, Clock, Error, ErrorKind, Introspection, Issuer, ManualClock, Random, SeededRandom,
    Token,
};
use serde_json::json;
use tokio::sync::oneshot;

/// How many histories are tried, if `HISTORIES` in the environment does not say it. The test has a
/// time limit, which `TEST_SECONDS` lengthens.
const HISTORIES: u64 = 1_000;
const STEPS: usize = 40;
const TOKENS: usize = 4;
const INACTIVE_MAX_AGE: Duration = Duration::from_secs(4);

/// What the server saw, in the order in which it happened.
#[derive(Debug, Default)]
struct Diary {
    /// Counts everything that happens.
    events: u64,
    calls: Vec<Call>,
    active: [bool; TOKENS],
    lifetimes: [i64; TOKENS],
    outage: bool,
    gates: Vec<oneshot::Sender<()>>,
    /// For each invalidation: when, and the tokens that it names.
    watermarks: Vec<(u64, Vec<usize>)>,
}

#[derive(Clone, Debug)]
struct Call {
    token: usize,
    sent: u64,
    sent_at: Instant,
    /// `None`: there was no answer.
    active: Option<bool>,
    landed: Option<u64>,
}

impl Diary {
    fn event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }
}

/// The server.
#[derive(Clone, Debug)]
struct Server {
    issuer: Issuer,
    clock: ManualClock,
    random: Arc<SeededRandom>,
    diary: Arc<Mutex<Diary>>,
}

fn below(random: &SeededRandom, end: usize) -> usize {
    (random.fraction() * end as f64) as usize
}

fn name(token: usize) -> String {
    format!("token-{token}")
}

impl Server {
    fn diary(&self) -> MutexGuard<'_, Diary> {
        self.diary.lock().unwrap()
    }

    /// Waits until somebody opens the gate, one time in three.
    async fn gate(&self) {
        let gate = (below(&self.random, 3) == 0).then(|| {
            let (open, gate) = oneshot::channel();
            self.diary().gates.push(open);
            gate
        });
        if let Some(gate) = gate {
            gate.await.unwrap();
        }
    }

    fn look(&self, token: usize) -> (usize, Result<Introspection, Error>) {
        let mut diary = self.diary();
        let (number, sent) = (diary.calls.len(), diary.event());
        let active = (!diary.outage).then(|| diary.active[token]);
        let sent_at = self.clock.monotonic();
        diary.calls.push(Call { token, sent, sent_at, active, landed: None });
        let exp = self.clock.now().timestamp() + diary.lifetimes[token];
        let answer = match active {
            None => Err(Error::from_upstream(ErrorKind::Unreachable, "an outage", None)),
            Some(false) => Ok(json!({"active": false})),
            // Users and clients of two tokens each.
            Some(true) => Ok(json!({
                "active": true, "call": number, "exp": exp, "jti": name(token),
                "uid": format!("user-{}", token / 2), "client_id": format!("client-{}", token % 2),
            })),
        };
        (number, answer.map(|answer| serde_json::from_value(answer).unwrap()))
    }
}

impl Upstream for Server {
    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn introspect<'a>(
        &'a self,
        token: &'a Token,
        send_time: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        Box::pin(async move {
            self.gate().await;
            let sent = send_time.record(self.clock.monotonic());
            let token = token.expose().trim_start_matches("token-").parse().unwrap();
            let (number, answer) = self.look(token);
            self.gate().await;
            let mut diary = self.diary();
            let landed = diary.event();
            diary.calls[number].landed = Some(landed);
            answer.map(|introspection| Answered { introspection, sent })
        })
    }
}

/// One check, from when it began to when it ended.
#[derive(Debug)]
struct Check {
    token: usize,
    max_age: Duration,
    stale_if_error: Duration,
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
    checker: Checker,
    checks: Arc<Mutex<Vec<Check>>>,
}

impl History {
    fn new(seed: u64) -> Self {
        let random = Arc::new(SeededRandom::new(seed));
        let clock = ManualClock::new(DateTime::from_timestamp(1_795_211_259, 0).unwrap());
        let issuer = Issuer::parse("https://acme.okta.com").unwrap();
        let diary = Diary { active: [true; TOKENS], lifetimes: [15; TOKENS], ..Diary::default() };
        let diary = Arc::new(Mutex::new(diary));
        let server = Server { issuer, clock: clock.clone(), random: random.clone(), diary };
        let mut config = CheckerConfig::default();
        // Fewer than there are tokens, so that some are evicted.
        (config.capacity, config.inactive_capacity) = (2, 2);
        config.inactive_max_age = INACTIVE_MAX_AGE;
        config.refresh_ahead = seed.is_multiple_of(2);
        config.timeout = Duration::from_secs(6);
        let checker = Checker::builder(server.clone())
            .clock(clock.clone())
            .random(SeededRandom::new(seed + 1))
            .config(config)
            .build()
            .unwrap();
        Self { clock, random, server, checker, checks: Arc::default() }
    }

    async fn run(&self) {
        for _ in 0..STEPS {
            self.step();
            settle().await;
        }
        // Let everything end.
        while !self.server.diary().gates.is_empty() {
            self.open_gate();
            settle().await;
        }
    }

    fn step(&self) {
        let token = below(&self.random, TOKENS);
        match below(&self.random, 20) {
            0..8 => self.check(token),
            8..12 => self.open_gate(),
            12..15 => self.clock.advance(self.below(9) * Duration::from_millis(500)),
            15 => {
                let step = TimeDelta::seconds(self.below(21) as i64 - 10);
                self.clock.set_wall(self.clock.now() + step);
            }
            16..18 => {
                let mut diary = self.server.diary();
                diary.event();
                diary.active[token] = !diary.active[token];
                diary.lifetimes[token] = self.below(20) as i64;
            }
            18 => {
                let mut diary = self.server.diary();
                diary.outage = !diary.outage && below(&self.random, 2) == 0;
            }
            _ => self.invalidate(token),
        }
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

    fn invalidate(&self, token: usize) {
        let (text, user, client) = (name(token), token / 2, token % 2);
        let parsed = Token::parse(&text).unwrap();
        let (user_id, client_id) = (format!("user-{user}"), format!("client-{client}"));
        let all = 0..TOKENS;
        let (invalidation, named) = match self.below(5) {
            0 => (Invalidation::Everything, all.collect()),
            1 => (Invalidation::Token(&parsed), vec![token]),
            2 => (Invalidation::Jti(&text), vec![token]),
            3 => (Invalidation::User(&user_id), all.filter(|one| one / 2 == user).collect()),
            _ => (Invalidation::Client(&client_id), all.filter(|one| one % 2 == client).collect()),
        };
        self.checker.invalidate(invalidation);
        let mut diary = self.server.diary();
        let event = diary.event();
        diary.watermarks.push((event, named));
    }

    fn check(&self, token: usize) {
        let (checker, server, clock) =
            (self.checker.clone(), self.server.clone(), self.clock.clone());
        let checks = Arc::clone(&self.checks);
        let max_age = Duration::from_secs([0, 1, 5, 10][below(&self.random, 4)]);
        let stale_if_error = Duration::from_secs([0, 3][below(&self.random, 2)]);
        tokio::spawn(async move {
            let requirement = Requirement::new().max_age(max_age).stale_if_error(stale_if_error);
            let (began, began_at) = (server.diary().event(), clock.monotonic());
            let verdict = checker.check(&*name(token), &requirement).await;
            let (ended_at, ended_wall) = (clock.monotonic(), clock.now());
            let ended = server.diary().events;
            let check = Check {
                token,
                max_age,
                stale_if_error,
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
    stale: usize,
    inactive: usize,
    expired: usize,
    unknown: usize,
    calls: usize,
}

/// Holds a check against the diary.
fn judge(check: &Check, diary: &Diary, tally: &mut Tally) {
    tally.checks += 1;
    let of_token = || diary.calls.iter().filter(|call| call.token == check.token);
    match &check.verdict {
        Ok(Verdict::Authorized(answer)) => {
            let number = answer.introspection().extra["call"].as_u64().unwrap();
            let call = &diary.calls[usize::try_from(number).unwrap()];
            assert_eq!((call.token, call.active), (check.token, Some(true)));
            assert!(answer.introspection().exp.unwrap() > check.ended_wall, "past its end");
            let named = diary.watermarks.iter().any(|(event, tokens)| {
                *event > call.sent && *event <= check.ended && tokens.contains(&check.token)
            });
            assert!(!named, "asked before a watermark that names it");
            assert_eq!(answer.age(), check.ended_at.saturating_duration_since(call.sent_at));
            let age = check.began_at.saturating_duration_since(call.sent_at);
            let young = call.sent > check.began || !check.max_age.is_zero() && age <= check.max_age;
            match answer.source() {
                AnswerSource::StaleOnError => {
                    tally.stale += 1;
                    assert!(answer.age() <= check.max_age + check.stale_if_error, "too stale");
                    assert!(!check.stale_if_error.is_zero(), "nobody allowed that");
                }
                source => {
                    assert!(young, "older than its bound");
                    tally.joined += usize::from(source == AnswerSource::Joined);
                    tally.cached += usize::from(source == AnswerSource::Cache);
                    let newer = of_token().any(|other| {
                        other.sent > call.sent
                            && other.active.is_some()
                            && other.landed.is_some_and(|landed| landed < check.began)
                    });
                    assert!(
                        source != AnswerSource::Cache || !newer,
                        "a late answer replaced a newer one"
                    );
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
                judge(check, &diary, &mut tally);
            }));
            assert!(judged.is_ok(), "seed {seed}: {check:#?}\n{diary:#?}");
        }
        tally.calls += diary.calls.len();
        let metrics = history.checker.metrics();
        let entries = (metrics.active_entries, metrics.inactive_entries);
        assert!(entries.0 <= 2 && entries.1 <= 2, "{entries:?}");
        assert_eq!(metrics.under_way, 0, "seed {seed}: a call is left over");
    }
    println!("{histories} histories: {tally:?}");
    let Tally { cached, joined, stale, inactive, expired, unknown, .. } = tally;
    for (what, times) in [
        ("from the cache", cached),
        ("joined", joined),
        ("stale", stale),
        ("inactive", inactive),
        ("expired", expired),
        ("unknown", unknown),
    ] {
        assert!(times as u64 > histories / 20, "the histories are too tame: {what} {times}");
    }
}
