//! A local clock that is wrong: measured, applied when it has to be, and paid for once.

use chrono::{DateTime, TimeDelta, Utc};
use okta_introspect::sandbox::{App, Sandbox};
use okta_introspect::{Algorithm, Client, ErrorKind, ManualClock, Scopes, SigningKey};
use test_support::{Act, Peer, reply_with};

use crate::support::{clock, start, token};

/// A sandbox whose clock is `ahead` seconds ahead of the client's.
async fn org(ahead: i64) -> (Sandbox, Client, ManualClock) {
    let (key, clock) = (SigningKey::generate(Algorithm::Es256).unwrap(), clock());
    let app = App::service("0oa-client").key(key.public_jwk()).grant("okta.users.read");
    let sandbox = Sandbox::builder().app(app).clock(clock.clone()).start().await.unwrap();
    sandbox.set_clock_offset(TimeDelta::seconds(ahead));
    let client =
        Client::builder(sandbox.issuer(), "0oa-client", key).clock(clock.clone()).build().unwrap();
    (sandbox, client, clock)
}

#[test_support::test]
async fn a_clock_that_is_off_costs_at_most_one_request_in_all() {
    for (ahead, extra) in
        [(0, 0), (5, 0), (-5, 0), (600, 1), (-600, 1), (3600, 1), (-3600, 1), (86_400 * 400, 1)]
    {
        let (sandbox, client, _) = org(ahead).await;
        let token = client.request_token(&Scopes::parse("okta.users.read").unwrap()).await.unwrap();
        assert!(client.introspect(token.token(), None).await.unwrap().active, "{ahead}");
        client.revoke(token.token(), None).await.unwrap();
        assert!(!client.introspect(token.token(), None).await.unwrap().active, "{ahead}");
        assert_eq!(sandbox.requests().len(), 4 + extra, "{ahead}");

        let offset = client.clock_offset().unwrap();
        assert!(
            (offset.millis - ahead * 1000).abs() <= offset.uncertainty_millis,
            "{ahead}: {offset:?}"
        );
        assert_eq!(offset.applied, extra == 1, "{ahead}");
    }
}

#[test_support::test]
async fn a_clock_that_is_mended_is_noticed() {
    let (sandbox, client, clock) = org(600).await;
    let scopes = Scopes::parse("okta.users.read").unwrap();
    client.request_token(&scopes).await.unwrap();
    clock.set_wall(start() + TimeDelta::seconds(600));
    sandbox.set_clock_offset(TimeDelta::zero());
    client.request_token(&scopes).await.unwrap();
    assert!(!client.clock_offset().unwrap().is_significant());
    sandbox.clear_requests();
    client.request_token(&scopes).await.unwrap();
    assert_eq!(sandbox.requests().len(), 1);
}

/// A peer that refuses every assertion for its time, with its clock at `date`.
async fn strict(date: Option<DateTime<Utc>>) -> Peer {
    let date = date.map(|date| date.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(date.as_deref().map(|date| ("date", date)));
    let body = r#"{"error":"invalid_client","error_description":"The client_assertion token is expired."}"#;
    Peer::always(Act::Write(reply_with(401, &headers, body))).await
}

#[test_support::test]
async fn a_server_that_is_never_content_is_tried_twice_and_told_of() {
    for (date, requests) in
        [(Some(start() + TimeDelta::seconds(600)), 2), (Some(start()), 1), (None, 1)]
    {
        let peer = strict(date).await;
        let error =
            crate::support::client(&peer, &clock()).introspect(&token(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ClientRefused);
        assert_eq!(peer.requests().len(), requests, "{date:?}");
        let sent = error.diagnosis().unwrap().sent.clone().unwrap();
        assert_eq!(sent.contains("this computer's clock is 600"), requests == 2, "{sent}");
    }
}
