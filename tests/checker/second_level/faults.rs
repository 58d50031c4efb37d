//! A store that does not do what it should: what that costs, and what it must not change.

use std::time::Duration;

use okta_introspect::checker::{AnswerSource, Requirement};
use okta_introspect::{Clock, ErrorKind};
use serde_json::json;

use super::store::{Fault, Use};
use super::{TOKEN, World, millis, source};
use crate::script::{authorized, within};
use crate::support::{seconds, settle};

const BOUND: Duration = Duration::from_secs(10);

#[test_support::test]
async fn a_store_that_says_nothing_costs_its_budget_and_twice_more_if_there_is_time_for_it() {
    // The pauses before it is tried again are 80 and 160 ms, half of them more or less.
    let again = [millis(20 + 40 + 20 + 80 + 20), millis(20 + 120 + 20 + 240 + 20)];
    for (wait, budget) in [(seconds(5), millis(20)), (millis(50), millis(10))] {
        for hanging in [&[Use::Time][..], &[Use::Get], &[Use::Claim], &[Use::Get, Use::Claim]] {
            let world = World::new();
            let checker = match hanging {
                [Use::Time] => world.instance(1),
                _ => world.warm_instance(1, |_| {}).await,
            };
            let before = world.script.calls();
            world.store.choose(|kind| match hanging.contains(&kind) {
                true => Fault::Hangs,
                false => Fault::None,
            });
            let check = world.spawn(&checker, within(BOUND).timeout(wait)).await;
            // An instance that has claimed the token is the one to ask.
            let has_claimed = !hanging.contains(&Use::Claim);
            let is_brief = has_claimed || wait < seconds(1);
            let [least, most] = if is_brief { [budget; 2] } else { again };
            let begun = world.clock.elapsed();
            while world.script.calls() == before && world.clock.elapsed() < begun + most {
                world.advance(millis(1)).await;
            }
            let took = world.clock.elapsed() - begun;
            assert_eq!(world.script.calls(), before + 1, "{hanging:?} {wait:?}");
            assert!(took >= least, "{hanging:?} {wait:?} {took:?}");
            assert_eq!(source(check).await, AnswerSource::Introspected);
        }
    }
}

#[test_support::test]
async fn a_store_that_fails_costs_nothing() {
    let world = World::new();
    world.store.choose(|_| Fault::Fails);
    let (one, other) = (world.instance(1), world.instance(2));
    for checker in [&one, &other] {
        assert_eq!(world.check(checker, BOUND).await, (AnswerSource::Introspected, seconds(0)));
    }
    assert!(world.clock.slept().is_empty());
}

#[test_support::test]
async fn a_put_that_takes_long_delays_no_answer() {
    for fault in [Fault::Hangs, Fault::Waits, Fault::Fails, Fault::Forgets, Fault::Lies] {
        let world = World::new();
        let (one, other) = (world.instance(1), world.instance(2));
        world.store.fault(Use::Put, fault);
        assert_eq!(world.check(&one, BOUND).await.0, AnswerSource::Introspected, "{fault:?}");
        let expected = match fault {
            Fault::Forgets => AnswerSource::Shared,
            _ => AnswerSource::Introspected,
        };
        world.advance(seconds(1)).await;
        assert_eq!(world.check(&other, BOUND).await.0, expected, "{fault:?}");
    }
}

#[test_support::test]
async fn a_call_that_is_claimed_and_never_made_is_made_by_another_when_the_claim_ends() {
    let world = World::new();
    let (dead, other) = (world.instance(1), world.instance(2));
    world.script.hold(true);
    let lost = world.spawn(&dead, within(BOUND)).await;
    assert_eq!(world.script.calls(), 1);
    let check = world.spawn(&other, within(BOUND)).await;
    world.advance(millis(399)).await;
    assert_eq!(world.script.calls(), 1);
    // Looks go on, with pauses up to a half more than this.
    world.advance(millis(1)).await;
    world.advance(millis(240)).await;
    assert_eq!(world.script.calls(), 2);
    lost.abort();
    world.script.hold(false);
    settle().await;
    assert_eq!(source(check).await, AnswerSource::Introspected);
}

#[test_support::test]
async fn a_check_waits_for_others_for_a_third_of_its_time_at_most() {
    for wait in [seconds(3), millis(600)] {
        let world = World::new();
        let checker = world.instance(1);
        world.store.fault(Use::Claim, Fault::Refuses);
        let begun = world.clock.monotonic();
        let check = world.spawn(&checker, within(BOUND).timeout(wait)).await;
        while world.clock.monotonic() < begun + wait / 3 - millis(1) {
            world.advance(millis(1)).await;
        }
        assert_eq!(world.script.calls(), 0, "{wait:?}");
        world.advance(millis(1)).await;
        assert_eq!(world.script.calls(), 1, "{wait:?}");
        assert_eq!(source(check).await, AnswerSource::Introspected);
    }
}

#[test_support::test]
async fn looks_while_another_asks_get_rarer() {
    let world = World::new();
    let (one, other) = (world.instance(1), world.instance(2));
    world.script.hold(true);
    let first = world.spawn(&one, within(BOUND)).await;
    let before = world.store.uses(Use::Get);
    let check = world.spawn(&other, within(BOUND)).await;
    for _ in 0..390 {
        world.advance(millis(1)).await;
    }
    let looks = world.store.uses(Use::Get) - before;
    // After 10, 20, 40, 80 and 160 ms, each half or half more.
    assert!((5..=8).contains(&looks), "{looks}");
    world.script.hold(false);
    settle().await;
    assert_eq!(source(first).await, AnswerSource::Introspected);
    world.advance(millis(240)).await;
    assert_eq!(source(check).await, AnswerSource::Shared);
    assert_eq!(world.script.calls(), 1);
}

#[test_support::test]
async fn one_who_is_stricter_joins_a_look_and_gets_nothing_that_is_too_old() {
    for (bound, calls, expected) in [
        (seconds(6), 0, AnswerSource::Shared),
        (seconds(4), 1, AnswerSource::Introspected),
        (seconds(0), 1, AnswerSource::Introspected),
    ] {
        let world = World::new();
        let (one, other) = (world.instance(1), world.instance(2));
        world.check(&one, BOUND).await;
        world.advance(seconds(5)).await;
        world.store.fault(Use::Get, Fault::Waits);
        let before = world.script.calls();
        let lax = world.spawn(&other, within(BOUND)).await;
        let strict = world.spawn(&other, within(bound)).await;
        assert_eq!(other.metrics().under_way, 1, "they wait for one");
        world.store.let_go();
        settle().await;
        assert_eq!(world.script.calls() - before, calls, "{bound:?}");
        assert_eq!(source(lax).await, expected, "{bound:?}");
        let answer = authorized(strict.await.unwrap());
        assert_eq!(answer.source(), AnswerSource::Joined);
        assert!(answer.age() <= bound, "{bound:?}: {:?}", answer.age());
    }
}

#[test_support::test]
async fn one_who_comes_after_an_answer_was_found_asks_anew_if_that_is_too_old() {
    let world = World::new();
    let (one, other) = (world.instance(1), world.instance(2));
    world.check(&one, BOUND).await;
    world.advance(seconds(5)).await;
    assert_eq!(world.check(&other, BOUND).await.0, AnswerSource::Shared);
    let (source, age) = world.check(&other, seconds(4)).await;
    assert_eq!((source, age), (AnswerSource::Introspected, seconds(0)));
}

#[test_support::test]
async fn one_who_wants_now_does_not_wait_for_another_instance() {
    let world = World::new();
    let (one, other) = (world.instance(1), world.instance(2));
    world.script.hold(true);
    let first = world.spawn(&one, within(BOUND)).await;
    let lax = world.spawn(&other, within(BOUND)).await;
    assert_eq!(world.script.calls(), 1);
    let now = world.spawn(&other, within(Duration::ZERO)).await;
    assert_eq!(world.script.calls(), 2, "at once, and for both");
    world.script.hold(false);
    settle().await;
    assert_eq!(source(now).await, AnswerSource::Joined);
    assert_eq!(source(lax).await, AnswerSource::Introspected);
    assert_eq!(source(first).await, AnswerSource::Introspected);
    assert_eq!(world.script.calls(), 2);
}

#[test_support::test]
async fn the_check_that_started_a_look_may_leave() {
    let world = World::new();
    let (one, other) = (world.instance(1), world.instance(2));
    world.check(&one, BOUND).await;
    world.store.fault(Use::Get, Fault::Waits);
    let leaves = world.spawn(&other, within(BOUND)).await;
    let stays = world.spawn(&other, within(BOUND)).await;
    leaves.abort();
    settle().await;
    world.store.let_go();
    settle().await;
    assert_eq!(source(stays).await, AnswerSource::Joined);
    assert_eq!((world.script.calls(), other.metrics().under_way), (1, 0));
}

#[test_support::test]
async fn a_checker_that_is_dropped_in_a_look_leaves_nothing_behind() {
    let world = World::new();
    let checker = world.instance(1);
    world.store.choose(|_| Fault::Hangs);
    let upstreams = world.script.clones();
    let check = world.spawn(&checker, within(BOUND)).await;
    check.abort();
    settle().await;
    drop(checker);
    assert_eq!(world.script.clones(), upstreams, "the look goes on");
    // Budgets, and the longest pauses between them.
    for step in [20, 120, 20, 240, 20] {
        world.advance(millis(step)).await;
    }
    assert_eq!(world.script.clones(), upstreams - 1);
}

#[test_support::test]
async fn all_that_wait_hear_of_it_if_the_rate_limit_leaves_no_room() {
    let world = World::new();
    let one = world.instance_with(1, |config| config.max_newcomers = 1);
    world.script.hold(true);
    let elsewhere = tokio::spawn({
        let one = one.clone();
        async move { one.check("another", &within(BOUND)).await }
    });
    settle().await;
    world.store.fault(Use::Get, Fault::Waits);
    let checks = [world.spawn(&one, within(BOUND)).await, world.spawn(&one, within(BOUND)).await];
    world.store.let_go();
    settle().await;
    for check in checks {
        assert_eq!(check.await.unwrap().unwrap_err().kind(), ErrorKind::RateLimited);
    }
    assert_eq!(one.metrics().governor_refusals, 1);
    world.script.hold(false);
    assert!(elsewhere.await.unwrap().is_ok());
}

#[test_support::test]
async fn made_up_tokens_have_so_many_looks_under_way_and_known_ones_any_number() {
    let world = World::new();
    let checker = world.instance_with(1, |config| config.max_newcomers = 3);
    world.check(&checker, BOUND).await;
    world.advance(seconds(11)).await;
    let (gets, calls) = (world.store.uses(Use::Get), world.script.calls());
    world.store.fault(Use::Get, Fault::Waits);
    world.script.hold(true);
    let flood: Vec<_> = (0..10)
        .map(|number| {
            let checker = checker.clone();
            let made_up = format!("made-up-{number}");
            tokio::spawn(async move { checker.check(&*made_up, &within(BOUND)).await })
        })
        .collect();
    settle().await;
    let real = world.spawn(&checker, within(BOUND)).await;
    assert_eq!(world.store.uses(Use::Get) - gets, 3 + 1);
    assert_eq!(world.script.calls() - calls, 3, "the others are for the governor");
    assert_eq!(checker.metrics().governor_refusals, 4);
    world.store.let_go();
    world.script.hold(false);
    settle().await;
    assert!(real.await.unwrap().is_ok());
    for check in flood {
        assert!(check.is_finished());
    }
}

#[test_support::test]
async fn a_slow_server_is_asked_by_one_instance_for_each_claim() {
    let world = World::new();
    let fleet: Vec<_> = (0..10).map(|number| world.instance(number)).collect();
    world.script.hold(true);
    let mut checks = Vec::new();
    for checker in &fleet {
        checks.push(world.spawn(checker, within(BOUND)).await);
    }
    for (until, calls) in [(390, 1), (790, 2), (1190, 3)] {
        while world.clock.elapsed() < millis(until) {
            world.advance(millis(5)).await;
        }
        assert_eq!(world.script.calls(), calls, "{until}");
    }
    world.script.hold(false);
    settle().await;
    world.advance(millis(240)).await;
    for check in checks {
        assert!(check.is_finished());
        authorized(check.await.unwrap());
    }
    assert_eq!(world.script.calls(), 3);
}

#[test_support::test]
async fn lies_are_found_out() {
    let world = World::new();
    world.script.active("other", json!({"uid": "00u2"}));
    let one = world.instance(1);
    world.check(&one, BOUND).await;
    authorized(one.check("other", &within(BOUND)).await);
    settle().await;
    world.advance(seconds(1)).await;
    world.store.fault(Use::Get, Fault::Lies);
    for number in 2..60 {
        let other = world.instance(number);
        for (token, uid) in [(TOKEN, "00u1"), ("other", "00u2")] {
            let answer = authorized(other.check(token, &Requirement::new()).await);
            assert_eq!(answer.uid(), Some(uid));
        }
        // What was claimed has ended.
        world.advance(millis(400)).await;
    }
}
