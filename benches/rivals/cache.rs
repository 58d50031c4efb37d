//! What a hit costs beside one in the cache of the `zitadel` crate, which is keyed by the token
//! itself: one hot token, and many in a random order.
//!
//! `cargo bench --manifest-path benches/rivals/Cargo.toml`
//!
//! Only the checker judges: a hit of the other cache ends with what the server said, and leaves
//! scope and audience to the handler.

#![allow(clippy::print_stdout)] // the tables are what a benchmark is for

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/hits.rs"]
mod hits;

use std::hint::black_box;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{Variant, compare, now_or_never, ratio};
use hits::{
    HITS, Plain, ROUNDS, TOKEN_BYTES, checker, claims, digest, each, fill, look_up, order, plain,
    tokens,
};
use okta_introspect::checker::{Requirement, Verdict};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use zitadel::axum::introspection::IntrospectedUser;
use zitadel::oidc::introspection::cache::IntrospectionCache;
use zitadel::oidc::introspection::cache::in_memory::{CacheBuilder, InMemoryIntrospectionCache};

/// The other cache as its extractor holds it, with the same answer for all tokens.
async fn zitadel(tokens: &[String], claims: Value) -> Box<dyn IntrospectionCache> {
    let entries = tokens.len() as u64;
    let map = CacheBuilder::new(2 * entries).time_to_live(Duration::from_secs(3600)).build();
    let cache = InMemoryIntrospectionCache::new_from_cache(map.clone());
    for token in tokens {
        cache.set(token, serde_json::from_value(claims.clone()).unwrap()).await;
    }
    map.run_pending_tasks().await;
    assert_eq!(map.entry_count(), entries, "nothing was turned away");
    Box::new(cache)
}

fn hits(runtime: &Runtime, entries: usize) {
    let tokens = tokens(entries, TOKEN_BYTES);
    // Room for more, so that nothing is evicted from a crowded set.
    let (checker, calls) = checker(2 * entries, Duration::ZERO);
    let requirement = Requirement::new().scope("orders.read").audience("api://default");
    runtime.block_on(fill(&checker, &tokens, &requirement));
    let by_digest: Plain<[u8; 32]> = plain(tokens.iter().map(|token| digest(token)));
    let full = runtime.block_on(zitadel(&tokens, claims()));
    // Its hit copies the answer, so what stands in that makes a difference.
    let least = json!({ "active": true, "exp": claims()["exp"] });
    let bare = runtime.block_on(zitadel(&tokens, least));
    let order = order(entries);
    let reference = |at: &usize| {
        black_box(look_up(&by_digest, &digest(&tokens[*at])));
    };
    let bare = |at: &usize| {
        assert!(black_box(now_or_never(bare.get(&tokens[*at]))).is_some());
    };
    let get = |at: &usize| {
        assert!(black_box(now_or_never(full.get(&tokens[*at]))).is_some());
    };
    let extract = |at: &usize| {
        let answer = now_or_never(full.get(&tokens[*at])).unwrap();
        black_box(IntrospectedUser::from(answer));
    };
    let check = |at: &usize| {
        let verdict = now_or_never(checker.check(&*tokens[*at], &requirement));
        assert!(matches!(black_box(verdict), Ok(Verdict::Authorized(_))));
    };
    for threads in [1, 2] {
        let title =
            format!("{HITS} hits of {entries} tokens of {TOKEN_BYTES} B, {threads} threads");
        let order = &order;
        let (reference, bare, get, extract, check) = (&reference, &bare, &get, &extract, &check);
        // Those that read the same cache are apart: neither finds what the other just fetched.
        let variants = vec![
            Variant::new("SHA-256, plain map, clock, expiry, Arc", move || {
                each(order, threads, reference);
            }),
            Variant::new("zitadel's cache", move || each(order, threads, get)),
            Variant::new("the checker, with its requirement", move || each(order, threads, check)),
            Variant::new("zitadel's cache, an answer of `active` and `exp`", move || {
                each(order, threads, bare);
            }),
            Variant::new("zitadel's cache, and its extractor's user", move || {
                each(order, threads, extract);
            }),
        ];
        let times = compare(&title, ROUNDS, 1, variants);
        let [_, get, check, bare, extract] = &times[..] else { unreachable!() };
        let [get, bare, extract] = [get, bare, extract].map(|rival| ratio(check, rival));
        println!("the checker takes {get:.3}, {bare:.3} and {extract:.3} × of zitadel's three");
    }
    let calls = calls.load(Ordering::Relaxed);
    assert_eq!(calls, entries, "all but the first check of each token were hits");
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for entries in [1, 100_000] {
        hits(&runtime, entries);
    }
}
