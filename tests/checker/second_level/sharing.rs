//! What one instance finds that another has put, and for how long that counts.

use std::time::Duration;

use okta_introspect::ErrorKind;
use okta_introspect::checker::{AnswerSource, Checker, Invalidation, Reason, Requirement};
use serde_json::json;

use super::store::{Fault, Use};
use super::{TOKEN, World, millis, source};
use crate::script::{Script, authorized, builder, denied, within};
use crate::support::{seconds, settle, start};

const BOUND: Duration = Duration::from_secs(10);

#[test_support::test]
async fn what_one_has_asked_the_other_finds_with_its_age() {
    let world = World::new();
    let (one, other) = (world.instance(1), world.instance(2));
    assert_eq!(world.check(&one, BOUND).await, (AnswerSource::Introspected, seconds(0)));
    world.advance(seconds(3)).await;
    let (source, age) = world.check(&other, BOUND).await;
    assert_eq!(source, AnswerSource::Shared);
    // Not younger than it is, and older by no more than what is not known of the store's clock.
    assert!(age >= seconds(3) && age < seconds(3) + millis(2), "{age:?}");
    assert_eq!(world.check(&other, BOUND).await, (AnswerSource::Cache, age));
    assert_eq!(world.script.calls(), 1);
    let metrics = other.metrics();
    assert_eq!((metrics.shared, metrics.upstream_calls), (1, 0));
    assert_eq!(metrics.checks["authorized"]["shared"], 1);
    assert_eq!(metrics.verdict_age.count(), 2);
}

#[test_support::test]
async fn an_answer_of_another_counts_up_to_its_readers_bound_and_no_longer() {
    for (after, expected) in [
        (millis(9_999), AnswerSource::Shared),
        // Older than the bound, as far as anybody can tell.
        (BOUND, AnswerSource::Introspected),
    ] {
        let world = World::new();
        let (one, other) = (world.instance(1), world.warm_instance(2, |_| {}).await);
        world.check(&one, BOUND).await;
        world.advance(after).await;
        assert_eq!(world.check(&other, BOUND).await.0, expected, "{after:?}");
    }
}

#[test_support::test]
async fn a_no_of_another_counts_for_as_long_as_a_no_may() {
    for (after, calls) in [(millis(4_999), 0), (seconds(5), 1)] {
        let world = World::new();
        let set = |config: &mut okta_introspect::checker::CheckerConfig| {
            config.inactive_max_age = seconds(5);
        };
        let (one, other) = (world.warm_instance(1, set).await, world.warm_instance(2, set).await);
        world.script.revoke(TOKEN);
        assert_eq!(denied(one.check(TOKEN, &within(BOUND)).await), Reason::Inactive);
        world.advance(after).await;
        let before = world.script.calls();
        assert_eq!(denied(other.check(TOKEN, &within(BOUND)).await), Reason::Inactive);
        assert_eq!(world.script.calls() - before, calls, "{after:?}");
        assert_eq!(other.metrics().checks["denied"]["shared"], 1 - calls as u64);
    }
}

#[test_support::test]
async fn a_no_is_in_the_store_for_as_long_as_its_writer_believes_it() {
    for (after, calls) in [(millis(4_900), 0), (seconds(5), 1)] {
        let world = World::new();
        let one = world.instance_with(1, |config| config.inactive_max_age = seconds(5));
        let other = world.instance_with(2, |config| config.inactive_max_age = seconds(60));
        world.script.revoke(TOKEN);
        assert_eq!(denied(one.check(TOKEN, &within(BOUND)).await), Reason::Inactive);
        world.advance(after).await;
        let before = world.script.calls();
        assert_eq!(denied(other.check(TOKEN, &within(BOUND)).await), Reason::Inactive);
        assert_eq!(world.script.calls() - before, calls, "{after:?}");
    }
}

#[test_support::test]
async fn what_is_learned_on_the_way_does_not_take_the_place_of_what_was_asked_later() {
    let world = World::new();
    let (one, other) = (world.instance(1), world.warm_instance(2, |_| {}).await);
    world.check(&one, BOUND).await;
    world.advance(seconds(1)).await;
    world.script.revoke(TOKEN);
    world.script.hold(true);
    let now = world.spawn(&other, within(Duration::ZERO)).await;
    world.advance(seconds(2)).await;
    // The yes in the store is too old for this one, and the server fails.
    world.script.fail(ErrorKind::Unreachable);
    let strict = world.spawn(&other, within(seconds(1))).await;
    let calls = world.script.calls();
    world.script.hold(false);
    settle().await;
    assert_eq!(denied(now.await.unwrap()), Reason::Inactive);
    assert_eq!(strict.await.unwrap().unwrap_err().kind(), ErrorKind::Unreachable);
    assert_eq!(denied(other.check(TOKEN, &within(BOUND)).await), Reason::Inactive);
    assert_eq!(world.script.calls(), calls);
}

#[test_support::test]
async fn nothing_brings_an_old_yes_back_where_a_later_no_is_known() {
    let world = World::new();
    let set = |config: &mut okta_introspect::checker::CheckerConfig| {
        config.inactive_max_age = seconds(2);
    };
    let (one, other) = (world.instance_with(1, set), world.instance_with(2, set));
    world.check(&one, seconds(30)).await;
    world.advance(seconds(1)).await;
    world.script.revoke(TOKEN);
    assert_eq!(denied(other.check(TOKEN, &within(Duration::ZERO)).await), Reason::Inactive);
    // The no has ended, in the store too, and the yes would be young enough.
    world.advance(seconds(3)).await;
    let before = world.script.calls();
    assert_eq!(denied(other.check(TOKEN, &within(seconds(30))).await), Reason::Inactive);
    assert_eq!(world.script.calls() - before, 1);
}

#[test_support::test]
async fn a_token_is_in_the_store_no_longer_than_it_lasts() {
    let world = World::new();
    world.script.active(TOKEN, json!({"exp": start().timestamp() + 20}));
    let one = world.instance(1);
    world.check(&one, seconds(60)).await;
    world.advance(millis(19_900)).await;
    let other = world.instance(2);
    assert_eq!(world.check(&other, seconds(60)).await.0, AnswerSource::Shared);
    world.advance(millis(100)).await;
    assert_eq!(denied(other.check(TOKEN, &within(seconds(60))).await), Reason::Expired);
    world.script.active(TOKEN, json!({"exp": start().timestamp() + 60}));
    assert_eq!(world.check(&world.instance(3), seconds(60)).await.0, AnswerSource::Introspected);
}

#[test_support::test]
async fn a_check_for_now_looks_at_nothing_and_puts_what_it_learns() {
    let world = World::new();
    let (one, other) = (world.instance(1), world.instance(2));
    for calls in 1..=2 {
        assert_eq!(world.check(&one, Duration::ZERO).await.0, AnswerSource::Introspected);
        assert_eq!((world.script.calls(), world.store.uses(Use::Get)), (calls, 0));
    }
    assert_eq!(world.check(&other, BOUND).await.0, AnswerSource::Shared);
}

#[test_support::test]
async fn what_another_client_is_told_is_not_shared() {
    let world = World::new();
    world.check(&world.instance(1), BOUND).await;
    for (issuer, shared_as, expected) in [
        (crate::script::ISSUER, "script", AnswerSource::Shared),
        (crate::script::ISSUER, "another", AnswerSource::Introspected),
        ("https://acme.okta.com/oauth2/default", "script", AnswerSource::Introspected),
    ] {
        let mut script = Script::of(issuer, &world.clock);
        script.active(TOKEN, json!({}));
        script.shared_as = shared_as;
        let shared = super::shared(world.store.clone(), 9);
        let checker = builder(&script, |_| {}).shared(&shared).build().unwrap();
        let answer = authorized(checker.check(TOKEN, &within(BOUND)).await);
        assert_eq!(answer.source(), expected, "{issuer} {shared_as}");
        world.store.flush();
        world.check(&world.instance(1), BOUND).await;
    }
}

#[test_support::test]
async fn what_is_invalidated_here_is_not_taken_from_the_store_and_counts_elsewhere() {
    let world = World::new();
    let (one, other) = (world.instance(1), world.warm_instance(2, |_| {}).await);
    let before = world.script.calls();
    let calls = || world.script.calls() - before;
    world.check(&one, BOUND).await;
    world.advance(seconds(1)).await;
    other.invalidate(Invalidation::User("00u1"));
    world.advance(seconds(1)).await;
    assert_eq!(world.check(&other, BOUND).await.0, AnswerSource::Introspected);
    assert_eq!(calls(), 2);
    // What was put after it counts. The signal reaches the first instance late.
    one.invalidate(Invalidation::User("00u1"));
    world.advance(seconds(1)).await;
    assert_eq!(world.check(&one, BOUND).await.0, AnswerSource::Introspected);
    assert_eq!(calls(), 3);
    other.invalidate(Invalidation::User("00u2"));
    world.advance(millis(9_500)).await;
    assert_eq!(world.check(&other, BOUND).await.0, AnswerSource::Shared, "asked by the first");
    assert_eq!(calls(), 3);
}

#[test_support::test]
async fn what_comes_out_of_the_store_may_be_invalidated_before_it_is_given_out() {
    let world = World::new();
    let (one, other) = (world.instance(1), world.instance(2));
    world.check(&one, BOUND).await;
    world.advance(seconds(1)).await;
    world.store.fault(Use::Get, Fault::Waits);
    let check = world.spawn(&other, within(BOUND)).await;
    world.script.revoke(TOKEN);
    other.invalidate(Invalidation::User("00u1"));
    world.store.let_go();
    settle().await;
    assert_eq!(denied(check.await.unwrap()), Reason::Inactive);
    assert_eq!(world.script.calls(), 2);
}

/// An outage, and an instance that has just begun.
async fn in_an_outage(
    after: Duration,
    stale_if_error: Duration,
) -> Result<AnswerSource, ErrorKind> {
    let world = World::new();
    let set = |config: &mut okta_introspect::checker::CheckerConfig| {
        config.stale_if_error = seconds(60);
    };
    let (one, other) = (world.instance_with(1, set), world.warm_instance(2, set).await);
    world.check(&one, BOUND).await;
    world.script.fail(ErrorKind::Unreachable);
    world.advance(after).await;
    let requirement = within(BOUND).stale_if_error(stale_if_error);
    let said = other.check(TOKEN, &requirement).await;
    said.map_err(|error| error.kind()).map(|verdict| authorized(Ok(verdict)).source())
}

#[test_support::test]
async fn in_an_outage_the_answer_of_another_lasts_exactly_as_long_as_ones_own() {
    let stale = seconds(15);
    for (after, stale_if_error, expected) in [
        (millis(9_999), stale, Ok(AnswerSource::Shared)),
        (BOUND, stale, Ok(AnswerSource::StaleOnError)),
        (BOUND, Duration::ZERO, Err(ErrorKind::Unreachable)),
        (millis(24_999), stale, Ok(AnswerSource::StaleOnError)),
        (seconds(25), stale, Err(ErrorKind::Unreachable)),
    ] {
        let said = in_an_outage(after, stale_if_error).await;
        assert_eq!(said, expected, "{after:?} {stale_if_error:?}");
    }
}

#[test_support::test]
async fn an_answer_of_another_is_kept_for_an_outage_and_no_longer() {
    for (after, found) in [(millis(69_000), true), (millis(71_000), false)] {
        let world = World::new();
        let set = |config: &mut okta_introspect::checker::CheckerConfig| {
            (config.max_age_limit, config.stale_if_error) = (seconds(40), seconds(30));
        };
        world.check(&world.instance_with(1, set), BOUND).await;
        world.script.fail(ErrorKind::Unreachable);
        world.advance(after).await;
        let other = world.instance_with(2, set);
        let said = other.check(TOKEN, &within(seconds(40)).stale_if_error(seconds(60))).await;
        assert_eq!(said.is_ok(), found, "{after:?}");
    }
}

/// The instances of a fleet, in which one token is in use everywhere.
async fn in_use(world: &World, fleet: &[Checker], by: Duration) {
    world.advance(by).await;
    for checker in fleet {
        let answer = authorized(checker.check(TOKEN, &within(BOUND)).await);
        assert!(answer.age() <= BOUND, "{answer:?}");
    }
    settle().await;
}

#[test_support::test]
async fn a_token_in_use_everywhere_is_refreshed_once_for_all() {
    let world = World::new();
    let set = |config: &mut okta_introspect::checker::CheckerConfig| config.refresh_ahead = true;
    let fleet: Vec<_> = (0..20).map(|number| world.instance_with(number, set)).collect();
    in_use(&world, &fleet, Duration::ZERO).await;
    assert_eq!(world.script.calls(), 1);
    // Ten bounds long, each tenth of a second. Each answer is replaced in its last tenth.
    for _ in 0..1000 {
        in_use(&world, &fleet, millis(100)).await;
    }
    let waited: u64 = fleet.iter().map(|checker| checker.metrics().misses).sum();
    assert_eq!(waited, fleet.len() as u64, "nobody waits after the first time");
    assert!((10..=11).contains(&(world.script.calls() - 1)), "{}", world.script.calls());
}

#[test_support::test]
async fn a_refresh_takes_what_is_younger_than_half_the_bound_and_asks_otherwise() {
    // Another instance has asked so long before.
    for (before, calls) in [(millis(4_900), 0), (millis(5_100), 1)] {
        let world = World::new();
        let set =
            |config: &mut okta_introspect::checker::CheckerConfig| config.refresh_ahead = true;
        let (one, other) = (world.instance_with(1, set), world.instance(2));
        world.check(&one, BOUND).await;
        world.advance(millis(9_600) - before).await;
        world.check(&other, Duration::ZERO).await;
        world.advance(before).await;
        let asked = world.script.calls();
        assert_eq!(world.check(&one, BOUND).await.0, AnswerSource::Cache);
        assert_eq!(world.script.calls() - asked, calls, "{before:?}");
        world.advance(seconds(4)).await;
        assert_eq!(world.check(&one, BOUND).await.0, AnswerSource::Cache, "it was replaced");
        assert_eq!(one.metrics().refreshed_ahead, 1);
    }
}

#[test_support::test]
async fn a_refresh_lets_another_ask_and_looks_again_when_its_claim_has_ended() {
    for (answers, calls) in [(true, 1), (false, 2)] {
        let world = World::new();
        let set =
            |config: &mut okta_introspect::checker::CheckerConfig| config.refresh_ahead = true;
        let fleet = [world.instance_with(1, set), world.instance_with(2, set)];
        in_use(&world, &fleet, Duration::ZERO).await;
        world.script.hold(true);
        let before = world.script.calls();
        in_use(&world, &fleet, millis(9_600)).await;
        assert_eq!(world.script.calls() - before, 1);
        world.script.hold(!answers);
        world.advance(millis(399)).await;
        assert_eq!(world.script.calls() - before, 1);
        world.advance(millis(1)).await;
        assert_eq!(world.script.calls() - before, calls, "the first has answered: {answers}");
        world.script.hold(false);
        settle().await;
        world.advance(seconds(5)).await;
        for checker in &fleet {
            assert_eq!(world.check(checker, BOUND).await.0, AnswerSource::Cache);
        }
    }
}

#[test_support::test]
async fn a_check_that_joins_a_refresh_does_not_wait_as_it_does() {
    let world = World::new();
    let set = |config: &mut okta_introspect::checker::CheckerConfig| config.refresh_ahead = true;
    let fleet = [world.instance_with(1, set), world.instance_with(2, set)];
    in_use(&world, &fleet, Duration::ZERO).await;
    world.script.hold(true);
    in_use(&world, &fleet, millis(9_990)).await;
    // One of the two asks, and the other lets it. Then its answer gets too old.
    world.advance(millis(20)).await;
    let checks =
        [world.spawn(&fleet[0], within(BOUND)).await, world.spawn(&fleet[1], within(BOUND)).await];
    world.script.hold(false);
    settle().await;
    world.advance(millis(15)).await;
    for check in checks {
        assert_eq!(source(check).await, AnswerSource::Joined);
    }
    assert_eq!(world.script.calls(), 2);
}

#[test_support::test]
async fn an_answer_of_another_can_be_extended_as_ones_own() {
    use okta_introspect::Clock;
    use okta_introspect::checker::SignalMode;
    for (since, expected) in [(0, AnswerSource::Extended), (2, AnswerSource::Introspected)] {
        let world = World::new();
        let set = |config: &mut okta_introspect::checker::CheckerConfig| {
            config.signals = SignalMode::Extend;
        };
        let (one, other) = (world.instance(1), world.instance_with(2, set));
        let coverage = other.coverage();
        if since == 0 {
            coverage.begin(world.clock.monotonic());
        }
        world.advance(seconds(1)).await;
        world.check(&one, BOUND).await;
        world.advance(seconds(1)).await;
        if since == 2 {
            coverage.begin(world.clock.monotonic());
        }
        assert_eq!(world.check(&other, BOUND).await.0, AnswerSource::Shared);
        world.advance(seconds(20)).await;
        coverage.advance(world.clock.monotonic());
        let answer =
            authorized(other.check(TOKEN, &Requirement::new().max_age(BOUND).extended()).await);
        assert_eq!(answer.source(), expected, "signals since {since}");
    }
}
