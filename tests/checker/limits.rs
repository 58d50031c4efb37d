//! What a checker does where something goes too far: settings out of bounds, answers that are too
//! old, revocations that are given up.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use okta_introspect::checker::{Answered, Checker, CheckerConfig, Reason, SendTime, Upstream};
use okta_introspect::{BoxFuture, Error, ErrorKind, Issuer, ManualClock, Token, TokenTypeHint};
use serde_json::json;

use crate::script::{Script, authorized, checker, denied, within};
use crate::support::{seconds, start};

const TOKEN: &str = "t0ken";

fn clock() -> ManualClock {
    ManualClock::new(start())
}

fn script(clock: &ManualClock) -> Script {
    let script = Script::new(clock);
    script.active(TOKEN, json!({}));
    script
}

/// An upstream whose revocations never end, and whose answers are as old as it is.
#[derive(Debug)]
struct Slow {
    script: Script,
    first: Arc<Mutex<Option<Answered>>>,
}

impl Upstream for Slow {
    fn issuer(&self) -> &Issuer {
        self.script.issuer()
    }

    fn introspect<'a>(
        &'a self,
        token: &'a Token,
        send_time: &'a SendTime,
    ) -> BoxFuture<'a, Result<Answered, Error>> {
        Box::pin(async move {
            let stored = self.first.lock().unwrap().clone();
            if let Some(answered) = stored {
                return Ok(answered);
            }
            let answered = self.script.introspect(token, send_time).await?;
            *self.first.lock().unwrap() = Some(answered.clone());
            Ok(answered)
        })
    }

    fn revoke<'a>(
        &'a self,
        token: &'a Token,
        _: Option<TokenTypeHint>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.script.revoke(token.expose());
        *self.first.lock().unwrap() = None;
        Box::pin(std::future::pending())
    }
}

fn slow(clock: &ManualClock) -> Checker {
    let slow = Slow { script: script(clock), first: Arc::default() };
    Checker::builder(slow).clock(clock.clone()).build().unwrap()
}

#[test_support::test]
async fn a_revocation_that_is_given_up_counts() {
    let clock = clock();
    let checker = slow(&clock);
    authorized(checker.check(TOKEN, &within(seconds(60))).await);
    let token = Token::parse(TOKEN).unwrap();
    {
        let mut revocation = std::pin::pin!(checker.revoke(&token, None));
        let polled = std::future::poll_fn(|cx| Poll::Ready(revocation.as_mut().poll(cx))).await;
        assert!(polled.is_pending(), "its request has left");
    }
    assert_eq!(denied(checker.check(TOKEN, &within(seconds(60))).await), Reason::Inactive);
}

#[test_support::test]
async fn an_upstreams_answer_that_is_older_than_the_bound_lets_nothing_in() {
    let clock = clock();
    let checker = slow(&clock);
    authorized(checker.check(TOKEN, &within(seconds(10))).await);
    clock.advance(seconds(11));
    let error = checker.check(TOKEN, &within(seconds(10))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    let answer = authorized(checker.check(TOKEN, &within(seconds(11))).await);
    assert_eq!(answer.age(), seconds(11));
}

#[test]
fn every_setting_has_bounds() {
    let script = script(&clock());
    let build = |set: &dyn Fn(&mut CheckerConfig)| {
        let mut config = CheckerConfig::default();
        set(&mut config);
        Checker::builder(script.clone()).config(config).build().map(drop).map_err(|e| e.kind())
    };
    assert_eq!(build(&|_| {}), Ok(()));
    type Set = fn(&mut CheckerConfig);
    let wrong: [(&str, Set); 18] = [
        ("max_age", |config| config.max_age = Duration::MAX),
        ("max_age_limit", |config| config.max_age_limit = Duration::MAX),
        ("inactive_max_age", |config| config.inactive_max_age = Duration::MAX),
        ("stale_if_error", |config| config.stale_if_error = Duration::MAX),
        ("timeout", |config| config.timeout = Duration::MAX),
        ("capacity", |config| config.capacity = 0),
        ("capacity", |config| config.capacity = usize::MAX),
        ("inactive_capacity", |config| config.inactive_capacity = 0),
        ("inactive_capacity", |config| config.inactive_capacity = usize::MAX),
        ("rate_share_percent", |config| config.rate_share_percent = 101),
        ("max_newcomers", |config| config.max_newcomers = 0),
        ("max_newcomers", |config| config.max_newcomers = usize::MAX),
        ("proofs.max_age", |config| config.proofs.max_age = Duration::MAX),
        ("proofs.leeway", |config| config.proofs.leeway = Duration::MAX),
        ("proofs.repeat_within", |config| {
            config.proofs.repeat_within = Duration::from_millis(10_001)
        }),
        ("proofs.capacity", |config| config.proofs.capacity = usize::MAX),
        ("proofs.max_per_key", |config| config.proofs.max_per_key = 0),
        ("proofs.max_per_key", |config| config.proofs.max_per_key = usize::MAX),
    ];
    for (name, set) in wrong {
        assert_eq!(build(&set), Err(ErrorKind::Configuration), "{name}");
    }
}

#[test_support::test]
async fn a_requirement_that_waits_for_ever_waits_for_an_hour() {
    let clock = clock();
    let script = script(&clock);
    let checker = checker(&script, |_| {});
    let requirement = within(Duration::MAX).timeout(Duration::MAX).stale_if_error(Duration::MAX);
    authorized(checker.check(TOKEN, &requirement).await);
}
