//! What a check costs on a hit, what an entry takes, and what waiting together is worth.
//!
//! `cargo bench --bench checker --features axum`, or a part: `… -- hits`, `together`, `memory`, `web`

#![allow(clippy::print_stdout)] // the tables are what a benchmark is for

mod common;
#[path = "common/web.rs"]
mod web;

use std::alloc::System;
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use common::{Variant, compare, median, now_or_never};
use okta_introspect::checker::{Checker, CheckerConfig, Departure, Requirement, Upstream, Verdict};
use okta_introspect::{
    BoxFuture, Clock, Error, Introspection, Issuer, Random, SeededRandom, SystemClock, Token,
};
use sha2::{Digest, Sha256};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ENTRIES: usize = 100_000;
const TOKEN_BYTES: usize = 1024;
const HITS: usize = 20_000;
const ROUNDS: usize = 15;

/// Calls every token active, after some time.
#[derive(Debug)]
struct Server {
    issuer: Issuer,
    takes: Duration,
    calls: Arc<AtomicUsize>,
}

fn answer() -> Introspection {
    let answer = serde_json::json!({
        "active": true, "scope": "orders.read orders.write", "client_id": "0oa1b2c3d4e5f6g7h8i9",
        "sub": "ada@acme.example", "uid": "00u1b2c3d4e5f6g7h8i9", "aud": "api://default",
        "jti": "AT.0123456789abcdefghijklmnopqrstuvwxyz", "exp": 4_000_000_000_i64,
        "iss": "https://acme.okta.com/oauth2/default", "token_type": "Bearer",
    });
    serde_json::from_value(answer).unwrap()
}

impl Upstream for Server {
    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn introspect<'a>(
        &'a self,
        _: &'a Token,
        _: &'a Departure,
    ) -> BoxFuture<'a, Result<Introspection, Error>> {
        Box::pin(async {
            self.calls.fetch_add(1, Ordering::Relaxed);
            if !self.takes.is_zero() {
                SystemClock.sleep_until(SystemClock.monotonic() + self.takes).await;
            }
            Ok(answer())
        })
    }
}

/// A checker that keeps so many answers for as long as the benchmark lasts, and its server's count
/// of calls.
fn checker(capacity: usize, takes: Duration) -> (Checker, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let issuer = Issuer::parse("https://acme.okta.com/oauth2/default").unwrap();
    let mut config = CheckerConfig::default();
    config.capacity = capacity;
    config.longest_age = Duration::from_secs(3600);
    config.max_age = config.longest_age;
    let server = Server { issuer, takes, calls: Arc::clone(&calls) };
    (Checker::builder(server).config(config).build().unwrap(), calls)
}

fn tokens(count: usize, bytes: usize) -> Vec<String> {
    let random = SeededRandom::new(1);
    let mut token = vec![0; bytes];
    let mut make = || {
        random.fill(&mut token);
        token.iter().map(|byte| char::from(b'a' + byte % 26)).collect()
    };
    (0..count).map(|_| make()).collect()
}

async fn fill(checker: &Checker, tokens: &[String], requirement: &Requirement) {
    for token in tokens {
        assert!(matches!(checker.check(&**token, requirement).await, Ok(Verdict::Authorized(_))));
    }
}

/// Positions in a random order, the same for all variants.
fn order() -> Vec<usize> {
    let random = SeededRandom::new(2);
    (0..HITS).map(|_| (random.fraction() * ENTRIES as f64) as usize).collect()
}

/// What is compared with: a plain map behind a lock.
type Plain<K> = RwLock<HashMap<K, (DateTime<Utc>, Arc<Introspection>)>>;

fn plain<K: std::hash::Hash + Eq>(keys: impl Iterator<Item = K>) -> Plain<K> {
    let entry = |key| (key, (answer().exp.unwrap(), Arc::new(answer())));
    RwLock::new(keys.map(entry).collect())
}

fn hits(runtime: &Runtime) {
    let tokens = tokens(ENTRIES, TOKEN_BYTES);
    // Room for more, so that nothing is evicted from a crowded shard.
    let (checker, _) = checker(2 * ENTRIES, Duration::ZERO);
    let requirement = Requirement::new().scope("orders.read").audience("api://default");
    runtime.block_on(fill(&checker, &tokens, &requirement));
    let by_digest: Plain<[u8; 32]> = plain(tokens.iter().map(|token| digest(token)));
    let by_token: Plain<String> = plain(tokens.iter().cloned());
    let order = order();
    let reference = |at: &usize| {
        let map = by_digest.read().unwrap();
        let (exp, facts) = &map[&digest(&tokens[*at])];
        assert!(*exp > SystemClock.now());
        black_box(Arc::clone(facts));
    };
    let raw = |at: &usize| {
        let map = by_token.read().unwrap();
        let (exp, facts) = &map[&tokens[*at]];
        assert!(*exp > SystemClock.now());
        black_box(Arc::clone(facts));
    };
    let check = |at: &usize| {
        let verdict = now_or_never(checker.check(&*tokens[*at], &requirement));
        assert!(matches!(black_box(verdict), Ok(Verdict::Authorized(_))));
    };
    for threads in [1, 2] {
        let title =
            format!("{HITS} hits of {ENTRIES} tokens of {TOKEN_BYTES} B, {threads} threads");
        let (order, reference, raw, check) = (&order, &reference, &raw, &check);
        let variants = vec![
            Variant::new("SHA-256, plain map, clock, expiry, Arc", move || {
                each(order, threads, reference);
            }),
            Variant::new("raw token, plain map, clock, expiry, Arc", move || {
                each(order, threads, raw);
            }),
            Variant::new("the checker, with its requirement", move || each(order, threads, check)),
        ];
        compare(&title, ROUNDS, 1, variants);
    }
    let region = Region::new(ALLOCATOR);
    order.iter().for_each(check);
    println!("allocations in {HITS} hits: {}", region.change().allocations);
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Does the work for each position, in so many threads at once.
fn each(order: &[usize], threads: usize, work: &(impl Fn(&usize) + Sync)) {
    if threads == 1 {
        return order.iter().for_each(work);
    }
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| order.iter().for_each(work));
        }
    });
}

fn memory(runtime: &Runtime) {
    const MANY: usize = 1_000_000;
    let requirement = Requirement::new();
    let tokens = tokens(MANY + MANY / 10, 24);
    let region = Region::new(ALLOCATOR);
    let mut payload = black_box(answer());
    (payload.scope, payload.aud) = Default::default(); // one set for all entries
    let change = region.change();
    let heap = change.bytes_allocated - change.bytes_deallocated;
    let payload_bytes = heap + size_of_val(&payload);
    let region = Region::new(ALLOCATOR);
    let (checker, _) = checker(MANY, Duration::ZERO);
    runtime.block_on(fill(&checker, &tokens, &requirement));
    let change = region.change();
    let live = change.bytes_allocated - change.bytes_deallocated;
    let entries = checker.metrics().entries.0;
    let each = live as f64 / entries as f64;
    println!("\n{} tokens in a cache for {MANY}: {entries} entries", tokens.len());
    println!("bytes per entry: {each:.1}; payload {payload_bytes}, key 16");
    println!("beyond key and payload: {:.1}", each - 16.0 - payload_bytes as f64);
}

fn together(runtime: &Runtime) {
    const CALLERS: usize = 1000;
    const TAKES: Duration = Duration::from_millis(20);
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let (checker, calls) = checker(10, TAKES);
        let token = format!("token-{round}");
        let (alone, many) = runtime.block_on(async {
            let begun = SystemClock.monotonic();
            assert!(checker.check("alone", &Requirement::new()).await.is_ok());
            let alone = SystemClock.monotonic() - begun;
            let begun = SystemClock.monotonic();
            let mut checks = tokio::task::JoinSet::new();
            for _ in 0..CALLERS {
                let (checker, token) = (checker.clone(), token.clone());
                checks.spawn(
                    async move { checker.check(&*token, &Requirement::new()).await.is_ok() },
                );
            }
            assert!(checks.join_all().await.into_iter().all(|good| good));
            (alone, SystemClock.monotonic() - begun)
        });
        assert_eq!(calls.load(Ordering::Relaxed), 2, "one of each");
        ratios.push(many.as_secs_f64() / alone.as_secs_f64());
    }
    println!("\n{CALLERS} callers of a missing token, upstream takes {TAKES:?}: one call,");
    println!("wall time {:.3} × that of one caller", median(ratios));
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let parts: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|word| word == part);
    if wanted("hits") {
        hits(&runtime);
    }
    if wanted("together") {
        together(&runtime);
    }
    if wanted("memory") {
        memory(&runtime);
    }
    if wanted("web") {
        web::compare(&runtime, checker(ENTRIES, Duration::ZERO).0);
    }
}
