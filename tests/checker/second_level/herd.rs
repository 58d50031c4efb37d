//! A fleet that begins cold.

use okta_introspect::checker::{Checker, Verdict};
use serde_json::json;
use tokio::task::JoinSet;

use super::store::Fault;
use super::{World, millis};
use crate::script::within;
use crate::support::{seconds, settle};

const INSTANCES: u64 = 200;
const TOKENS: usize = 5;

#[test_support::test]
async fn of_two_hundred_that_begin_cold_hardly_more_than_one_asks() {
    begin_cold(&World::new()).await;
}

#[test_support::test]
async fn of_two_hundred_that_begin_cold_hardly_more_than_one_asks_although_the_store_is_held_up() {
    for fault in [Fault::Hangs, Fault::Forgets] {
        let world = World::new();
        let clock = world.clock.clone();
        world.store.choose(move |_| match clock.elapsed() < millis(40) {
            true => fault,
            false => Fault::None,
        });
        begin_cold(&world).await;
    }
}

async fn begin_cold(world: &World) {
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
    // The server takes as long as servers do.
    world.script.hold(true);
    while !checks.is_empty() {
        world.clock.advance(millis(10));
        settle().await;
        world.script.hold(world.clock.elapsed() < millis(150));
        while let Some(said) = checks.try_join_next() {
            assert!(matches!(said.unwrap(), Ok(Verdict::Authorized(_))));
        }
    }
    let calls = world.script.calls_by_token();
    assert_eq!(calls.len(), TOKENS);
    assert!(calls.values().all(|calls| *calls <= 2), "{calls:?}");
}
