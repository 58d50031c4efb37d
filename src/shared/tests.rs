//! The second level over a store in the process, which fails, lies and is edited.

mod attacker;
mod budget;
mod clock;
mod rotation;

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::error::{Error, ErrorKind};
use crate::issuer::Issuer;
use crate::oauth::introspect::Introspection;
use crate::secret::Token;
use crate::support::boxed_future::BoxFuture;
use crate::support::random::SeededRandom;

const SECRET: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const OTHER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const LONG: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(1);

/// A clock whose wall is off.
#[derive(Clone, Debug)]
struct Off(ManualClock, Arc<AtomicI64>);

impl Clock for Off {
    fn now(&self) -> DateTime<Utc> {
        self.0.now() + TimeDelta::microseconds(self.1.load(SeqCst))
    }

    fn monotonic(&self) -> Instant {
        self.0.monotonic()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        self.0.sleep_until(at)
    }
}

/// A store that can be made to fail.
#[derive(Clone, Debug)]
struct Rigged {
    inner: InProcessStore,
    clock: ManualClock,
    rig: Arc<Rig>,
}

#[derive(Debug, Default)]
struct Rig {
    /// By how much its clock is off, in microseconds.
    off: Arc<AtomicI64>,
    fails: AtomicBool,
    hangs: AtomicBool,
    /// After how many further calls it hangs; 0 is never.
    hangs_after: AtomicUsize,
    /// How long each call takes, in microseconds: half before, half after it is carried out.
    takes: AtomicU64,
    calls: AtomicUsize,
    times: AtomicUsize,
    /// What it says its scale is.
    scale: Mutex<Option<TimeScale>>,
}

impl Rigged {
    fn new(clock: &ManualClock) -> Self {
        let rig = Arc::new(Rig::default());
        let off = Off(clock.clone(), Arc::clone(&rig.off));
        Self { inner: InProcessStore::new(off), clock: clock.clone(), rig }
    }

    async fn does<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.rig.calls.fetch_add(1, SeqCst);
        if self.rig.fails.load(SeqCst) {
            return Err(Error::from_store(ErrorKind::Unreachable, "the store is rigged"));
        }
        if self.rig.hangs.load(SeqCst) {
            return pending().await;
        }
        if self.rig.hangs_after.load(SeqCst) > 0 && self.rig.hangs_after.fetch_sub(1, SeqCst) == 1 {
            self.rig.hangs.store(true, SeqCst);
        }
        let half = Duration::from_micros(self.rig.takes.load(SeqCst)) / 2;
        self.clock.advance(half);
        let done = work.await;
        self.clock.advance(half);
        done
    }

    fn calls(&self) -> usize {
        self.rig.calls.load(SeqCst)
    }
}

impl SharedStore for Rigged {
    fn time<'a>(
        &'a self,
        name: &'a str,
        fresh: TimeScale,
        broken: Option<TimeScale>,
    ) -> BoxFuture<'a, Result<StoreTime, Error>> {
        Box::pin(self.does(async move {
            self.rig.times.fetch_add(1, SeqCst);
            let mut time = self.inner.time(name, fresh, broken).await?;
            time.scale = self.rig.scale.lock().unwrap().unwrap_or(time.scale);
            Ok(time)
        }))
    }

    fn get<'a>(
        &'a self,
        names: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, Error>> {
        Box::pin(self.does(self.inner.get(names)))
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        value: &'a [u8],
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.does(self.inner.put(name, value, ttl)))
    }

    fn claim<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.does(self.inner.claim(name, owner, ttl)))
    }

    fn append<'a>(
        &'a self,
        stream: &'a str,
        entry: &'a [u8],
    ) -> BoxFuture<'a, Result<EntryId, Error>> {
        Box::pin(self.does(self.inner.append(stream, entry)))
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: &'a StreamPosition,
        max: usize,
        wait: Duration,
    ) -> BoxFuture<'a, Result<StreamPage, Error>> {
        Box::pin(self.does(self.inner.read(stream, from, max, wait)))
    }

    fn lead<'a>(&'a self, lead: &'a Lead) -> BoxFuture<'a, Result<Leadership, Error>> {
        Box::pin(self.does(self.inner.lead(lead)))
    }

    fn commit<'a>(
        &'a self,
        lead: &'a Lead,
        stream: &'a str,
        behind: Option<&'a EntryId>,
        entry: &'a [u8],
        cursor: &'a [u8],
    ) -> BoxFuture<'a, Result<Commit, Error>> {
        Box::pin(self.does(self.inner.commit(lead, stream, behind, entry, cursor)))
    }

    fn resign<'a>(&'a self, lead: &'a Lead) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.does(self.inner.resign(lead)))
    }
}

/// One process with a handle of its own.
struct Instance {
    shared: Shared,
    clock: Arc<dyn Clock>,
    /// By how much its wall clock is off, in microseconds.
    wall: Arc<AtomicI64>,
}

impl Instance {
    fn with(store: &Rigged, seed: u64, secrets: &[&[u8]]) -> Self {
        let [secret, previous @ ..] = secrets else { panic!("no secret") };
        let secret = SharedSecret::parse(secret).unwrap();
        let mut builder = Shared::builder(store.clone(), secret).random(SeededRandom::new(seed));
        for previous in previous {
            builder = builder.previous(SharedSecret::parse(previous).unwrap());
        }
        let wall = Arc::new(AtomicI64::new(0));
        let clock = Arc::new(Off(store.clock.clone(), Arc::clone(&wall)));
        Self { shared: builder.build().unwrap(), clock, wall }
    }

    fn new(store: &Rigged, seed: u64) -> Self {
        Self::with(store, seed, &[SECRET])
    }

    fn name(&self, token: &str) -> EntryName {
        self.name_at("https://acme.okta.com", "client", token)
    }

    fn name_at(&self, issuer: &str, shared_as: &str, token: &str) -> EntryName {
        let asker = self.shared.asker(&Issuer::parse(issuer).unwrap(), shared_as);
        self.shared.name(&asker, &Token::parse(token).unwrap()).unwrap()
    }

    /// Puts an answer that was asked for now.
    async fn put(&self, token: &str, answer: &Introspection) {
        let (name, now) = (self.name(token), self.clock.monotonic());
        self.shared.put(&self.clock, &name, answer, now, HOUR);
        tokio::task::yield_now().await;
    }

    /// What is found about a token, whatever its age.
    async fn look(&self, token: &str) -> Option<Answer> {
        self.shared.look(&self.clock, &self.name(token), LONG, |_| true).await
    }

    /// How old what is found seems to be.
    async fn age(&self, token: &str) -> Option<Duration> {
        Some(self.clock.monotonic() - self.look(token).await?.asked_at)
    }

    fn looks(&self, outcome: &str) -> u64 {
        self.shared.metrics().looks[outcome]
    }
}

fn clock_and_store() -> (ManualClock, Rigged) {
    let clock = ManualClock::new(DateTime::from_timestamp(1_796_000_000, 0).unwrap());
    let store = Rigged::new(&clock);
    (clock, store)
}

fn active(jti: &str) -> Introspection {
    let json = format!(r#"{{"active":true,"jti":"{jti}","sub":"ada"}}"#);
    serde_json::from_str(&json).unwrap()
}

fn inactive() -> Introspection {
    serde_json::from_str(r#"{"active":false}"#).unwrap()
}

/// The raw bytes under a name.
async fn stolen(store: &Rigged, name: &str) -> Vec<u8> {
    store.inner.get(&[name]).await.unwrap().remove(0).unwrap()
}

async fn planted(store: &Rigged, name: &str, value: &[u8]) {
    store.inner.put(name, value, HOUR).await.unwrap();
}

#[test_support::test]
async fn what_one_puts_the_other_finds_with_its_age() {
    let (clock, store) = clock_and_store();
    let (one, other) = (Instance::new(&store, 1), Instance::new(&store, 2));
    let (answer, asked_at) = (active("a"), clock.monotonic());
    one.put("tok1", &answer).await;
    clock.advance(2 * SECOND);
    let found = other.look("tok1").await.unwrap();
    assert_eq!(found.introspection, answer);
    let early = asked_at.saturating_duration_since(found.asked_at);
    assert!(found.asked_at <= asked_at && early < 2 * MOMENT, "{early:?}");
    assert!(other.look("another").await.is_none());
    assert_eq!([other.looks("hit_active"), other.looks("miss")], [1, 1]);
    assert_eq!(one.shared.metrics().puts["done"], 1);
}

#[test_support::test]
async fn one_of_two_instances_is_to_ask() {
    let (clock, store) = clock_and_store();
    let (one, other) = (Instance::new(&store, 1), Instance::new(&store, 2));
    let claim = async |who: &Instance| {
        who.shared.claim(&who.clock, &who.name("tok1"), LONG, Duration::ZERO).await
    };
    assert_eq!((claim(&one).await, claim(&other).await), (Claim::Granted, Claim::Taken));
    clock.advance(CLAIM - MOMENT);
    assert_eq!(claim(&other).await, Claim::Taken);
    clock.advance(MOMENT);
    assert_eq!(claim(&other).await, Claim::Granted);
    store.rig.fails.store(true, SeqCst);
    assert_eq!(claim(&one).await, Claim::Granted);
    let claims = other.shared.metrics().claims;
    assert_eq!([claims["granted"], claims["taken"], claims["failed"]], [1, 2, 0]);
    assert_eq!(one.shared.metrics().claims["failed"], 1);
}

#[test_support::test]
async fn of_two_answers_the_later_one_counts_and_of_two_at_once_the_no() {
    let (clock, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    one.put("tok1", &active("a")).await;
    one.put("tok1", &inactive()).await;
    assert!(!one.look("tok1").await.unwrap().introspection.active);
    clock.advance(SECOND);
    one.put("tok1", &active("b")).await;
    let found = one.look("tok1").await.unwrap().introspection;
    assert_eq!(found.jti.as_deref(), Some("b"));
    clock.advance(SECOND);
    one.put("tok1", &inactive()).await;
    assert!(!one.look("tok1").await.unwrap().introspection.active);
    assert_eq!([one.looks("hit_active"), one.looks("hit_inactive")], [1, 2]);
}

#[test_support::test]
async fn what_the_caller_does_not_admit_is_not_there() {
    let (clock, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    one.put("tok1", &active("a")).await;
    clock.advance(10 * SECOND);
    let (name, now) = (one.name("tok1"), clock.monotonic());
    let young = |answer: &Answer| now - answer.asked_at <= 9 * SECOND;
    assert!(one.shared.look(&one.clock, &name, LONG, young).await.is_none());
    let old = |answer: &Answer| now - answer.asked_at <= 11 * SECOND;
    assert!(one.shared.look(&one.clock, &name, LONG, old).await.is_some());
    assert_eq!([one.looks("too_old"), one.looks("hit_active")], [1, 1]);
}

#[test_support::test]
async fn each_server_and_each_client_has_answers_of_its_own() {
    let (_, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    let org = "https://acme.okta.com";
    let names = [
        one.name_at(org, "client", "tok1"),
        one.name_at("https://acme.okta.com/oauth2/default", "client", "tok1"),
        one.name_at("https://other.okta.com", "client", "tok1"),
        one.name_at(org, "client2", "tok1"),
        one.name_at(org, "client", "2tok1"),
    ];
    let all: std::collections::BTreeSet<_> =
        names.iter().flat_map(|name| [&name.active, &name.inactive, &name.claim]).collect();
    assert_eq!(all.len(), 15);
    assert!(names[1].active.starts_with("oi1:{acme.okta.com}:e:"));
    assert!(names[2].inactive.starts_with("oi1:{other.okta.com}:n:"));
    assert!(names[2].claim.starts_with("oi1:{other.okta.com}:l:"));
    assert_eq!(names[0].active.len(), "oi1:{acme.okta.com}:e:".len() + 32);
    let org = one.shared.org(&Issuer::parse("http://127.0.0.1:8080").unwrap());
    let names = [&org.time, &org.stream, &org.leader].map(String::as_str);
    let at = |what: &str| format!("oi1:{{127.0.0.1:8080}}:{what}");
    assert_eq!(names[0], at("time"));
    // Behind these stands the id of the secret.
    for (name, before) in [(names[1], at("s:")), (names[2], at("leader:"))] {
        assert!(name.starts_with(&before) && name.len() == before.len() + 6, "{name}");
    }
    let other = Instance::with(&store, 1, &[OTHER]);
    let other = other.shared.org(&Issuer::parse("http://127.0.0.1:8080").unwrap());
    assert_eq!(other.time, org.time);
    assert_ne!((&other.stream, &other.leader), (&org.stream, &org.leader));
}

#[cfg(feature = "prometheus")]
#[test_support::test]
async fn prometheus_reads_what_was_done_with_the_store() {
    let (_, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    store.rig.takes.store(2_000, SeqCst);
    one.look("tok1").await;
    one.put("tok1", &active("a")).await;
    one.look("tok1").await;
    one.shared.claim(&one.clock, &one.name("tok1"), LONG, Duration::ZERO).await;
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register_collector(Box::new(one.shared.clone()));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        r#"shared_looks_total{outcome="hit_active"} 1"#,
        r#"shared_looks_total{outcome="miss"} 1"#,
        r#"shared_looks_total{outcome="circuit_open"} 0"#,
        r#"shared_claims_total{outcome="granted"} 1"#,
        r#"shared_puts_total{outcome="done"} 1"#,
        "shared_operation_duration_seconds_count 5",
        "shared_scale_changes_total 0",
        "shared_time_uncertainty_seconds 0.002002",
    ] {
        assert!(text.contains(&format!("okta_introspect_{line}\n")), "{line} in {text}");
    }
}
