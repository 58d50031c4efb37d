//! Instances that share signals, each in a time of its own, so that one can stand still.

#![allow(unreachable_pub)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use okta_introspect::checker::{Checker, SignalMode, Verdict};
use okta_introspect::shared::{Shared, SharedSecret};
use okta_introspect::signals::{
    Applied, Feed, LogPage, SharedSignals, Signal, SignalLog, SourceKind, SourceStatus,
    StreamStatus, Subject,
};
use okta_introspect::{BoxFuture, Clock, Issuer, ManualClock, Random, SeededRandom};
use serde_json::json;

use super::store::{Engine, Way};
use crate::script::{ISSUER, Script, checker, within};
use crate::support::{seconds, start};

/// How old an answer may be.
pub const BOUND: Duration = Duration::from_secs(5);

pub const SECRET: &[u8] = b"c2VjcmV0IG9mIHRlc3RzOiAwMTIzNDU2Nzg5";

pub struct World {
    issuer: String,
    /// Time passes in steps of no more than this.
    pub step: Duration,
    pub engine: Engine,
    pub log: Arc<Mutex<OrgLog>>,
    pub instances: Vec<Instance>,
    /// Tokens that were revoked, and when by the engine's monotonic clock.
    revoked: Mutex<Vec<(String, Duration)>>,
}

/// The log of the org. It does not look back: what happens while nobody has begun is lost.
#[derive(Debug)]
pub struct OrgLog {
    pub events: Vec<Signal>,
    pub interval: Duration,
    pub fails: bool,
    /// The next page says that the log cannot be gone on with.
    pub gap: bool,
    pub reads: usize,
}

/// What was heard, and what came of it.
pub type Heard = Arc<Mutex<Vec<(Signal, Applied)>>>;

pub struct Instance {
    pub clock: ManualClock,
    pub way: Way,
    pub script: Script,
    pub checker: Checker,
    pub feed: Feed,
    pub signals: Option<SharedSignals>,
    pub heard: Heard,
    pub is_paused: bool,
}

impl World {
    /// So many instances; all may lead.
    pub async fn new(count: usize) -> Self {
        let mut world = Self::empty();
        for _ in 0..count {
            world.join().await;
        }
        world
    }

    pub fn empty() -> Self {
        Self::of(ISSUER)
    }

    pub fn of(issuer: &str) -> Self {
        let engine = Engine::new(&ManualClock::stepped(start()));
        let log =
            OrgLog { events: Vec::new(), interval: seconds(2), fails: false, gap: false, reads: 0 };
        let log = Arc::new(Mutex::new(log));
        let (issuer, instances) = (issuer.to_owned(), Vec::new());
        let step = Duration::from_millis(100);
        Self { issuer, step, engine, log, instances, revoked: Mutex::default() }
    }

    /// One more instance.
    pub async fn join(&mut self) -> usize {
        self.join_with(SECRET, Jitter::default(), true).await
    }

    pub async fn join_with(&mut self, secret: &[u8], jitter: Jitter, leads: bool) -> usize {
        // Computers' clocks are off.
        let off = chrono::TimeDelta::seconds(100 * self.instances.len() as i64);
        let clock = ManualClock::stepped(start() + off);
        let (way, script) = (self.engine.way(&clock), Script::of(&self.issuer, &clock));
        let checker = checker(&script, |config| {
            config.signals = SignalMode::Extend;
            config.extension_limit = seconds(300);
        });
        let (feed, heard) = feed(&checker);
        let shared = Shared::builder(way.clone(), SharedSecret::parse(secret).unwrap());
        let shared = shared.random(jitter).build().unwrap();
        let signals = SharedSignals::builder(&shared, &feed, &Issuer::parse(&self.issuer).unwrap());
        let signals = match leads {
            true => signals.log(self.reader(&clock)),
            false => signals,
        };
        let signals = Some(signals.start());
        let is_paused = false;
        let instance = Instance { clock, way, script, checker, feed, signals, heard, is_paused };
        self.instances.push(instance);
        calm().await;
        self.instances.len() - 1
    }

    /// What reads the log of the org.
    pub fn reader(&self, clock: &ManualClock) -> impl SignalLog + use<> {
        Reader { log: Arc::clone(&self.log), clock: clock.clone(), next: None, gap: false }
    }

    /// Time passes for all that do not stand still, step by step.
    pub async fn pass(&self, time: Duration) {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(self.step);
            left -= step;
            self.engine.clock.advance(step);
            let running = self.instances.iter().filter(|instance| !instance.is_paused);
            running.for_each(|instance| instance.clock.advance(step));
            calm().await;
        }
    }

    pub fn pause(&mut self, index: usize) {
        self.instances[index].is_paused = true;
        self.instances[index].way.stand_still(true);
    }

    /// Its time catches up at once.
    pub async fn resume(&mut self, index: usize, after: Duration) {
        let instance = &mut self.instances[index];
        instance.is_paused = false;
        instance.way.stand_still(false);
        instance.clock.advance(after);
        calm().await;
    }

    /// As if the process were killed.
    pub async fn kill(&mut self, index: usize) {
        self.instances[index].signals = None;
        calm().await;
    }

    pub fn leader(&self) -> Option<usize> {
        let mut leaders = self.leaders();
        (leaders.len() == 1).then(|| leaders.remove(0))
    }

    pub fn leaders(&self) -> Vec<usize> {
        let leads = |index: &usize| self.status(*index).is_some_and(|status| status.leads);
        (0..self.instances.len()).filter(leads).collect()
    }

    pub fn status(&self, index: usize) -> Option<StreamStatus> {
        Some(self.instances[index].signals.as_ref()?.status())
    }

    pub fn log(&self) -> MutexGuard<'_, OrgLog> {
        self.log.lock().unwrap()
    }

    /// All instances learn that a token is active.
    pub async fn know(&self, token: &str) {
        for instance in &self.instances {
            instance.script.active(token, json!({"jti": token, "uid": "00u1"}));
            let _ = instance.checker.check(token, &within(BOUND).extended()).await.unwrap();
        }
    }

    /// A token is revoked, and the log tells.
    pub fn revoke(&self, token: &str) {
        self.instances.iter().for_each(|instance| instance.script.revoke(token));
        self.log().events.push(revocation(token));
        self.revoked.lock().unwrap().push((token.to_owned(), self.engine.clock.elapsed()));
    }

    /// Lets no instance that runs believe in a token that was revoked longer ago than the bound.
    pub async fn assert_sound(&self) {
        let revoked = self.revoked.lock().unwrap().clone();
        for (token, at) in revoked {
            if self.engine.clock.elapsed() - at <= BOUND {
                continue;
            }
            for (index, instance) in self.instances.iter().enumerate() {
                let running = !instance.is_paused;
                let requirement = within(BOUND).extended();
                if running {
                    let verdict = instance.checker.check(&*token, &requirement).await.unwrap();
                    let is_denied = matches!(verdict, Verdict::Denied(_));
                    assert!(is_denied, "{token} at {index}, revoked at {at:?}");
                }
            }
        }
    }

    /// Time passes, and after each tenth of a second no answer is too old.
    pub async fn pass_soundly(&self, time: Duration) {
        let step = Duration::from_millis(100);
        for _ in 0..time.as_millis() / step.as_millis() {
            self.pass(step).await;
            self.assert_sound().await;
        }
    }
}

impl Instance {
    /// How often it has heard of a signal, by whether that was new.
    pub fn heard(&self, id: &str) -> [usize; 2] {
        let heard = self.heard.lock().unwrap();
        let times = |applied| {
            heard.iter().filter(|(signal, what)| signal.id == id && *what == applied).count()
        };
        [times(Applied::New), times(Applied::Repeated)]
    }

    /// How often everything was declared invalid, by the reasons.
    pub fn gaps(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let gaps = heard.iter().filter(|(signal, _)| signal.subjects == [Subject::Everything]);
        gaps.map(|(signal, _)| signal.kind.clone()).collect()
    }

    pub fn source(&self) -> SourceStatus {
        let status = self.feed.status();
        let log = status.into_iter().find(|status| status.source == SourceKind::SystemLog);
        log.unwrap()
    }

    /// Up to when the log was told, by how long ago that is.
    pub fn lag(&self) -> Option<Duration> {
        self.source().lag
    }

    /// Whether an answer of now counts for longer than it may be old, because signals say so.
    pub async fn is_extended(&self, world: &World, token: &str) -> bool {
        let calls = self.script.calls();
        world.pass(BOUND + seconds(3)).await;
        let _ = self.checker.check(token, &within(BOUND).extended()).await.unwrap();
        self.script.calls() == calls
    }
}

pub fn feed(checker: &Checker) -> (Feed, Heard) {
    let heard = Heard::default();
    let own = Arc::clone(&heard);
    let feed = Feed::builder([checker.clone()]);
    let feed = feed.on_signal(move |signal, applied| {
        own.lock().unwrap().push((signal.clone(), applied));
    });
    (feed.build(), heard)
}

pub fn revocation(token: &str) -> Signal {
    let subject = Subject::Token { jti: Some(token.to_owned()), hash: None };
    Signal::new(SourceKind::SystemLog, "app.oauth2.token.revoke", [subject]).id(token)
}

/// Lets every task run until it waits.
pub async fn calm() {
    for _ in 0..60 {
        tokio::task::yield_now().await;
    }
}

/// The log as one instance reads it.
#[derive(Debug)]
pub struct Reader {
    pub log: Arc<Mutex<OrgLog>>,
    pub clock: ManualClock,
    /// How many events were read before; `None` if it begins.
    pub next: Option<usize>,
    pub gap: bool,
}

impl SignalLog for Reader {
    fn go_on_at(&mut self, cursor: Option<&[u8]>) {
        let text = cursor.map(|cursor| std::str::from_utf8(cursor).unwrap().to_owned());
        (self.next, self.gap) = (text.map(|text| text.parse().unwrap()), false);
    }

    fn next_page(&mut self) -> BoxFuture<'_, LogPage> {
        Box::pin(async {
            let (mut log, now) = (self.log.lock().unwrap(), self.clock.monotonic());
            log.reads += 1;
            let mut page = LogPage::new(now + log.interval);
            if std::mem::take(&mut log.gap) {
                (self.next, self.gap) = (None, true);
                return page;
            }
            if log.fails {
                page.cursor = self.next.map(|next| next.to_string().into_bytes());
                return page;
            }
            page.begins = self.next.is_none();
            page.gap = std::mem::take(&mut self.gap).then(|| "refused".to_owned());
            let from = self.next.unwrap_or(log.events.len());
            page.signals = log.events[from..].to_vec();
            self.next = Some(log.events.len());
            page.cursor = Some(log.events.len().to_string().into_bytes());
            page.covered_until = now.checked_sub(seconds(1));
            page.covered_within = log.interval + seconds(5);
            page
        })
    }
}

/// Random bytes, and a jitter that is told.
#[derive(Debug)]
pub struct Jitter {
    bytes: SeededRandom,
    fraction: f64,
}

static SEED: AtomicU64 = AtomicU64::new(1);

impl Jitter {
    pub fn of(fraction: f64) -> Self {
        // No two instances draw the same.
        Self { bytes: SeededRandom::new(SEED.fetch_add(1, Ordering::Relaxed)), fraction }
    }
}

impl Default for Jitter {
    fn default() -> Self {
        Self::of(0.5)
    }
}

impl Random for Jitter {
    fn fill(&self, bytes: &mut [u8]) {
        self.bytes.fill(bytes);
    }

    fn fraction(&self) -> f64 {
        self.fraction
    }
}
