//! Freshness by signals: how old answers get while a complete source says that nothing has become
//! of their tokens, and never older. Each deadline a millisecond before, at it, and one after.

use std::time::{Duration, Instant};

use okta_introspect::checker::{
    AnswerSource, Checker, CheckerConfig, Coverage, Invalidation, Reason, Requirement, SignalMode,
    Verdict,
};
use okta_introspect::{Clock, Error, ErrorKind, ManualClock};
use serde_json::json;

use crate::script::{Script, authorized, checker, denied, within};
use crate::support::{seconds, settle, start};

const TOKEN: &str = "a-token";
const BOUND: u64 = 5;
const LIMIT: u64 = 60;
const MILLISECOND: Duration = Duration::from_millis(1);

/// A millisecond before a deadline, at it, and one after: whether what it limits goes on.
const AROUND: [(i64, bool); 3] = [(-1, true), (0, true), (1, false)];

struct World {
    clock: ManualClock,
    script: Script,
    checker: Checker,
    coverage: Coverage,
}

impl World {
    /// A token was just asked about, and coverage began before.
    async fn new(set: impl FnOnce(&mut CheckerConfig)) -> Self {
        let world = Self::silent(set);
        world.coverage.begin(world.now());
        world.ask().await;
        world
    }

    /// No source has said anything yet.
    fn silent(set: impl FnOnce(&mut CheckerConfig)) -> Self {
        let clock = ManualClock::new(start());
        let script = Script::new(&clock);
        script.active(TOKEN, json!({"uid": "00u1", "jti": "AT.1"}));
        let checker = checker(&script, |config| {
            config.signals = SignalMode::Extend;
            config.extension_limit = seconds(LIMIT);
            set(config);
        });
        let coverage = checker.coverage();
        Self { clock, script, checker, coverage }
    }

    fn now(&self) -> Instant {
        self.clock.monotonic()
    }

    /// Time passes, and the source tells that nothing has happened.
    fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.coverage.advance(self.now());
    }

    /// So much time passes, and so many milliseconds more or less.
    fn wait(&self, time: Duration, millis: i64) {
        let less = MILLISECOND * u32::from(millis < 0);
        self.clock.advance(time - less + MILLISECOND * u32::from(millis > 0));
    }

    async fn check(&self) -> Result<Verdict, Error> {
        self.checker.check(TOKEN, &extended()).await
    }

    async fn source(&self) -> AnswerSource {
        authorized(self.check().await).source()
    }

    /// Asks the server, whatever is known.
    async fn ask(&self) {
        let answer = self.checker.check(TOKEN, &within(Duration::ZERO)).await;
        assert_eq!(authorized(answer).source(), AnswerSource::Introspected);
    }
}

fn extended() -> Requirement {
    within(seconds(BOUND)).extended()
}

#[test_support::test]
async fn the_age_that_counts_begins_where_coverage_has_come() {
    for (millis, lasts) in AROUND {
        let world = World::new(|_| {}).await;
        world.pass(seconds(20));
        world.wait(seconds(BOUND), millis);
        let answer = authorized(world.check().await);
        let expected = if lasts { AnswerSource::Extended } else { AnswerSource::Introspected };
        assert_eq!(answer.source(), expected, "{millis}");
        let age = if lasts { seconds(20 + BOUND) } else { Duration::ZERO };
        assert_eq!(
            answer.age(),
            age - MILLISECOND * u32::from(millis < 0),
            "counted from when the server was asked: {millis}"
        );
        assert_eq!(world.script.calls(), 1 + usize::from(!lasts), "{millis}");
    }
}

#[test_support::test]
async fn within_the_bound_coverage_says_nothing() {
    for (millis, fresh) in AROUND {
        let world = World::new(|_| {}).await;
        world.wait(seconds(BOUND), millis);
        world.coverage.advance(world.now());
        let expected = if fresh { AnswerSource::Cache } else { AnswerSource::Extended };
        assert_eq!(world.source().await, expected, "{millis}");
    }
}

#[test_support::test]
async fn no_answer_is_extended_beyond_the_hard_bound() {
    for limit in [LIMIT, 7] {
        for (millis, lasts) in AROUND {
            // The shorter of the two limits counts.
            let world = World::new(|config| {
                config.max_age = seconds(BOUND);
                config.max_age_limit = seconds(limit);
            })
            .await;
            world.wait(seconds(limit), millis);
            world.coverage.advance(world.now());
            let expected = if lasts { AnswerSource::Extended } else { AnswerSource::Introspected };
            assert_eq!(world.source().await, expected, "{limit} {millis}");
        }
    }
}

#[test_support::test]
async fn no_answer_is_extended_past_the_end_of_its_token() {
    for millis in [-1, 0, 1] {
        let world = World::silent(|_| {});
        let exp = start().timestamp() + 20;
        world.script.active(TOKEN, json!({ "exp": exp }));
        world.coverage.begin(world.now());
        world.ask().await;
        world.wait(seconds(20), millis);
        world.coverage.advance(world.now());
        match millis {
            -1 => assert_eq!(world.source().await, AnswerSource::Extended),
            _ => assert_eq!(denied(world.check().await), Reason::Expired, "{millis}"),
        }
        assert_eq!(world.script.calls(), 1, "{millis}");
    }
}

#[test_support::test]
async fn what_was_asked_before_coverage_began_is_not_extended() {
    for (millis, is_extended) in AROUND {
        let world = World::silent(|_| {});
        world.clock.advance(seconds(1));
        let asked = world.now();
        world.ask().await;
        let since = if millis < 0 { asked - MILLISECOND } else { asked };
        world.coverage.begin(since + MILLISECOND * u32::from(millis > 0));
        world.pass(seconds(20));
        let expected =
            if is_extended { AnswerSource::Extended } else { AnswerSource::Introspected };
        assert_eq!(world.source().await, expected, "{millis}");
    }
}

#[test_support::test]
async fn an_advance_counts_from_the_beginning_on() {
    for (millis, counts) in [(-1, false), (0, true), (1, true)] {
        let world = World::silent(|_| {});
        world.ask().await;
        let since = world.now();
        world.coverage.begin(since);
        world.clock.advance(seconds(1));
        let early = since - MILLISECOND;
        let until = if millis < 0 { early } else { since + MILLISECOND * u32::from(millis > 0) };
        world.coverage.advance(until);
        world.clock.advance(seconds(BOUND) - seconds(1));
        // At the bound, and what the advance has gained beyond it.
        world.clock.advance(until.saturating_duration_since(since));
        let gained = counts && millis > 0;
        let expected = if gained { AnswerSource::Extended } else { AnswerSource::Cache };
        assert_eq!(world.source().await, expected, "{millis}");
        world.clock.advance(MILLISECOND);
        assert_eq!(world.source().await, AnswerSource::Introspected, "{millis}");
    }
}

#[test_support::test]
async fn without_a_beginning_nothing_advances() {
    let world = World::silent(|_| {});
    world.ask().await;
    world.pass(seconds(20));
    assert_eq!(world.source().await, AnswerSource::Introspected);
}

#[test_support::test]
async fn coverage_never_goes_back_and_never_ahead_of_now() {
    let world = World::new(|_| {}).await;
    let first = world.now();
    world.clock.advance(seconds(10));
    world.coverage.advance(world.now() + seconds(1000));
    world.coverage.advance(first);
    world.coverage.begin(first - seconds(1));
    world.clock.advance(seconds(BOUND));
    assert_eq!(world.source().await, AnswerSource::Extended);
    world.clock.advance(MILLISECOND);
    assert_eq!(world.source().await, AnswerSource::Introspected);
}

#[test_support::test]
async fn a_beginning_never_goes_back() {
    let world = World::new(|_| {}).await;
    let first = world.now();
    world.clock.advance(seconds(1));
    world.coverage.begin(world.now());
    world.coverage.begin(first);
    world.pass(seconds(20));
    assert_eq!(world.source().await, AnswerSource::Introspected);
}

#[test_support::test]
async fn after_a_gap_only_what_was_asked_since_is_extended() {
    let world = World::new(|_| {}).await;
    world.pass(seconds(20));
    assert_eq!(world.source().await, AnswerSource::Extended);
    world.clock.advance(seconds(1));
    world.coverage.begin(world.now());
    world.coverage.advance(world.now());
    assert_eq!(world.source().await, AnswerSource::Introspected);
    world.pass(seconds(20));
    assert_eq!(world.source().await, AnswerSource::Extended);
}

#[test_support::test]
async fn when_a_source_stops_ages_grow_again_by_themselves() {
    let world = World::new(|_| {}).await;
    for _ in 0..20 {
        world.pass(seconds(1));
        authorized(world.check().await);
    }
    assert_eq!(world.script.calls(), 1);
    for _ in 0..20 {
        world.clock.advance(seconds(1));
        authorized(world.check().await);
    }
    // After 5 s of silence the server is asked, and then once per bound again.
    assert_eq!(world.script.calls(), 1 + 20 / (1 + BOUND as usize));
}

#[test_support::test]
async fn a_check_that_asks_for_now_gets_now() {
    let world = World::new(|_| {}).await;
    let now = within(Duration::ZERO).extended();
    for calls in 2..5 {
        world.coverage.advance(world.now());
        authorized(world.checker.check(TOKEN, &now).await);
        assert_eq!(world.script.calls(), calls);
    }
}

#[test_support::test]
async fn only_what_opted_in_is_extended_and_only_in_that_mode() {
    let all = || extended();
    let opted_out = || within(seconds(BOUND));
    for (name, mode, requirement, is_extended) in [
        ("opted in", SignalMode::Extend, all(), true),
        ("opted out", SignalMode::Extend, opted_out(), false),
        ("both", SignalMode::Extend, all().and(all()), true),
        ("not the first", SignalMode::Extend, opted_out().and(all()), false),
        ("not the second", SignalMode::Extend, all().and(opted_out()), false),
        ("not the third", SignalMode::Extend, all().and(all().and(opted_out())), false),
        ("shadow", SignalMode::Shadow, all(), false),
        ("purge", SignalMode::Purge, all(), false),
        ("off", SignalMode::Off, all(), false),
    ] {
        let world = World::new(|config| config.signals = mode).await;
        assert_eq!(world.checker.signal_mode(), mode);
        world.pass(seconds(20));
        let answer = authorized(world.checker.check(TOKEN, &requirement).await);
        assert_eq!(answer.source() == AnswerSource::Extended, is_extended, "{name}");
        assert_eq!(world.script.calls(), 2 - usize::from(is_extended), "{name}");
    }
}

#[test_support::test]
async fn of_requirements_that_belong_together_the_strictest_bound_counts() {
    for (millis, lasts) in AROUND {
        let world = World::new(|_| {}).await;
        world.pass(seconds(20));
        world.wait(seconds(2), millis);
        let both = extended().and(within(seconds(2)).extended());
        let answer = authorized(world.checker.check(TOKEN, &both).await);
        assert_eq!(answer.source() == AnswerSource::Extended, lasts, "{millis}");
    }
}

#[test_support::test]
async fn what_a_signal_has_named_is_asked_again() {
    let world = World::new(|_| {}).await;
    world.clock.advance(seconds(20));
    world.script.revoke(TOKEN);
    world.checker.invalidate(Invalidation::Jti("AT.1"));
    world.coverage.advance(world.now());
    assert_eq!(denied(world.check().await), Reason::Inactive);
}

#[test_support::test]
async fn an_inactive_answer_is_not_extended() {
    let world = World::silent(|config| config.inactive_max_age = seconds(2));
    world.coverage.begin(world.now());
    world.script.revoke(TOKEN);
    assert_eq!(denied(world.check().await), Reason::Inactive);
    world.pass(seconds(3));
    assert_eq!(denied(world.check().await), Reason::Inactive);
    assert_eq!(world.script.calls(), 2);
}

#[test_support::test]
async fn stale_if_error_counts_from_when_the_server_was_asked() {
    const STALE: u64 = 30;
    for (millis, lasts) in AROUND {
        let world = World::new(|config| config.stale_if_error = seconds(STALE)).await;
        world.script.fail(ErrorKind::Unreachable);
        // Coverage goes on until shortly before, which lengthens nothing of this.
        world.pass(seconds(STALE - 1));
        world.wait(seconds(1 + BOUND), millis);
        match world.check().await {
            Ok(verdict) => {
                assert_eq!(authorized(Ok(verdict)).source(), AnswerSource::StaleOnError);
                assert!(lasts, "{millis}");
            }
            Err(error) => {
                assert_eq!((error.kind(), lasts), (ErrorKind::Unreachable, false), "{millis}");
            }
        }
    }
}

#[test_support::test]
async fn coverage_stretches_no_call_under_way() {
    for (millis, joins) in AROUND {
        let world = World::silent(|_| {});
        world.coverage.begin(world.now());
        world.script.hold(true);
        let spawn = |requirement: Requirement| {
            let checker = world.checker.clone();
            tokio::spawn(async move { checker.check(TOKEN, &requirement).await })
        };
        let first = spawn(extended().timeout(seconds(100)));
        settle().await;
        world.wait(seconds(BOUND), millis);
        world.coverage.advance(world.now());
        let second = spawn(extended());
        settle().await;
        assert_eq!(world.script.calls(), 2 - usize::from(joins), "{millis}");
        world.script.hold(false);
        authorized(first.await.unwrap());
        authorized(second.await.unwrap());
    }
}

#[test_support::test]
async fn a_refresh_is_due_by_the_age_that_counts() {
    // By chance it is due between 9 tenths and 19 twentieths of the bound.
    let world = World::new(|config| config.refresh_ahead = true).await;
    for (time, refreshes) in [(4_499, 0), (251, 1)] {
        if time == 4_499 {
            world.pass(seconds(20));
        }
        world.clock.advance(Duration::from_millis(time));
        assert_eq!(world.source().await, AnswerSource::Extended, "{time}");
        settle().await;
        assert_eq!(world.checker.metrics().refreshed_ahead, refreshes, "{time}");
    }
}

#[test_support::test]
async fn while_coverage_goes_on_no_refresh_is_due_before_the_hard_bound_is_near() {
    // By chance it is due between 19 twentieths and 39 fortieths of the limit.
    let world = World::new(|config| config.refresh_ahead = true).await;
    for _ in 0..(LIMIT * 19 / 20 - 1) {
        world.pass(seconds(1));
        authorized(world.check().await);
    }
    world.pass(seconds(1) - MILLISECOND);
    authorized(world.check().await);
    settle().await;
    assert_eq!(world.script.calls(), 1, "19 twentieths have not passed");
    world.pass(seconds(LIMIT) / 40 + MILLISECOND);
    assert_eq!(world.source().await, AnswerSource::Extended);
    settle().await;
    assert_eq!((world.script.calls(), world.checker.metrics().refreshed_ahead), (2, 1));
}

#[test_support::test]
async fn extended_answers_are_counted_as_hits_of_their_own() {
    let world = World::new(|_| {}).await;
    world.pass(seconds(20));
    for _ in 0..3 {
        authorized(world.check().await);
    }
    let no = world.checker.check(TOKEN, &extended().scope("admin")).await.unwrap();
    assert!(
        matches!(no, Verdict::Denied(denied) if denied.source() == Some(AnswerSource::Extended))
    );
    let metrics = world.checker.metrics();
    assert_eq!((metrics.extended, metrics.hits, metrics.misses), (4, 4, 1));
    assert_eq!(metrics.checks["authorized"]["extended"], 3);
    assert_eq!(metrics.checks["denied"]["extended"], 1);
    assert_eq!((metrics.verdict_age.count(), metrics.extended_age.count()), (1, 3));
    assert_eq!(metrics.extended_age.sum, 3 * seconds(20));
}

#[test]
fn the_limit_has_bounds() {
    let clock = ManualClock::new(start());
    let script = Script::new(&clock);
    let build = |limit: Duration| {
        let mut config = CheckerConfig::default();
        config.extension_limit = limit;
        Checker::builder(script.clone()).clock(clock.clone()).config(config).build()
    };
    let day = seconds(24 * 3600);
    for (limit, is_good) in
        [(Duration::ZERO, true), (day - MILLISECOND, true), (day, true), (day + MILLISECOND, false)]
    {
        assert_eq!(build(limit).is_ok(), is_good, "{limit:?}");
    }
    assert_eq!(CheckerConfig::default().extension_limit, seconds(300));
}
