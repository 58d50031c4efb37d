//! Upstreams that do not keep to what the trait asks of them: a verdict is never made of it.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use okta_introspect::checker::{
    Answered, Checker, CheckerConfig, Invalidation, SendTime, Sent, Upstream,
};
use okta_introspect::{
    BoxFuture, Clock, Error, ErrorKind, Introspection, Issuer, ManualClock, Token,
};
use serde_json::json;

use crate::script::{ISSUER, Script, authorized, checker, within};
use crate::support::{seconds, start};

const TOKEN: &str = "a-token";

/// Calls every token active, and tells of its request what it is told to.
#[derive(Clone, Debug)]
struct Liar {
    issuer: Issuer,
    clock: ManualClock,
    lie: Lie,
}

#[derive(Clone, Debug)]
enum Lie {
    /// The request was sent so long ago.
    Ago(Duration),
    /// What another call has recorded, be it of another checker.
    Kept(Arc<Mutex<Option<Sent>>>),
    /// The answer takes so long.
    After(Duration),
}

impl Liar {
    fn checker(clock: &ManualClock, lie: Lie) -> Checker {
        let (issuer, clock) = (Issuer::parse(ISSUER).unwrap(), clock.clone());
        let liar = Self { issuer, clock: clock.clone(), lie };
        let mut config = CheckerConfig::default();
        config.timeout = seconds(3600);
        Checker::builder(liar).config(config).clock(clock).build().unwrap()
    }
}

impl Upstream for Liar {
    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn introspect<'a>(
        &'a self,
        _: &'a Token,
        send_time: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        Box::pin(async move {
            let now = self.clock.monotonic();
            let sent = match &self.lie {
                Lie::Ago(ago) => send_time.record(now.checked_sub(*ago).unwrap()),
                Lie::Kept(kept) => {
                    *kept.lock().unwrap().get_or_insert_with(|| send_time.record(now))
                }
                Lie::After(span) => {
                    let sent = send_time.record(now);
                    self.clock.advance(*span);
                    sent
                }
            };
            let answer = json!({"active": true, "uid": "00u1", "client_id": "0oa1"});
            let introspection: Introspection = serde_json::from_value(answer).unwrap();
            Ok(Answered { introspection, sent })
        })
    }
}

#[test_support::test]
async fn an_answer_from_before_the_checker_was_made_is_as_old_as_it_is() {
    let clock = ManualClock::new(start());
    for (ago, is_young_enough) in
        [(29, true), (30, true), (31, false), (600, false), (90_000, false)]
    {
        let checker = Liar::checker(&clock, Lie::Ago(seconds(ago)));
        let result = checker.check(TOKEN, &within(seconds(30))).await;
        match is_young_enough {
            true => assert_eq!(authorized(result).age(), seconds(ago)),
            false => assert_eq!(result.unwrap_err().kind(), ErrorKind::Malformed, "{ago}"),
        }
    }
}

#[test_support::test]
async fn an_answer_that_is_dated_before_an_invalidation_does_not_count_after_it() {
    let token = Token::parse(TOKEN).unwrap();
    for named in [
        Invalidation::Everything,
        Invalidation::Token(&token),
        Invalidation::User("00u1"),
        Invalidation::Client("0oa1"),
    ] {
        let clock = ManualClock::new(start());
        let checker = Liar::checker(&clock, Lie::Ago(seconds(20)));
        authorized(checker.check(&token, &within(seconds(30))).await);
        checker.invalidate(named);
        clock.advance(seconds(19));
        let error = checker.check(&token, &within(seconds(30))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{named:?}");
        clock.advance(seconds(2));
        authorized(checker.check(&token, &within(seconds(30))).await);
    }
}

#[test_support::test]
async fn what_another_checker_recorded_is_no_send_time_here() {
    let (clock, kept) = (ManualClock::new(start()), Lie::Kept(Arc::default()));
    authorized(Liar::checker(&clock, kept.clone()).check(TOKEN, &within(seconds(30))).await);
    clock.advance(seconds(31));
    let other = Liar::checker(&clock, kept);
    let error = other.check(TOKEN, &within(seconds(30))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert!(error.to_string().contains("another checker"), "{error}");
}

#[test_support::test]
async fn an_answer_that_took_longer_than_any_call_may_does_not_count() {
    for (took, counts) in [(3600, true), (3601, false)] {
        let clock = ManualClock::new(start());
        let checker = Liar::checker(&clock, Lie::After(seconds(took)));
        let result = checker.check(TOKEN, &within(seconds(30))).await;
        match counts {
            true => assert_eq!(authorized(result).age(), seconds(took)),
            false => assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut),
        }
        assert_eq!(checker.metrics().active_entries, usize::from(counts));
    }
}

#[test]
fn a_hit_outside_of_a_runtime_is_a_hit_even_where_a_refresh_is_due() {
    let clock = ManualClock::new(start());
    let script = Script::new(&clock);
    script.active(TOKEN, json!({}));
    let checker = checker(&script, |config| config.refresh_ahead = true);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    authorized(runtime.block_on(checker.check(TOKEN, &within(seconds(30)))));
    clock.advance(seconds(29));
    authorized(checker.try_check(TOKEN, &within(seconds(30))).unwrap());
    let requirement = within(seconds(30));
    let mut check = Box::pin(checker.check(TOKEN, &requirement));
    let Poll::Ready(verdict) = check.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it waits")
    };
    authorized(verdict);
    assert_eq!(script.calls(), 1);
}
