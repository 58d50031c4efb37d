//! Polling beside another program that uses 60 % of the log's rate limit.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use okta_introspect::sandbox::{App, Bucket, Grant, Sandbox};
use okta_introspect::signals::{Feed, Signal, SystemLog};
use okta_introspect::{Algorithm, Client, Clock, ManualClock, Scopes, SigningKey};

use super::Outcome;

const BACKEND: &str = "0oa1backend";
const PORTAL: &str = "0oa2portal";

/// Calls of the org to its log, a minute; the other program makes 72 of them.
const BUCKET: u32 = 120;
const OTHERS: u64 = 72;

const MINUTES: u64 = 30;

pub(super) async fn run() -> Outcome {
    println!(
        "a bucket of {BUCKET} a minute, {OTHERS} of them used by another program, {MINUTES} min"
    );
    println!(
        "{:<26} {:>10} {:>8} {:>8} {:>11} {:>11} {:>9}",
        "the other's calls come",
        "polls/min",
        "429 us",
        "429 they",
        "seen p50 s",
        "seen max s",
        "untrue"
    );
    for (name, times) in [
        ("evenly", (0..OTHERS).map(|call| call * 60_000 / OTHERS).collect()),
        ("at the minute's beginning", (0..OTHERS).map(|call| call * 20).collect()),
        ("in six bursts a minute", (0..OTHERS).map(|c| c / 12 * 10_000 + c % 12 * 100).collect()),
    ] {
        beside(name, times).await?;
    }
    Ok(())
}

/// When signals came, and what was said of the lag by then.
type Heard = Arc<Mutex<Vec<(DateTime<Utc>, DateTime<Utc>)>>>;

async fn beside(name: &str, times: Vec<u64>) -> Outcome {
    let begun = DateTime::from_timestamp(1_796_032_800, 0).ok_or("no time")?;
    let clock = ManualClock::new(begun);
    let key = SigningKey::generate(Algorithm::Es256)?;
    let app = App::service(BACKEND).key(key.public_jwk()).grant(SystemLog::SCOPE);
    let builder = Sandbox::builder().app(app).app(App::web(PORTAL)).clock(clock.clone());
    let sandbox = builder.log_lag(Duration::from_millis(500)).start().await?;
    sandbox.set_rate_limit(Bucket::Logs, Some(BUCKET));
    // So that only what others use is in the way.
    sandbox.set_client_share(BACKEND, Some(100));
    let client = Client::builder(sandbox.issuer(), BACKEND, key).clock(clock.clone()).build()?;
    let logs = client.resource(Scopes::parse(SystemLog::SCOPE)?);
    let (heard, at) = (Heard::default(), clock.clone());
    let own = Arc::clone(&heard);
    let observer = move |signal: &Signal, _| {
        let pair = signal.at.map(|published| (published, at.now()));
        own.lock().unwrap_or_else(|broken| broken.into_inner()).extend(pair);
    };
    let feed = Feed::builder([]).clock(clock.clone()).on_signal(observer).build();
    let log = SystemLog::builder(logs, feed.clone()).interval(SystemLog::MIN_INTERVAL);
    let run = Run { clock, sandbox, feed, heard, log: log.build()?, theirs: 0, untrue: 0 };
    run.through(name, &times).await
}

struct Run {
    clock: ManualClock,
    sandbox: Sandbox,
    feed: Feed,
    heard: Heard,
    log: SystemLog,
    /// How many of the other program's calls were refused.
    theirs: u64,
    /// How many signals came of what was said to have been told.
    untrue: u64,
}

impl Run {
    async fn through(mut self, name: &str, times: &[u64]) -> Outcome {
        const STEP: u64 = 20;
        let (mut due, mut polls): (Option<Instant>, u64) = (None, 0);
        for millis in (0..MINUTES * 60_000).step_by(STEP as usize) {
            let calls = times
                .iter()
                .filter(|at| (millis % 60_000..).take(STEP as usize).any(|t| t == **at));
            for _ in calls {
                self.theirs += u64::from(self.sandbox.use_up(Bucket::Logs, 1) == 0);
            }
            // Three tokens die in two seconds, at all moments of a second.
            if millis % 680 == 0 {
                let token = self.sandbox.issue(&Grant::to_client(PORTAL))?;
                self.sandbox.revoke(&token);
            }
            if due.is_none_or(|due| self.clock.monotonic() >= due) {
                due = Some(self.poll().await);
                polls += 1;
            }
            self.clock.advance(Duration::from_millis(STEP));
        }
        let refused = self.sandbox.requests().iter().filter(|call| call.status() == 429).count();
        let mut lags = self.lags();
        lags.sort();
        let at = |share: f64| lags[((lags.len() - 1) as f64 * share) as usize].as_secs_f64();
        println!(
            "{name:<26} {:>10.1} {refused:>8} {:>8} {:>11.2} {:>11.2} {:>9}",
            polls as f64 / MINUTES as f64,
            self.theirs,
            at(0.5),
            at(1.0),
            self.untrue
        );
        Ok(())
    }

    /// Polls, and holds what comes against what was said before.
    async fn poll(&mut self) -> Instant {
        let told = self.feed.status().first().and_then(|status| status.lag);
        let told = told.map(|lag| self.clock.now() - lag);
        let before = self.count();
        let due = self.log.poll().await;
        let heard = self.heard.lock().unwrap_or_else(|broken| broken.into_inner());
        let late = heard[before..].iter().filter(|(at, _)| told.is_some_and(|told| *at < told));
        self.untrue += late.count() as u64;
        due
    }

    fn count(&self) -> usize {
        self.heard.lock().unwrap_or_else(|broken| broken.into_inner()).len()
    }

    fn lags(&self) -> Vec<Duration> {
        let heard = self.heard.lock().unwrap_or_else(|broken| broken.into_inner());
        heard.iter().map(|(at, seen)| (*seen - *at).to_std().unwrap_or_default()).collect()
    }
}
