//! What a check costs on a hit, what an entry takes, and what waiting together is worth.
//!
//! `cargo bench --bench checker --features axum`, or a part: `… -- hits`, `metrics`,
//! `together`, `memory`, `web`

#![allow(clippy::print_stdout)] // the tables are what a benchmark is for

mod common;
#[path = "common/counting.rs"]
mod counting;
#[path = "common/hits.rs"]
mod hits;
#[path = "common/quick.rs"]
mod quick;
#[path = "common/web.rs"]
mod web;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use allocation_counter::measure;
use common::{Variant, compare, median, now_or_never};
use hits::{
    HITS, Plain, ROUNDS, TOKEN_BYTES, answer, checker, digest, each, fill, look_up, order, plain,
    tokens,
};
use okta_introspect::checker::{Requirement, Verdict};
use okta_introspect::{Clock, Introspection, SystemClock};
use quick::Quick;
use tokio::runtime::Runtime;

const ENTRIES: usize = 100_000;

fn hits(runtime: &Runtime) {
    let tokens = tokens(ENTRIES, TOKEN_BYTES);
    // Room for more, so that nothing is evicted from a crowded set.
    let (checker, _) = checker(2 * ENTRIES, Duration::ZERO);
    let requirement = Requirement::new().scope("orders.read").audience("api://default");
    runtime.block_on(fill(&checker, &tokens, &requirement));
    let by_digest: Plain<[u8; 32]> = plain(tokens.iter().map(|token| digest(token)));
    let by_token: Plain<String> = plain(tokens.iter().cloned());
    let quick = Quick::new(2 * ENTRIES);
    for token in &tokens {
        quick.insert(token, Arc::new((answer().exp.unwrap(), answer())));
    }
    let order = order(ENTRIES);
    let reference = |at: &usize| {
        black_box(look_up(&by_digest, &digest(&tokens[*at])));
    };
    let raw = |at: &usize| {
        black_box(look_up(&by_token, tokens[*at].as_str()));
    };
    let quick = |at: &usize| {
        black_box(quick.look_up(&tokens[*at]));
    };
    let check = |at: &usize| {
        let verdict = now_or_never(checker.check(&*tokens[*at], &requirement));
        assert!(matches!(black_box(verdict), Ok(Verdict::Authorized(_))));
    };
    for threads in [1, 2] {
        let title =
            format!("{HITS} hits of {ENTRIES} tokens of {TOKEN_BYTES} B, {threads} threads");
        let order = &order;
        let (reference, raw, quick, check) = (&reference, &raw, &quick, &check);
        let variants = vec![
            Variant::new("SHA-256, plain map, clock, expiry, Arc", move || {
                each(order, threads, reference);
            }),
            Variant::new("raw token, plain map, clock, expiry, Arc", move || {
                each(order, threads, raw);
            }),
            Variant::new("AEGIS-128X4, quick_cache, clock, expiry, Arc", move || {
                each(order, threads, quick);
            }),
            Variant::new("the checker, with its requirement", move || each(order, threads, check)),
        ];
        compare(&title, ROUNDS, 1, variants);
    }
    let allocated = measure(|| order.iter().for_each(check));
    println!("allocations in {HITS} hits: {}", allocated.count_total);
}

fn memory() {
    const MANY: usize = 1_000_000;
    // What is counted is this thread's.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let requirement = Requirement::new();
    let tokens = tokens(MANY + MANY / 10, 24);
    let mut payload = None;
    let heap = measure(|| {
        // One set of scopes and audiences for all entries.
        let mut answer = answer();
        (answer.scope, answer.aud) = Default::default();
        payload = Some(answer);
    });
    let payload_bytes = heap.bytes_current as f64 + size_of::<Introspection>() as f64;
    drop(payload);
    let mut checker = None;
    let live = measure(|| {
        let (made, _) = hits::checker(MANY, Duration::ZERO);
        runtime.block_on(fill(&made, &tokens, &requirement));
        checker = Some(made);
    });
    let entries = checker.unwrap().metrics().active_entries;
    let each = live.bytes_current as f64 / entries as f64;
    println!("\n{} tokens in a cache for {MANY}: {entries} entries", tokens.len());
    println!("bytes per entry: {each:.1}; payload {payload_bytes}, key 16");
    println!("beyond key and payload: {:.1}", each - 16.0 - payload_bytes);
    quick_places(&tokens, MANY);
}

/// What `quick_cache` takes for keys and pointers alone: here all point to the same answer.
fn quick_places(tokens: &[String], capacity: usize) {
    let facts = Arc::new((answer().exp.unwrap(), answer()));
    let mut quick = None;
    let live = measure(|| {
        let made = Quick::new(capacity);
        tokens.iter().for_each(|token| made.insert(token, Arc::clone(&facts)));
        quick = Some(made);
    });
    let place = live.bytes_current as f64 / quick.unwrap().len() as f64;
    println!("a place in quick_cache, with key and pointer: {place:.1}");
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
    if wanted("metrics") {
        counting::compare_counting(&runtime, ENTRIES);
    }
    if wanted("together") {
        together(&runtime);
    }
    if wanted("memory") {
        memory();
    }
    if wanted("web") {
        web::compare(&runtime, checker(ENTRIES, Duration::ZERO).0);
    }
}
