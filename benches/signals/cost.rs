//! How many questions tokens in use cost, with `extend` and without.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::DateTime;
use okta_introspect::checker::{Answered, CheckerConfig, SendTime, SignalMode, Upstream};
use okta_introspect::sandbox::{App, Bucket, Sandbox};
use okta_introspect::signals::{Feed, SystemLog};
use okta_introspect::{
    Algorithm, BoxFuture, Checker, Client, Clock, Error, Introspection, Issuer, ManualClock,
    Requirement, Scopes, SigningKey, Token,
};

use super::Outcome;

const BACKEND: &str = "0oa1backend";

/// How old an answer may be where nothing extends it, and where something does.
const BOUND: Duration = Duration::from_secs(30);
const HARD_BOUND: Duration = Duration::from_secs(300);

/// How often the log is polled.
const POLL: Duration = Duration::from_secs(2);

/// For how long it is counted, after as long as answers last.
const COUNTED: Duration = Duration::from_secs(600);

/// How often each token is checked.
const STEP: Duration = Duration::from_secs(1);

pub(super) async fn run(numbers: &[u32]) -> Outcome {
    let tokens = match numbers {
        [] => vec![100, 10_000],
        some => some.to_vec(),
    };
    let (t, h, w, p) = (BOUND.as_secs(), HARD_BOUND.as_secs(), COUNTED.as_secs(), POLL.as_secs());
    println!("bound T = {t} s, hard bound H = {h} s, poll each P = {p} s, W = {w} s");
    println!(
        "{:>7} {:>8} {:>8} {:>10} {:>10} {:>7} {:>8} {:>8} {:>7}",
        "D", "mode", "polls", "questions", "expected", "off by", "calls/s", "without", "ratio"
    );
    for count in tokens {
        let without = World::new(SignalMode::Purge)?.calls(count).await;
        let with = World::new(SignalMode::Extend)?.followed().await?.calls(count).await;
        let expected = |bound: u64| u64::from(count) * w / bound;
        for (mode, (polls, asked), expected) in
            [("purge", without, expected(t)), ("extend", with, expected(h))]
        {
            let off = (asked as f64 / expected as f64 - 1.0) * 100.0;
            let (sum, alone) = (polls + asked, without.1);
            println!(
                "{count:>7} {mode:>8} {polls:>8} {asked:>10} {expected:>10} {off:>+6.1}% {:>8.2} {:>8.2} {:>7.3}",
                sum as f64 / w as f64,
                alone as f64 / w as f64,
                sum as f64 / alone as f64
            );
        }
    }
    Ok(())
}

struct World {
    clock: ManualClock,
    checker: Checker,
    asked: Arc<AtomicU64>,
    /// The log of an org where nothing happens, and what it is the log of.
    log: Option<(SystemLog, Sandbox)>,
}

impl World {
    fn new(mode: SignalMode) -> Result<Self, Box<dyn std::error::Error>> {
        let clock = ManualClock::new(DateTime::from_timestamp(1_796_032_800, 0).ok_or("no time")?);
        let asked = Arc::new(AtomicU64::new(0));
        let answer: Introspection = serde_json::from_value(serde_json::json!({
            "active": true, "client_id": "0oa2portal", "jti": "AT.1", "exp": 4_000_000_000_i64,
        }))?;
        let issuer = Issuer::parse("https://acme.okta.com")?;
        let server = Server { issuer, clock: clock.clone(), answer, asked: Arc::clone(&asked) };
        let mut config = CheckerConfig::default();
        (config.max_age, config.extension_limit) = (BOUND, HARD_BOUND);
        config.signals = mode;
        // It asks a little earlier, for answers that are waited for.
        config.refresh_ahead = false;
        let builder = Checker::builder(server).config(config).clock(clock.clone());
        Ok(Self { clock, checker: builder.build()?, asked, log: None })
    }

    /// With a poller at the log of an org.
    async fn followed(mut self) -> Result<Self, Box<dyn std::error::Error>> {
        let key = SigningKey::generate(Algorithm::Es256)?;
        let app = App::service(BACKEND).key(key.public_jwk()).grant(SystemLog::SCOPE);
        let clock = self.clock.clone();
        let sandbox = Sandbox::builder().app(app).clock(clock.clone()).start().await?;
        sandbox.set_rate_limit(Bucket::Logs, Some(120));
        let client = Client::builder(sandbox.issuer(), BACKEND, key).clock(clock).build()?;
        let logs = client.resource(Scopes::parse(SystemLog::SCOPE)?);
        let feed = Feed::new([self.checker.clone()]);
        let log = SystemLog::builder(logs, feed).interval(POLL).build()?;
        self.log = Some((log, sandbox));
        Ok(self)
    }

    /// Polls and questions in the time that counts, with each token checked every step.
    async fn calls(mut self, count: u32) -> (u64, u64) {
        let tokens: Vec<Token> = (0..count).map(token).collect();
        let requirement = Requirement::new().extended();
        let steps = |time: Duration| (time.as_millis() / STEP.as_millis()) as u32;
        let (lead, counted) = (steps(HARD_BOUND), steps(COUNTED));
        let (mut polls, mut before, mut due) = (0, 0, self.clock.monotonic());
        for step in 0..lead + counted {
            if step == lead {
                (polls, before) = (0, self.asked.load(Ordering::Relaxed));
            }
            if let Some((log, _)) = &mut self.log
                && self.clock.monotonic() >= due
            {
                due = log.poll().await;
                polls += 1;
            }
            // They come into use one after the other, not all at once.
            let in_use = if step < lead { count * (step + 1) / lead } else { count };
            for token in &tokens[..in_use as usize] {
                let verdict = self.checker.check(token, &requirement).await;
                assert!(verdict.is_ok(), "{verdict:?}");
            }
            self.clock.advance(STEP);
        }
        (polls, self.asked.load(Ordering::Relaxed) - before)
    }
}

fn token(number: u32) -> Token {
    // Of these characters only, so that it is one.
    Token::parse(&format!("token-{number}")).unwrap_or_else(|error| panic!("{error}"))
}

/// Calls every token active, and counts.
#[derive(Debug)]
struct Server {
    issuer: Issuer,
    clock: ManualClock,
    answer: Introspection,
    asked: Arc<AtomicU64>,
}

impl Upstream for Server {
    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn introspect<'a>(
        &'a self,
        _: &'a Token,
        send_time: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let sent = send_time.record(self.clock.monotonic());
        let introspection = self.answer.clone();
        Box::pin(async move { Ok(Answered { introspection, sent }) })
    }
}
