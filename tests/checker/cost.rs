//! What checks cost: how many calls for so many tokens over so much time, and who waits for them.

#![allow(clippy::print_stdout)] // the figures are there to be read

use std::time::Duration;

use okta_introspect::ManualClock;
use okta_introspect::checker::{AnswerSource, Checker};
use serde_json::json;

use crate::script::{Script, authorized, checker, within};
use crate::support::{settle, start};

const TOKENS: usize = 100;
const BOUND: Duration = Duration::from_secs(30);
const BOUNDS: u32 = 10;
const STEP: Duration = Duration::from_millis(250);

/// Checks every token steadily for ten times the bound: how many calls that made, and how many
/// checks had to wait for one.
async fn steadily(refresh_ahead: bool) -> (usize, usize) {
    let clock = ManualClock::new(start());
    let script = Script::new(&clock);
    let checker = checker(&script, |config| config.refresh_ahead = refresh_ahead);
    let tokens: Vec<String> = (0..TOKENS).map(|number| format!("token-{number}")).collect();
    tokens.iter().for_each(|token| script.active(token, json!({})));
    let mut waited = 0;
    let end = clock.elapsed() + BOUNDS * BOUND;
    loop {
        for token in &tokens {
            waited += usize::from(check(&checker, token).await != AnswerSource::Cache);
        }
        settle().await;
        if clock.elapsed() >= end {
            return (script.calls(), waited);
        }
        clock.advance(STEP);
    }
}

async fn check(checker: &Checker, token: &str) -> AnswerSource {
    authorized(checker.check(token, &within(BOUND)).await).source()
}

#[test_support::test]
async fn a_token_in_use_costs_one_call_per_bound() {
    let (calls, _) = steadily(false).await;
    let most = TOKENS * (BOUNDS as usize + 1);
    println!("{TOKENS} tokens for {BOUNDS} bounds: {calls} calls, at most {most}");
    assert!(calls <= most, "{calls}");
}

#[test_support::test]
async fn with_refresh_ahead_no_check_waits_after_the_first() {
    let (calls, waited) = steadily(true).await;
    let most = TOKENS * (BOUNDS as usize + 1);
    println!("with refresh-ahead: {calls} calls, at most {most}; {waited} checks waited");
    assert_eq!(waited, TOKENS, "the first of each token");
    assert!(calls <= most, "{calls}");
}

#[test_support::test]
async fn a_token_that_is_no_longer_used_costs_nothing() {
    let clock = ManualClock::new(start());
    let script = Script::new(&clock);
    script.active("a-token", json!({}));
    let checker = checker(&script, |config| config.refresh_ahead = true);
    check(&checker, "a-token").await;
    for _ in 0..100 {
        clock.advance(BOUND);
        settle().await;
    }
    assert_eq!(script.calls(), 1);
}

#[test_support::test]
async fn refreshes_of_tokens_that_began_together_spread() {
    let clock = ManualClock::new(start());
    let script = Script::new(&clock);
    let checker = checker(&script, |config| config.refresh_ahead = true);
    let tokens: Vec<String> = (0..TOKENS).map(|number| format!("token-{number}")).collect();
    for token in &tokens {
        script.active(token, json!({}));
        check(&checker, token).await;
    }
    let mut calls = Vec::new();
    clock.advance(BOUND * 9 / 10);
    for _ in 0..10 {
        clock.advance(BOUND / 200);
        let before = script.calls();
        for token in &tokens {
            check(&checker, token).await;
        }
        settle().await;
        calls.push(script.calls() - before);
    }
    println!("refreshes in each tenth of the span: {calls:?}");
    assert_eq!(calls.iter().sum::<usize>(), TOKENS);
    assert!(calls.iter().all(|calls| (1..=TOKENS / 4).contains(calls)), "{calls:?}");
}
