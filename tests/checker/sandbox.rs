//! The checker at the sandbox: real requests, counted where they arrive.

use std::time::Duration;

use okta_introspect::checker::{
    AnswerSource, Checker, CheckerConfig, Reason, Requirement, Verdict,
};
use okta_introspect::sandbox::{App, Fault, Grant, Sandbox, SignIn, Times, User};
use okta_introspect::{
    Algorithm, CircuitConfig, Client, Error, ErrorKind, ManualClock, RetryConfig, SigningKey, Token,
};

use crate::script::{authorized, denied, within};
use crate::support::{seconds, settle, start};

const CHECKS: usize = 1000;
const INTROSPECT: &str = "/oauth2/v1/introspect";

struct Org {
    clock: ManualClock,
    sandbox: Sandbox,
    checker: Checker,
    token: Token,
}

async fn org(retry: RetryConfig) -> Org {
    let clock = ManualClock::new(start());
    let key = SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some("k1".to_owned()));
    let sandbox = Sandbox::builder()
        .app(App::service("0oa1backend").key(key.public_jwk()))
        .app(App::web("0oa2portal"))
        .user(User::new("00u1ada", "ada@acme.example"))
        .clock(clock.clone())
        .start()
        .await
        .unwrap();
    let client = Client::builder(sandbox.issuer(), "0oa1backend", key)
        .clock(clock.clone())
        .retry(retry)
        .circuit(CircuitConfig::off())
        .build()
        .unwrap();
    let mut config = CheckerConfig::default();
    config.refresh_ahead = false;
    let checker = Checker::builder(client).clock(clock.clone()).config(config).build().unwrap();
    let token = sandbox.issue(&Grant::to_client("0oa2portal").user("00u1ada")).unwrap();
    Org { clock, sandbox, checker, token }
}

impl Org {
    /// So many checks at once; each in a task of its own.
    async fn checks(&self) -> Vec<Result<AnswerSource, Error>> {
        let check = |_| {
            let (checker, token) = (self.checker.clone(), self.token.clone());
            tokio::spawn(async move {
                let verdict = checker.check(&token, &within(seconds(30))).await;
                verdict.map(|verdict| authorized(Ok(verdict)).source())
            })
        };
        let tasks: Vec<_> = (0..CHECKS).map(check).collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap());
        }
        results
    }

    fn requests(&self) -> usize {
        self.sandbox.requests().iter().filter(|request| request.path() == INTROSPECT).count()
    }
}

#[test_support::test]
async fn a_thousand_first_checks_at_once_make_one_call() {
    let org = org(RetryConfig::default()).await;
    let results = org.checks().await;
    assert!(results.iter().all(Result::is_ok));
    let asked = results.iter().filter(|result| matches!(result, Ok(AnswerSource::Introspected)));
    assert_eq!((asked.count(), org.requests()), (1, 1));
}

#[test_support::test]
async fn a_thousand_during_an_outage_make_one_failed_call_and_who_comes_later_tries_anew() {
    let org = org(RetryConfig::off()).await;
    org.sandbox.faults().set_outage(Some(Fault::html(503)));
    for calls in 1..=2 {
        let results = org.checks().await;
        assert!(results.iter().all(|result| {
            result.as_ref().is_err_and(|error| error.kind() == ErrorKind::ServerFailed)
        }));
        assert_eq!(org.requests(), calls);
    }
    org.sandbox.faults().set_outage(None);
    assert!(org.checks().await.iter().all(Result::is_ok));
    assert_eq!(org.requests(), 3);
}

#[test_support::test]
async fn a_retried_call_is_one_call_for_all_who_wait() {
    let org = org(RetryConfig::default()).await;
    org.sandbox.faults().inject(Fault::html(503), Times::Exactly(2));
    assert!(org.checks().await.iter().all(Result::is_ok));
    assert_eq!((org.requests(), org.checker.metrics().upstream_calls), (3, 1));
}

#[test_support::test]
async fn five_checks_of_an_inactive_token_make_one_call() {
    let org = org(RetryConfig::default()).await;
    org.sandbox.revoke(&org.token);
    for _ in 0..5 {
        let verdict = org.checker.check(&org.token, &within(seconds(30))).await;
        assert_eq!(denied(verdict), Reason::Inactive);
    }
    assert_eq!(org.requests(), 1);
}

#[test_support::test]
async fn whoever_began_the_call_may_leave() {
    let org = org(RetryConfig::default()).await;
    org.sandbox.faults().inject(Fault::hold(), Times::Once);
    let spawn = || {
        let (checker, token) = (org.checker.clone(), org.token.clone());
        tokio::spawn(async move { checker.check(&token, &within(seconds(30))).await })
    };
    let leader = spawn();
    org.sandbox.faults().waiting(1).await;
    let others: Vec<_> = (0..10).map(|_| spawn()).collect();
    settle().await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    org.sandbox.faults().release();
    for other in others {
        assert_eq!(authorized(other.await.unwrap()).source(), AnswerSource::Joined);
    }
    assert_eq!(org.requests(), 1);
}

#[test_support::test]
async fn who_cannot_wait_leaves_in_time_and_the_answer_comes_for_the_others() {
    let org = org(RetryConfig::default()).await;
    org.sandbox.faults().inject(Fault::hold(), Times::Once);
    let spawn = |timeout| {
        let (checker, token) = (org.checker.clone(), org.token.clone());
        let requirement = within(seconds(30)).timeout(timeout);
        tokio::spawn(async move { checker.check(&token, &requirement).await })
    };
    let leader = spawn(seconds(10));
    org.sandbox.faults().waiting(1).await;
    let hurried = spawn(Duration::from_millis(50));
    settle().await;
    org.clock.advance(Duration::from_millis(49));
    settle().await;
    assert!(!hurried.is_finished());
    org.clock.advance(Duration::from_millis(1));
    assert_eq!(hurried.await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(!leader.is_finished());
    org.sandbox.faults().release();
    let answer = authorized(leader.await.unwrap());
    assert_eq!(answer.age(), Duration::from_millis(50), "it counts from when it was asked");
}

#[test_support::test]
async fn a_refusal_of_our_own_credentials_is_no_answer() {
    let org = org(RetryConfig::default()).await;
    org.sandbox.deactivate_key("0oa1backend", "k1").unwrap();
    let error = org.checker.check(&org.token, &within(seconds(30))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClientRefused);
}

#[test_support::test]
async fn an_own_revocation_is_seen_at_once() {
    let org = org(RetryConfig::default()).await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    org.sandbox.register(App::service("0oa3own").key(key.public_jwk()).grant("okta.users.read"));
    let client = Client::builder(org.sandbox.issuer(), "0oa3own", key)
        .clock(org.clock.clone())
        .build()
        .unwrap();
    let token = org.sandbox.issue(&Grant::to_client("0oa3own")).unwrap();
    let checker = Checker::builder(client).clock(org.clock.clone()).build().unwrap();
    authorized(checker.check(&token, &within(seconds(30))).await);
    checker.revoke(&token, None).await.unwrap();
    assert_eq!(denied(checker.check(&token, &within(seconds(30))).await), Reason::Inactive);
}

#[test_support::test]
async fn an_id_token_is_active_and_lets_nobody_in() {
    let org = org(RetryConfig::off()).await;
    let sign_in = SignIn::new("0oa2portal", "00u1ada");
    let token = org.sandbox.issue_id_token(&sign_in).unwrap();
    let any = Requirement::new();
    let verdict = org.checker.check(&token, &any).await.unwrap();
    let Verdict::Denied(denied) = verdict else { panic!("an ID token was let in") };
    assert_eq!(*denied.reason(), Reason::NotAccessToken);
    assert!(denied.facts().unwrap().active);
    authorized(org.checker.check(&org.token, &any).await);
}
