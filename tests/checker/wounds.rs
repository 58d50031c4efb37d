//! Wounds that other caches of token checks are known to have. Each test is named for one.

use okta_introspect::checker::{AnswerSource, Reason, Requirement};
use okta_introspect::{ErrorKind, ManualClock};
use serde_json::json;

use crate::script::{Script, authorized, checker, denied, within};
use crate::support::{seconds, settle, start};

const TOKEN: &str = "a-token";

fn script() -> (ManualClock, Script) {
    let clock = ManualClock::new(start());
    let script = Script::new(&clock);
    script.active(TOKEN, json!({"scope": "read"}));
    (clock, script)
}

#[test_support::test]
async fn the_rule_is_evaluated_on_a_hit_too() {
    let (_, script) = script();
    let checker = checker(&script, |_| {});
    authorized(checker.check(TOKEN, &Requirement::new().scope("read")).await);
    let write = Requirement::new().scope("write");
    let missing = Reason::Scope { missing: vec!["write".to_owned()] };
    assert_eq!(denied(checker.check(TOKEN, &write).await), missing);
    assert_eq!(script.calls(), 1);
}

#[test_support::test]
async fn a_short_rule_is_not_served_an_entry_of_a_long_one() {
    let (clock, script) = script();
    let checker = checker(&script, |_| {});
    authorized(checker.check(TOKEN, &within(seconds(600))).await);
    clock.advance(seconds(11));
    script.revoke(TOKEN);
    assert_eq!(denied(checker.check(TOKEN, &within(seconds(10))).await), Reason::Inactive);
    assert_eq!(denied(checker.check(TOKEN, &within(seconds(600))).await), Reason::Inactive);
}

#[test_support::test]
async fn a_failure_is_not_stored() {
    let (_, script) = script();
    let checker = checker(&script, |_| {});
    script.fail(ErrorKind::Unreachable);
    for calls in 1..=3 {
        let error = checker.check(TOKEN, &within(seconds(60))).await.unwrap_err();
        assert_eq!((error.kind(), script.calls()), (ErrorKind::Unreachable, calls));
    }
    script.fail(None);
    assert_eq!(
        authorized(checker.check(TOKEN, &within(seconds(60))).await).source(),
        AnswerSource::Introspected
    );
}

#[test_support::test]
async fn a_failed_leader_does_not_fail_those_who_come_after() {
    let (_, script) = script();
    let checker = checker(&script, |_| {});
    script.fail(ErrorKind::Unreachable);
    script.hold(true);
    let leader = tokio::spawn({
        let checker = checker.clone();
        async move { checker.check(TOKEN, &within(seconds(60))).await }
    });
    settle().await;
    script.fail(None);
    script.hold(false);
    assert_eq!(leader.await.unwrap().unwrap_err().kind(), ErrorKind::Unreachable);
    authorized(checker.check(TOKEN, &within(seconds(60))).await);
    assert_eq!((script.calls(), script.errors()), (2, 1));
}

#[test_support::test]
async fn negative_entries_cannot_evict_good_ones() {
    let (_, script) = script();
    let checker = checker(&script, |config| (config.capacity, config.inactive_capacity) = (64, 64));
    authorized(checker.check(TOKEN, &within(seconds(60))).await);
    for number in 0..5000 {
        denied(checker.check(&*format!("garbage-{number}"), &within(seconds(60))).await);
    }
    let answer = authorized(checker.check(TOKEN, &within(seconds(60))).await);
    assert_eq!(answer.source(), AnswerSource::Cache);
    let entries = checker.metrics().inactive_entries;
    assert!(entries <= 64, "{entries}");
}

#[test_support::test]
async fn an_inactive_token_is_not_asked_about_each_time() {
    let (clock, script) = script();
    let checker = checker(&script, |_| {});
    for _ in 0..5 {
        assert_eq!(denied(checker.check("bad", &within(seconds(60))).await), Reason::Inactive);
    }
    assert_eq!(script.calls(), 1);
    // Its life is shorter than the reader's bound: whoever was let back in waits for it.
    script.active("bad", json!({}));
    clock.advance(seconds(11));
    authorized(checker.check("bad", &within(seconds(60))).await);
}

#[test_support::test]
async fn inactive_is_never_success_whatever_else_the_answer_says() {
    let (_, script) = script();
    let checker = checker(&script, |config| config.stale_if_error = seconds(600));
    script.active("odd", json!({"scope": "read", "exp": start().timestamp() + 3600}));
    script.revoke("odd");
    for _ in 0..2 {
        assert_eq!(denied(checker.check("odd", &Requirement::new()).await), Reason::Inactive);
    }
    script.fail(ErrorKind::Unreachable);
    let verdict = checker.check("odd", &within(seconds(0))).await;
    assert_eq!(verdict.unwrap_err().kind(), ErrorKind::Unreachable, "a stale no is no yes");
}

#[test_support::test]
async fn our_own_refused_credentials_say_nothing_about_the_token() {
    let (clock, script) = script();
    let checker = checker(&script, |config| config.stale_if_error = seconds(600));
    authorized(checker.check(TOKEN, &within(seconds(10))).await);
    clock.advance(seconds(11));
    script.fail(ErrorKind::ClientRefused);
    let error = checker.check(TOKEN, &within(seconds(10))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClientRefused, "no outage, so no stale answer either");
}
