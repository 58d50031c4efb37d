//! An outage of ten minutes, second by second.

use okta_introspect::checker::{AnswerSource, Checker, Reason, Verdict};
use okta_introspect::{ErrorKind, ManualClock};
use serde_json::json;

use crate::script::{Script, authorized, checker, denied, within};
use crate::support::{seconds, start};

const TOKEN: &str = "a-token";
const MAX_AGE: u64 = 30;
const OUTAGE: u64 = 600;
const STALE: u64 = 300;

/// What the checks say in each second of an outage that begins just after an answer.
async fn outage(stale_if_error: u64) -> (ManualClock, Script, Checker, Vec<&'static str>) {
    let clock = ManualClock::new(start());
    let script = Script::new(&clock);
    script.active(TOKEN, json!({}));
    let checker = checker(&script, |config| config.stale_if_error = seconds(stale_if_error));
    authorized(checker.check(TOKEN, &within(seconds(MAX_AGE))).await);
    script.fail(ErrorKind::Unreachable);
    let mut said = Vec::new();
    for second in 1..=OUTAGE {
        clock.advance(seconds(1));
        said.push(match checker.check(TOKEN, &within(seconds(MAX_AGE))).await {
            Ok(Verdict::Authorized(answer)) => {
                assert_eq!(answer.age(), seconds(second));
                if answer.source() == AnswerSource::StaleOnError { "stale" } else { "fresh" }
            }
            Ok(Verdict::Denied(denied)) => panic!("second {second}: {denied:?}"),
            Err(error) => {
                assert_eq!(error.retry_after(), Some(seconds(7)), "what the server said");
                "unknown"
            }
        });
    }
    (clock, script, checker, said)
}

fn expected(parts: &[(&'static str, u64)]) -> Vec<&'static str> {
    parts.iter().flat_map(|(word, times)| vec![*word; *times as usize]).collect()
}

#[test_support::test]
async fn by_default_a_checker_that_cannot_ask_cannot_tell() {
    let (_, script, checker, said) = outage(0).await;
    assert_eq!(said, expected(&[("fresh", MAX_AGE), ("unknown", OUTAGE - MAX_AGE)]));
    script.fail(None);
    let answer = authorized(checker.check(TOKEN, &within(seconds(MAX_AGE))).await);
    assert_eq!(answer.source(), AnswerSource::Introspected);
}

#[test_support::test]
async fn stale_answers_last_exactly_as_much_longer_and_are_marked() {
    let (_, _, checker, said) = outage(STALE).await;
    let rest = OUTAGE - MAX_AGE - STALE;
    assert_eq!(said, expected(&[("fresh", MAX_AGE), ("stale", STALE), ("unknown", rest)]));
    assert_eq!(checker.metrics().stale, STALE);
}

#[test_support::test]
async fn a_stale_answer_ends_with_its_token_and_with_whatever_invalidates_it() {
    use okta_introspect::checker::Invalidation;
    let clock = ManualClock::new(start());
    let script = Script::new(&clock);
    script.active("short", json!({"exp": start().timestamp() + 40}));
    script.active("named", json!({"uid": "00u1"}));
    let checker = checker(&script, |config| config.stale_if_error = seconds(STALE));
    let requirement = within(seconds(MAX_AGE));
    for token in ["short", "named"] {
        authorized(checker.check(token, &requirement).await);
    }
    script.fail(ErrorKind::Unreachable);
    clock.advance(seconds(39));
    for token in ["short", "named"] {
        let answer = authorized(checker.check(token, &requirement).await);
        assert_eq!(answer.source(), AnswerSource::StaleOnError, "{token}");
    }
    clock.advance(seconds(1));
    assert_eq!(denied(checker.check("short", &requirement).await), Reason::Expired);
    checker.invalidate(Invalidation::User("00u1"));
    checker.check("named", &requirement).await.unwrap_err();
}

#[test_support::test]
async fn who_asks_for_now_gets_nothing_stale_unless_saying_so() {
    let clock = ManualClock::new(start());
    let script = Script::new(&clock);
    script.active(TOKEN, json!({}));
    let checker = checker(&script, |config| config.stale_if_error = seconds(STALE));
    authorized(checker.check(TOKEN, &within(seconds(MAX_AGE))).await);
    script.fail(ErrorKind::ServerFailed);
    let now = within(seconds(0));
    assert_eq!(checker.check(TOKEN, &now).await.unwrap_err().kind(), ErrorKind::ServerFailed);
    let answer = authorized(checker.check(TOKEN, &now.stale_if_error(seconds(1))).await);
    assert_eq!(answer.source(), AnswerSource::StaleOnError);
}
