//! A fleet that begins cold.

use okta_introspect::checker::{Checker, Verdict};
use serde_json::json;
use tokio::task::JoinSet;

use super::World;
use crate::script::within;
use crate::support::seconds;

const INSTANCES: u64 = 200;
const TOKENS: usize = 10;

#[test_support::test]
async fn of_two_hundred_that_begin_cold_hardly_more_than_one_asks() {
    let world = World::new();
    let tokens: Vec<_> = (0..TOKENS).map(|number| format!("token-{number}")).collect();
    tokens.iter().for_each(|token| world.script.active(token, json!({})));
    let fleet: Vec<Checker> = (0..INSTANCES).map(|number| world.instance(number)).collect();
    let mut checks = JoinSet::new();
    for checker in &fleet {
        for token in &tokens {
            let (checker, token) = (checker.clone(), token.clone());
            checks.spawn(async move { checker.check(&*token, &within(seconds(30))).await });
        }
    }
    let clock = world.clock.clone();
    let ticking = tokio::spawn(async move {
        loop {
            clock.step(1).await;
            tokio::task::yield_now().await;
        }
    });
    while let Some(said) = checks.join_next().await {
        assert!(matches!(said.unwrap(), Ok(Verdict::Authorized(_))));
    }
    ticking.abort();
    let calls = world.script.calls_by_token();
    assert_eq!(calls.len(), TOKENS);
    assert!(calls.values().all(|calls| *calls <= 2), "{calls:?}");
}
