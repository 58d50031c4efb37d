//! Side-by-side timing: variants in turn within each round, so that whatever slows the machine
//! down slows them all, and the median of the per-round ratios is what counts.

#![allow(dead_code, unreachable_pub)] // each benchmark uses a part
#![allow(clippy::print_stdout)] // the table is what a benchmark is for

pub(crate) mod turns;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// One contestant: a name, and a piece of work that is repeated.
pub struct Variant<'a> {
    pub name: &'a str,
    pub work: Box<dyn FnMut() + 'a>,
}

impl<'a> Variant<'a> {
    pub fn new(name: &'a str, work: impl FnMut() + 'a) -> Self {
        Self { name, work: Box::new(work) }
    }
}

/// Runs `rounds` rounds of `repeats` calls each and prints every variant beside the first one.
/// Gives each variant's times by round, for ratios to others.
pub fn compare(
    title: &str,
    rounds: usize,
    repeats: usize,
    mut variants: Vec<Variant<'_>>,
) -> Vec<Vec<f64>> {
    let mut times = vec![Vec::with_capacity(rounds); variants.len()];
    for round in 0..=rounds {
        for index in turns::order(round, variants.len()) {
            let nanoseconds = time(repeats, &mut variants[index].work);
            if round > 0 {
                // Round 0 warms up.
                times[index].push(nanoseconds);
            }
        }
    }
    println!("\n{title}: {rounds} rounds of {repeats}");
    println!("{:<58} {:>12} {:>10}", "variant", "median", "ratio");
    for (variant, own) in variants.iter().zip(&times) {
        println!(
            "{:<58} {:>9.2} µs {:>9.3}×",
            variant.name,
            median(own.clone()) / 1000.0,
            ratio(own, &times[0])
        );
    }
    times
}

/// The median of the ratios by round.
pub fn ratio(own: &[f64], reference: &[f64]) -> f64 {
    median(own.iter().zip(reference).map(|(own, reference)| own / reference).collect())
}

/// The middle value.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs a future that never has to wait.
pub fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits"),
    }
}

#[allow(clippy::disallowed_methods)] // a benchmark measures real time
fn time(repeats: usize, work: &mut dyn FnMut()) -> f64 {
    let begun = Instant::now();
    for _ in 0..repeats {
        work();
    }
    begun.elapsed().as_nanos() as f64 / repeats as f64
}
