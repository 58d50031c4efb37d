//! Service tokens are requested once, early, and never hoarded: counted, not timed.

use std::time::Duration;

use okta_introspect::{
    CachedTokenSource, Client, ErrorKind, ManualClock, ResourceCall, Scopes, TokenCacheConfig,
    TokenSource, TokenType,
};
use test_support::{Act, Peer, reply, reply_with};

use crate::support::clock;

fn token(name: &str, expires_in: u64) -> Act {
    let body = serde_json::json!({
        "access_token": name, "token_type": "Bearer", "expires_in": expires_in, "scope": "okta.users.read",
    });
    Act::Write(reply(200, "application/json", &body.to_string()))
}

fn held(act: Act) -> Act {
    match act {
        Act::Write(bytes) => Act::Hold(bytes),
        other => other,
    }
}

fn failure() -> Act {
    Act::Write(reply(400, "application/json", r#"{"error":"invalid_scope"}"#))
}

fn client(peer: &Peer, clock: &ManualClock) -> Client {
    crate::support::client(peer, clock)
}

fn source(client: &Client) -> CachedTokenSource {
    client.token_source(Scopes::parse("okta.users.read").unwrap())
}

async fn name(source: &CachedTokenSource) -> String {
    source.token().await.unwrap().token().expose().to_owned()
}

#[test_support::test]
async fn a_hundred_concurrent_callers_make_one_request() {
    let peer = Peer::start([held(token("t1", 3600))]).await;
    let client = client(&peer, &clock());
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let source = source(&client);
            tokio::spawn(async move { name(&source).await })
        })
        .collect();
    peer.received(1).await;
    peer.release();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "t1");
    }
    assert_eq!(peer.requests().len(), 1);
}

#[test_support::test]
async fn a_hundred_callers_during_an_outage_share_one_failure_which_is_not_kept() {
    let peer = Peer::start([held(failure()), token("t1", 3600)]).await;
    let client = client(&peer, &clock());
    let source = source(&client);
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let source = source.clone();
            tokio::spawn(async move { source.token().await.unwrap_err().kind() })
        })
        .collect();
    peer.received(1).await;
    // Everyone must be waiting before the answer goes out, or the late ones would ask anew.
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    peer.release();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), ErrorKind::RequestRefused);
    }
    assert_eq!(peer.requests().len(), 1);
    assert_eq!(name(&source).await, "t1");
    assert_eq!(peer.requests().len(), 2);
}

#[test_support::test]
async fn cancelling_one_caller_takes_nothing_from_the_others() {
    let peer = Peer::start([held(token("t1", 3600))]).await;
    let client = client(&peer, &clock());
    let (first, second) = (source(&client), source(&client));
    let leader = tokio::spawn(async move { name(&first).await });
    peer.received(1).await;
    let follower = tokio::spawn(async move { name(&second).await });
    tokio::task::yield_now().await;
    leader.abort();
    peer.release();
    assert_eq!(follower.await.unwrap(), "t1");
    assert_eq!(peer.requests().len(), 1);
}

#[test_support::test]
async fn a_setting_out_of_bounds_is_refused_and_no_wait_is_too_long() {
    let peer = Peer::start([token("t1", 3600)]).await;
    let clock = clock();
    type Set = fn(&mut TokenCacheConfig);
    let wrong: [Set; 3] = [
        |config| config.refresh_ahead = Duration::MAX,
        |config| config.min_remaining = Duration::MAX,
        |config| config.pause_after_failure = Duration::MAX,
    ];
    for set in wrong {
        let mut config = TokenCacheConfig::default();
        set(&mut config);
        let built = crate::support::builder(&peer.issuer(), &clock).token_cache(config).build();
        assert_eq!(built.unwrap_err().kind(), ErrorKind::Configuration);
    }
    let source = source(&client(&peer, &clock));
    assert!(source.token_within(Duration::MAX).await.is_ok());
}

#[test_support::test]
async fn a_caller_out_of_time_leaves_alone() {
    let peer = Peer::start([held(token("t1", 3600))]).await;
    let clock = clock();
    let client = client(&peer, &clock);
    let (hasty, patient) = (source(&client), source(&client));
    let patient = tokio::spawn(async move { name(&patient).await });
    peer.received(1).await;
    let hasty = tokio::spawn(async move { hasty.token_within(Duration::from_millis(50)).await });
    tokio::task::yield_now().await;
    clock.advance(Duration::from_millis(50));
    assert_eq!(hasty.await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
    peer.release();
    assert_eq!(patient.await.unwrap(), "t1");
}

#[test_support::test]
async fn a_token_is_replaced_in_the_background_while_nobody_waits() {
    let peer = Peer::start([token("t1", 3600), held(token("t2", 3600))]).await;
    let clock = clock();
    let client = client(&peer, &clock);
    let source = source(&client);
    assert_eq!(name(&source).await, "t1");
    // Five minutes ahead, less up to a quarter of them at random.
    clock.advance(Duration::from_secs(3600 - 300 - 1));
    assert_eq!(name(&source).await, "t1");
    assert_eq!(peer.requests().len(), 1);
    clock.advance(Duration::from_secs(75 + 1));
    for _ in 0..10 {
        assert_eq!(name(&source).await, "t1");
    }
    peer.received(2).await;
    peer.release();
    while name(&source).await == "t1" {
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.requests().len(), 2);
}

#[test_support::test]
async fn a_failing_replacement_is_tried_again_only_after_its_pause() {
    let peer = Peer::start([token("t1", 3600), failure(), failure(), token("t2", 3600)]).await;
    let clock = clock();
    let client = client(&peer, &clock);
    let source = source(&client);
    assert_eq!(name(&source).await, "t1");
    clock.advance(Duration::from_secs(3400));
    for expected in 2..=3 {
        for _ in 0..100 {
            assert_eq!(name(&source).await, "t1");
            tokio::task::yield_now().await;
        }
        peer.received(expected).await;
        // Let the failure land before time moves.
        for _ in 0..100 {
            assert_eq!(name(&source).await, "t1");
            tokio::task::yield_now().await;
        }
        assert_eq!(peer.requests().len(), expected);
        clock.advance(Duration::from_secs(5));
    }
    while name(&source).await == "t1" {
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.requests().len(), 4);
}

#[test_support::test]
async fn a_token_is_not_given_out_in_its_last_ten_seconds() {
    let peer = Peer::start([token("t1", 3600), failure(), token("t2", 3600)]).await;
    let clock = clock();
    let client = client(&peer, &clock);
    let source = source(&client);
    assert_eq!(name(&source).await, "t1");
    clock.advance(Duration::from_millis(3_589_999));
    assert_eq!(name(&source).await, "t1");
    peer.received(2).await;
    clock.advance(Duration::from_millis(1));
    // The failed replacement may still be landing; whoever joins it shares its failure.
    while source.token().await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(name(&source).await, "t2");
}

#[test_support::test]
async fn a_token_without_a_lifetime_is_not_kept() {
    let endless = |name: &str| {
        let body = format!(r#"{{"access_token":"{name}","token_type":"bearer"}}"#);
        Act::Write(reply(200, "application/json", &body))
    };
    let peer = Peer::start([endless("t1"), endless("t2")]).await;
    let client = client(&peer, &clock());
    let source = source(&client);
    assert_eq!(name(&source).await, "t1");
    assert_eq!(name(&source).await, "t2");
}

#[test_support::test]
async fn scopes_have_tokens_of_their_own_and_share_them_between_sources() {
    let peer = Peer::start([token("users", 3600), token("apps", 3600)]).await;
    let client = client(&peer, &clock());
    assert_eq!(name(&source(&client)).await, "users");
    assert_eq!(name(&client.token_source(Scopes::parse("okta.apps.read").unwrap())).await, "apps");
    assert_eq!(name(&source(&client.clone())).await, "users");
    let requested: Vec<_> =
        peer.requests().iter().map(|request| request.form("scope").unwrap()).collect();
    assert_eq!(requested, ["okta.users.read", "okta.apps.read"]);
}

#[test_support::test]
async fn an_invalidated_token_is_requested_anew() {
    let peer = Peer::start([token("t1", 3600), token("t2", 3600)]).await;
    let client = client(&peer, &clock());
    let source = source(&client);
    let token = source.token().await.unwrap();
    assert_eq!(token.token().expose(), "t1");
    source.invalidate(&token);
    assert_eq!(name(&source).await, "t2");
}

#[test_support::test]
async fn every_request_carries_an_assertion_of_its_own() {
    let peer = Peer::start([token("t1", 3600), token("t2", 3600)]).await;
    let client = client(&peer, &clock());
    let scopes = Scopes::parse("okta.users.read").unwrap();
    assert_eq!(client.request_token(&scopes).await.unwrap().token_type(), TokenType::Bearer);
    client.request_token(&scopes).await.unwrap();
    let assertions: Vec<_> =
        peer.requests().iter().map(|request| request.form("client_assertion").unwrap()).collect();
    assert_ne!(assertions[0], assertions[1]);
}

#[test_support::test]
async fn an_answer_that_is_no_token_is_malformed() {
    for (name, body) in [
        ("no token", r#"{"token_type":"Bearer","expires_in":3600}"#),
        ("empty token", r#"{"access_token":"","token_type":"Bearer","expires_in":3600}"#),
        ("no type", r#"{"access_token":"s3cret","expires_in":3600}"#),
        ("unknown type", r#"{"access_token":"s3cret","token_type":"mac","expires_in":3600}"#),
        (
            "lifetime as text",
            r#"{"access_token":"s3cret","token_type":"Bearer","expires_in":"3600"}"#,
        ),
        ("negative lifetime", r#"{"access_token":"s3cret","token_type":"Bearer","expires_in":-1}"#),
    ] {
        let peer = Peer::start([Act::Write(reply(200, "application/json", body))]).await;
        let scopes = Scopes::parse("okta.users.read").unwrap();
        let error = client(&peer, &clock()).request_token(&scopes).await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Malformed, "{name}");
        assert!(!crate::support::all_text(&error).contains("s3cret"), "{name}: {error}");
    }
}

#[test_support::test]
async fn a_late_refusal_of_an_old_token_leaves_the_new_one_alone() {
    let refused = || Act::Write(reply(401, "application/json", r#"{"errorCode":"E0000011"}"#));
    let page = || Act::Write(reply(200, "application/json", "[]"));
    let acts = [token("t1", 3600), held(refused()), refused(), token("t2", 3600), page(), page()];
    let peer = Peer::start(acts).await;
    let client = client(&peer, &clock());
    let users = client.resource(Scopes::parse("okta.users.read").unwrap());
    let slow = users.clone();
    let call = ResourceCall::get("/api/v1/users");
    let late = tokio::spawn(async move { slow.call(&ResourceCall::get("/api/v1/users")).await });
    peer.received(2).await;
    assert_eq!(users.call(&call).await.unwrap().status, 200);
    peer.release();
    assert_eq!(late.await.unwrap().unwrap().status, 200);
    let presented: Vec<_> = peer
        .requests()
        .iter()
        .filter_map(|request| request.header("authorization").map(str::to_owned))
        .collect();
    assert_eq!(presented, ["Bearer t1", "Bearer t1", "Bearer t2", "Bearer t2"]);
    let source = source(&client);
    let old = source.token().await.unwrap();
    assert_eq!(old.token().expose(), "t2");
}

#[test_support::test]
async fn a_lifetime_that_cannot_be_is_a_day() {
    let peer = Peer::start([token("t1", u64::MAX), token("t2", 3600)]).await;
    let clock = clock();
    let client = client(&peer, &clock);
    let source = source(&client);
    let token = source.token().await.unwrap();
    assert_eq!(token.lifetime(), Some(Duration::from_secs(24 * 3600)));
    clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(name(&source).await, "t2");
}

#[test_support::test]
async fn a_wait_that_no_clock_can_tell_is_a_wait_without_end() {
    let peer = Peer::start([token("t1", 3600)]).await;
    let client = client(&peer, &clock());
    let token = source(&client).token_within(Duration::MAX).await.unwrap();
    assert_eq!(token.token().expose(), "t1");
}

#[test_support::test]
async fn what_is_wrong_with_a_successful_answer_says_how_it_came() {
    let busy = [("content-type", "text/html"), ("x-okta-request-id", "first")];
    let json = [("content-type", "application/json"), ("x-okta-request-id", "second")];
    let bodies = [
        r#"{"access_token":"s3cret","token_type":"mac"}"#,
        r#"{"access_token":"s3cret","token_type":"Bearer","expires_in":"soon"}"#,
        "{",
    ];
    for body in bodies {
        let acts = [reply_with(503, &busy, "busy"), reply_with(200, &json, body)];
        let peer = Peer::start(acts.map(Act::Write)).await;
        let client = crate::support::builder(&peer.issuer(), &clock()).build().unwrap();
        let scopes = Scopes::parse("okta.users.read").unwrap();
        let error = client.request_token(&scopes).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{body}");
        let attempts = error.attempts().unwrap();
        assert_eq!(attempts.count, 2, "{body}");
        assert_eq!(attempts.request_ids, ["first", "second"], "{body}");
    }
}
