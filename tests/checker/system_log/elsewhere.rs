//! What the log does not tell of: tokens of other orgs, and what happened after an answer that was kept.

use okta_introspect::Clock;
use okta_introspect::checker::{Checker, CheckerConfig, Reason, SignalMode};
use serde_json::json;
use test_support::reply_with;

use super::World;
use crate::log::http_date;
use crate::script::{Script, authorized, denied, within};
use crate::support::seconds;

/// A checker of the log's org and of another.
fn of_two_orgs(world: &World) -> (Checker, Script) {
    let other = Script::of("https://other.okta.com", &world.clock);
    other.active("t3", json!({"jti": "AT.3"}));
    let mut config = CheckerConfig::default();
    (config.signals, config.refresh_ahead) = (SignalMode::Extend, false);
    let checker = Checker::builder(other.clone()).server(world.script.clone());
    (checker.clock(world.clock.clone()).config(config).build().unwrap(), other)
}

#[test_support::test]
async fn tokens_of_another_org_are_never_extended_by_this_ones_log() {
    let world = World::new(SignalMode::Extend).await;
    let mut log = world.follow();
    let (checker, other) = of_two_orgs(&world);
    world.turns(&mut log, 3).await;
    world.feed.replace([checker.clone()]);
    for asked in 1..=3 {
        world.turns(&mut log, 6).await;
        authorized(checker.check("t3", &within(seconds(5)).extended()).await);
        assert_eq!(other.calls(), asked);
    }
    // What it names is asked about again all the same.
    world.log.revoked("AT.3");
    world.turn(&mut log).await;
    authorized(checker.check("t3", &within(seconds(60))).await);
    assert_eq!(other.calls(), 4);
}

/// As a proxy does that keeps answers: nothing is new, and coverage stays.
#[test_support::test]
async fn an_answer_that_was_kept_does_not_tell_how_far_the_log_goes() {
    let world = World::new(SignalMode::Extend).await;
    let mut log = world.follow();
    let requirement = within(seconds(5)).extended();
    world.turns(&mut log, 3).await;
    authorized(world.checker.check("t1", &requirement).await);
    let link = r#"</api/v1/logs?after=0&limit=1000>; rel="next""#;
    let kept = reply_with(200, &[("link", link), ("date", &http_date(world.clock.now()))], "[]");
    world.log.fails(vec![kept; 60]);
    world.log.revoked("AT.1");
    world.script.revoke("t1");
    world.turns(&mut log, 60).await;
    assert_eq!(world.status().healthy, Some(false));
    assert!(world.status().lag.unwrap() > seconds(20), "{:?}", world.status().lag);
    assert_eq!(denied(world.checker.check("t1", &requirement).await), Reason::Inactive);
    world.turns(&mut log, 6).await;
    assert_eq!((world.status().healthy, world.status().gaps), (Some(true), 0));
    assert_eq!(world.status().events["app.oauth2.as.token.revoke"], 1);
}

/// The clock of this computer is off, and no beginning is found: that is no success in between.
#[test_support::test]
async fn a_beginning_that_is_looked_for_is_no_success() {
    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow();
    let link = r#"</api/v1/logs?after=0&limit=1000>; rel="next""#;
    let long_ago = "Thu, 01 Jan 1970 00:00:00 GMT";
    world.log.fails(vec![reply_with(200, &[("link", link), ("date", long_ago)], "[]"); 40]);
    for _ in 0..4 {
        world.turn(&mut log).await;
    }
    assert!(log.error().is_some());
    for _ in 0..12 {
        world.turn(&mut log).await;
        assert!(log.error().is_some(), "not before the log is read");
    }
}
