//! What counting costs on a hit. It cannot be taken out of the checker, so it is done once more: a
//! hit that is counted twice, beside one that is counted once, by counters that are made as those
//! of `src/checker/metrics/counters.rs` are.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use okta_introspect::checker::{Checker, Histogram, Requirement, Verdict};
use tokio::runtime::Runtime;

use crate::common::{Variant, compare, now_or_never, ratio};
use crate::hits::{HITS, TOKEN_BYTES, checker, each, fill, order, tokens};

const ROUNDS: usize = 101;

#[derive(Default)]
struct Counters([Stripe; 16]);

#[derive(Default)]
#[repr(align(128))]
struct Stripe {
    sum: AtomicU64,
    buckets: [AtomicU64; Histogram::BUCKETS],
}

impl Counters {
    #[inline(always)]
    fn count(&self, age: Duration) {
        let units = age.as_nanos() as u64 / 50_000;
        let bucket = ((u64::BITS - units.leading_zeros()) as usize).min(Histogram::BUCKETS - 1);
        let stripe = &self.0[stripe()];
        stripe.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        stripe.sum.fetch_add(units, Ordering::Relaxed);
    }
}

fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % 16);
    }
    OWN.get()
}

pub(crate) fn compare_counting(runtime: &Runtime, entries: usize) {
    let tokens = tokens(entries, TOKEN_BYTES);
    let (checker, _) = checker(2 * entries, Duration::ZERO);
    let requirement = Requirement::new().scope("orders.read").audience("api://default");
    runtime.block_on(fill(&checker, &tokens, &requirement));
    let (order, counters) = (order(entries), Counters::default());
    let once = |at: &usize| {
        check(&checker, &tokens[*at], &requirement);
    };
    let twice = |at: &usize| counters.count(check(&checker, &tokens[*at], &requirement));
    for threads in [1, 2] {
        let (order, once, twice) = (&order, &once, &twice);
        let variants = vec![
            Variant::new("a hit, counted", move || each(order, threads, once)),
            Variant::new("a hit, counted twice", move || each(order, threads, twice)),
        ];
        let title = format!("{HITS} hits of {entries} tokens, {threads} threads");
        let times = compare(&title, ROUNDS, 1, variants);
        let share = ratio(&times[1], &times[0]) - 1.0;
        println!("counting takes {:.1} % of a hit", share * 100.0);
    }
}

#[inline(always)]
fn check(checker: &Checker, token: &str, requirement: &Requirement) -> Duration {
    match now_or_never(checker.check(token, requirement)) {
        Ok(Verdict::Authorized(authorized)) => authorized.age(),
        _ => panic!("no hit"),
    }
}
