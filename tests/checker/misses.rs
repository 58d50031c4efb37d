//! What ends without a signal, and what extension would have saved.

use std::time::Duration;

use okta_introspect::checker::{Checker, Coverage, Invalidation, Reason, Requirement, SignalMode};
use okta_introspect::{Clock, ManualClock, Token};
use serde_json::{Value, json};

use crate::script::{Script, authorized, checker, denied, within};
use crate::support::{seconds, settle, start};

const TOKEN: &str = "a-token";
const MILLISECOND: Duration = Duration::from_millis(1);

struct World {
    clock: ManualClock,
    script: Script,
    checker: Checker,
    coverage: Coverage,
}

impl World {
    fn new(mode: SignalMode, members: Value) -> Self {
        let clock = ManualClock::new(start());
        let script = Script::new(&clock);
        script.active(TOKEN, members);
        let checker = checker(&script, |config| config.signals = mode);
        let coverage = checker.coverage();
        Self { clock, script, checker, coverage }
    }

    async fn is_active(&self) -> bool {
        let verdict = self.checker.check(TOKEN, &within(Duration::ZERO)).await;
        if self.script.holds(TOKEN) {
            authorized(verdict);
        } else {
            assert_eq!(denied(verdict), Reason::Inactive);
        }
        self.script.holds(TOKEN)
    }

    /// Covered and active; then it ends, which is found out by asking.
    async fn end(&self) {
        self.coverage.begin(self.clock.monotonic());
        self.known_and_ended().await;
    }

    async fn known_and_ended(&self) {
        assert!(self.is_active().await);
        self.clock.advance(seconds(1));
        self.script.revoke(TOKEN);
        assert!(!self.is_active().await);
    }

    fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.coverage.advance(self.clock.monotonic());
    }

    fn missed(&self) -> u64 {
        self.checker.metrics().signal_misses
    }
}

#[test_support::test]
async fn it_is_decided_when_coverage_has_come_to_when_the_answer_came_in() {
    for mode in [SignalMode::Shadow, SignalMode::Extend] {
        for (millis, decided) in [(-1_i32, 0), (0, 1), (1, 1)] {
            let world = World::new(mode, json!({}));
            world.end().await;
            let found = world.clock.monotonic();
            world.clock.advance(seconds(9));
            let until = if millis < 0 { found - MILLISECOND } else { found };
            world.coverage.advance(until + MILLISECOND * u32::from(millis > 0));
            assert_eq!(world.missed(), decided, "{mode:?} {millis}");
            world.pass(seconds(1));
            world.pass(seconds(1));
            assert_eq!(world.missed(), 1, "each counts once: {mode:?} {millis}");
        }
    }
}

#[test_support::test]
async fn an_event_that_is_late_is_no_miss() {
    let token = Token::parse(TOKEN).unwrap();
    let hash = "H2B246R7od7QgCX/4G5XryF8FPlAfzP7pQ+ZsccBk4c=";
    for named in [
        Invalidation::Everything,
        Invalidation::Token(&token),
        Invalidation::Jti("AT.1"),
        Invalidation::TokenHash(hash),
        Invalidation::User("00u1"),
        Invalidation::Login("Ada"),
        Invalidation::Client("0oa1"),
        Invalidation::Jti("another"),
    ] {
        let members = json!({"jti": "AT.1", "uid": "00u1", "sub": "ada", "client_id": "0oa1"});
        let world = World::new(SignalMode::Extend, members);
        world.end().await;
        world.clock.advance(seconds(60));
        world.checker.invalidate(named);
        world.coverage.advance(world.clock.monotonic());
        let named = !matches!(named, Invalidation::Jti("another"));
        assert_eq!(world.missed(), u64::from(!named), "{named:?}");
    }
}

#[test_support::test]
async fn a_signal_from_before_it_was_last_seen_active_explains_nothing() {
    let world = World::new(SignalMode::Extend, json!({"jti": "AT.1"}));
    world.checker.invalidate(Invalidation::Jti("AT.1"));
    world.end().await;
    world.pass(seconds(1));
    assert_eq!(world.missed(), 1);
}

#[test_support::test]
async fn what_was_not_covered_is_no_miss() {
    for mode in [SignalMode::Off, SignalMode::Purge] {
        let world = World::new(mode, json!({}));
        world.end().await;
        world.pass(seconds(1));
        assert_eq!(world.missed(), 0, "{mode:?}");
    }
    let world = World::new(SignalMode::Extend, json!({}));
    world.known_and_ended().await;
    world.coverage.begin(world.clock.monotonic());
    world.pass(seconds(1));
    assert_eq!(world.missed(), 0, "it was asked about before coverage began");

    let world = World::new(SignalMode::Extend, json!({}));
    world.end().await;
    world.coverage.begin(world.clock.monotonic());
    world.pass(seconds(1));
    assert_eq!(world.missed(), 0, "there was a gap");
}

#[test_support::test]
async fn a_token_that_may_have_come_to_its_end_is_no_miss() {
    // What ends within ten seconds may have ended by the server's clock; it is found a second later.
    for (millis, misses) in [(-1_i32, 1), (0, 0), (1, 0)] {
        let world = World::new(SignalMode::Extend, json!({"exp": start().timestamp() + 20}));
        let before = seconds(9) - MILLISECOND * u32::from(millis < 0);
        world.clock.advance(before + MILLISECOND * u32::from(millis > 0));
        world.end().await;
        world.pass(seconds(1));
        assert_eq!(world.missed(), misses, "{millis}");
    }
}

#[test_support::test]
async fn what_this_checker_has_revoked_itself_is_no_miss() {
    let world = World::new(SignalMode::Extend, json!({}));
    world.coverage.begin(world.clock.monotonic());
    assert!(world.is_active().await);
    let token = Token::parse(TOKEN).unwrap();
    // The upstream cannot revoke; it may have been carried out all the same.
    world.checker.revoke(&token, None).await.unwrap_err();
    world.script.revoke(TOKEN);
    assert!(!world.is_active().await);
    world.pass(seconds(1));
    assert_eq!(world.missed(), 0);
}

#[test_support::test]
async fn what_was_found_before_a_revocation_of_our_own_is_none_either() {
    let world = World::new(SignalMode::Extend, json!({}));
    world.end().await;
    world.checker.revoke(&Token::parse(TOKEN).unwrap(), None).await.unwrap_err();
    world.pass(seconds(1));
    assert_eq!(world.missed(), 0);
}

#[test_support::test]
async fn those_that_wait_for_coverage_are_bounded() {
    let world = World::new(SignalMode::Extend, json!({}));
    world.coverage.begin(world.clock.monotonic());
    let now = within(Duration::ZERO);
    for active in [true, false] {
        for number in 0..1100 {
            let token = format!("token-{number}");
            if active {
                world.script.active(&token, json!({}));
            } else {
                world.script.revoke(&token);
            }
            let verdict = world.checker.check(&*token, &now).await;
            if active {
                authorized(verdict);
            } else {
                denied(verdict);
            }
        }
    }
    world.pass(seconds(1));
    assert_eq!(world.missed(), 1024);
    world.end().await;
    world.pass(seconds(1));
    assert_eq!(world.missed(), 1025, "there is room again");
}

#[test_support::test]
async fn in_shadow_the_calls_that_extension_would_save_are_counted() {
    let requirement = || within(seconds(5)).extended();
    let savings = async |mode, requirement: Requirement, covered: bool| {
        let world = World::new(mode, json!({}));
        world.coverage.begin(world.clock.monotonic());
        for _ in 0..10 {
            authorized(world.checker.check(TOKEN, &requirement).await);
            world.clock.advance(seconds(5) + MILLISECOND);
            if covered {
                world.coverage.advance(world.clock.monotonic());
            }
        }
        (world.script.calls(), world.checker.metrics().signal_savings)
    };
    assert_eq!(savings(SignalMode::Shadow, requirement(), true).await, (10, 9));
    assert_eq!(savings(SignalMode::Shadow, requirement(), false).await, (10, 0));
    assert_eq!(savings(SignalMode::Shadow, within(seconds(5)), true).await, (10, 0));
    assert_eq!(savings(SignalMode::Purge, requirement(), true).await, (10, 0));
    assert_eq!(savings(SignalMode::Extend, requirement(), true).await, (1, 0));
}

#[test_support::test]
async fn in_shadow_refreshes_that_extension_would_save_are_counted() {
    for covered in [true, false] {
        let clock = ManualClock::new(start());
        let script = Script::new(&clock);
        script.active(TOKEN, json!({}));
        let checker = checker(&script, |config| {
            config.signals = SignalMode::Shadow;
            config.refresh_ahead = true;
        });
        let coverage = checker.coverage();
        coverage.begin(clock.monotonic());
        let requirement = within(seconds(10)).extended();
        for _ in 0..30 {
            authorized(checker.check(TOKEN, &requirement).await);
            settle().await;
            clock.advance(seconds(1));
            if covered {
                coverage.advance(clock.monotonic());
            }
        }
        let metrics = checker.metrics();
        assert_eq!(metrics.refreshed_ahead, 2);
        assert_eq!(metrics.signal_savings, 2 * u64::from(covered));
    }
}
