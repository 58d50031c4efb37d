//! What a hit is measured with: tokens, a checker that knows them, and what it is compared with.

#![allow(dead_code, unreachable_pub)] // each benchmark uses a part

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use okta_introspect::checker::{
    Answered, Checker, CheckerConfig, Requirement, SendTime, Upstream, Verdict,
};
use okta_introspect::{
    BoxFuture, Clock, Error, Introspection, Issuer, Random, SeededRandom, SystemClock, Token,
};
use sha2::{Digest, Sha256};

pub const TOKEN_BYTES: usize = 1024;
pub const HITS: usize = 20_000;
pub const ROUNDS: usize = 15;

/// Calls every token active, after some time.
#[derive(Debug)]
struct Server {
    issuer: Issuer,
    takes: Duration,
    calls: Arc<AtomicUsize>,
}

/// What the server says about each token.
pub fn claims() -> serde_json::Value {
    serde_json::json!({
        "active": true, "scope": "orders.read orders.write", "client_id": "0oa1b2c3d4e5f6g7h8i9",
        "sub": "ada@acme.example", "uid": "00u1b2c3d4e5f6g7h8i9", "aud": "api://default",
        "jti": "AT.0123456789abcdefghijklmnopqrstuvwxyz", "exp": 4_000_000_000_i64,
        "iss": "https://acme.okta.com/oauth2/default", "token_type": "Bearer",
    })
}

pub fn answer() -> Introspection {
    serde_json::from_value(claims()).unwrap()
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
        Box::pin(async {
            let sent = send_time.record(SystemClock.monotonic());
            self.calls.fetch_add(1, Ordering::Relaxed);
            if !self.takes.is_zero() {
                SystemClock.sleep_until(SystemClock.monotonic() + self.takes).await;
            }
            Ok(Answered { introspection: answer(), sent })
        })
    }
}

/// A checker that keeps so many answers for as long as the benchmark lasts, and its server's count
/// of calls.
pub fn checker(capacity: usize, takes: Duration) -> (Checker, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let issuer = Issuer::parse("https://acme.okta.com/oauth2/default").unwrap();
    let mut config = CheckerConfig::default();
    config.capacity = capacity;
    config.max_age_limit = Duration::from_secs(3600);
    config.max_age = config.max_age_limit;
    let server = Server { issuer, takes, calls: Arc::clone(&calls) };
    (Checker::builder(server).config(config).build().unwrap(), calls)
}

pub fn tokens(count: usize, bytes: usize) -> Vec<String> {
    let random = SeededRandom::new(1);
    let mut token = vec![0; bytes];
    let mut make = || {
        random.fill(&mut token);
        token.iter().map(|byte| char::from(b'a' + byte % 26)).collect()
    };
    (0..count).map(|_| make()).collect()
}

pub async fn fill(checker: &Checker, tokens: &[String], requirement: &Requirement) {
    for token in tokens {
        assert!(matches!(checker.check(&**token, requirement).await, Ok(Verdict::Authorized(_))));
    }
}

/// Positions in a random order, the same for all variants.
pub fn order(entries: usize) -> Vec<usize> {
    let random = SeededRandom::new(2);
    (0..HITS).map(|_| (random.fraction() * entries as f64) as usize).collect()
}

/// What is compared with: a plain map behind a lock.
pub type Plain<K> = RwLock<HashMap<K, (DateTime<Utc>, Arc<Introspection>)>>;

pub fn plain<K: Hash + Eq>(keys: impl Iterator<Item = K>) -> Plain<K> {
    let entry = |key| (key, (answer().exp.unwrap(), Arc::new(answer())));
    RwLock::new(keys.map(entry).collect())
}

/// Looks a key up, and whether it is still good.
pub fn look_up<K, Q>(map: &Plain<K>, key: &Q) -> Arc<Introspection>
where
    K: Hash + Eq + Borrow<Q>,
    Q: Hash + Eq + ?Sized,
{
    let map = map.read().unwrap();
    let (exp, facts) = &map[key];
    assert!(*exp > SystemClock.now());
    Arc::clone(facts)
}

pub fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Does the work for each position, in so many threads at once.
pub fn each(order: &[usize], threads: usize, work: &(impl Fn(&usize) + Sync)) {
    if threads == 1 {
        return order.iter().for_each(work);
    }
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| order.iter().for_each(work));
        }
    });
}
