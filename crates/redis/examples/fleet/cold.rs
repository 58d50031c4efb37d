//! Tokens that all want at once, and nobody knows.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::faults::{Engine, Fault};
use crate::micros;
use crate::org::Org;
use crate::processes::{Line, Process};

const PATIENCE: Duration = Duration::from_secs(200);

/// Whether the server was asked twice about each token at most.
pub(crate) async fn run(sizes: [usize; 4]) -> Result<bool, Box<dyn std::error::Error>> {
    let [processes, checkers, tokens, pace] = sizes;
    let (org, engine) = (Org::start().await?, Engine::start(Fault::Nothing).await?);
    let lives: Vec<_> = (0..tokens).map(|_| org.issue()).collect();
    let warm = org.issue();
    let fleet: Vec<_> =
        (0..processes).map(|_| Process::start(&org, &engine.direct(), checkers, false)).collect();
    for process in &fleet {
        lives.iter().for_each(|life| process.tell(&format!("token {}", life.text)));
        process.tell(&format!("warm {}", warm.text));
    }
    for process in &fleet {
        process.done(1, PATIENCE).await;
    }
    let begun = micros();
    fleet.iter().for_each(|process| process.tell(&format!("cold {pace}")));
    for process in &fleet {
        process.done(2, PATIENCE).await;
    }
    let took = (micros() - begun) as f64 / 1e6;
    let mut counts = BTreeMap::<String, u64>::new();
    for line in fleet.iter().flat_map(Process::lines) {
        if let Line::Count { what, count } = line {
            *counts.entry(what).or_default() += count;
        }
    }
    let mut by_calls = BTreeMap::<u64, usize>::new();
    for calls in org.asked(&lives) {
        *by_calls.entry(calls).or_default() += 1;
    }
    let checks = (processes * checkers * tokens) as u64;
    let active: u64 =
        counts.iter().filter(|(what, _)| what.starts_with("active/")).map(|(_, count)| count).sum();
    println!(
        "{} checkers in {processes} processes, {tokens} tokens, each at {pace} ms from the last: \
         {checks} checks in {took:.1} s, {active} active",
        processes * checkers
    );
    println!("| calls about a token | tokens |\n|---|---|");
    by_calls.iter().for_each(|(calls, tokens)| println!("| {calls} | {tokens} |"));
    let counted: Vec<_> = counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(what, count)| format!("{what} {count}"))
        .collect();
    println!("{}\n", counted.join(", "));
    let most = by_calls.keys().last().copied().unwrap_or_default();
    Ok(active == checks && (1..=2).contains(&most))
}
