//! A server that fails for a while under many callers: it is left alone, and found again at once.

#![allow(clippy::print_stdout)] // the figures are there to be read

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use okta_introspect::{
    CircuitConfig, Client, Clock, ErrorKind, ManualClock, ResourceCall, RetryConfig, Scopes,
};
use test_support::{Act, Peer, reply};

use crate::support::{builder, clock, run_stepped, start, token};

const OUTAGE: Duration = Duration::from_secs(30);

fn failing() -> Act {
    Act::Write(reply(503, "text/html", "busy"))
}

fn fine() -> Act {
    Act::Write(reply(200, "application/json", r#"{"active":true}"#))
}

/// Asks until there is an answer, waiting between failures as long as the error says.
async fn insist(client: Client, clock: ManualClock) {
    while let Err(error) = client.introspect(&token(), None).await {
        assert_eq!(error.kind(), ErrorKind::ServerFailed);
        let pause = error.retry_after().unwrap_or(Duration::from_secs(1));
        clock.sleep_until(clock.monotonic() + pause).await;
    }
}

#[test_support::test]
async fn an_outage_of_thirty_seconds_costs_few_requests_and_ends_with_one_probe() {
    const CALLERS: usize = 200;
    let clock = ManualClock::stepped(start());
    let time = clock.clone();
    let peer = Peer::by(move || if time.elapsed() < OUTAGE { failing() } else { fine() }).await;
    let client = builder(&peer.issuer(), &clock).build().unwrap();
    run_stepped(&clock, (0..CALLERS).map(|_| insist(client.clone(), clock.clone()))).await;
    let during = peer.requests().len() - CALLERS;
    println!("requests during an outage of 30 s under {CALLERS} callers: {during}");
    // Those that may be under way go out before the first answer has come, then one probe every
    // five seconds.
    let probes = (OUTAGE.as_secs() / 5) as usize + 1;
    assert!(during <= Client::DEFAULT_MAX_IN_FLIGHT + probes, "{during}");
    // Back within one probe of the end.
    assert!(clock.elapsed() <= OUTAGE + Duration::from_secs(5 + 1), "{:?}", clock.elapsed());
}

#[test_support::test]
async fn while_open_calls_fail_at_once_and_say_when_the_next_probe_is() {
    let (peer, clock) = (Peer::always(failing()).await, clock());
    let mut config = CircuitConfig::default();
    config.failures = Some(3);
    let client = builder(&peer.issuer(), &clock).circuit(config).build().unwrap();
    client.introspect(&token(), None).await.unwrap_err();
    assert_eq!(peer.requests().len(), 3);
    let before = clock.elapsed();
    for _ in 0..100 {
        let error = client.introspect(&token(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ServerFailed);
        assert!(error.retry_after().unwrap() <= Duration::from_secs(5));
    }
    assert_eq!((peer.requests().len(), clock.elapsed()), (3, before));
}

#[test_support::test]
async fn one_answer_closes_the_circuit_for_everybody() {
    let (clock, healthy) = (clock(), Arc::new(AtomicBool::new(false)));
    let switch = Arc::clone(&healthy);
    let peer =
        Peer::by(move || if switch.load(Ordering::SeqCst) { fine() } else { failing() }).await;
    let mut config = CircuitConfig::default();
    config.failures = Some(1);
    let client = builder(&peer.issuer(), &clock).circuit(config).build().unwrap();
    client.introspect(&token(), None).await.unwrap_err();
    healthy.store(true, Ordering::SeqCst);
    client.introspect(&token(), None).await.unwrap_err();
    clock.advance(Duration::from_secs(5));
    let sent = peer.requests().len();
    for _ in 0..10 {
        assert!(client.introspect(&token(), None).await.unwrap().active);
    }
    assert_eq!(peer.requests().len(), sent + 10);
}

/// A call of an API that has no token asks for one first, and that is the probe: were the call
/// itself the probe, its own token would be kept from it for ever.
#[test_support::test]
async fn apis_are_found_again_by_a_call_that_has_no_token() {
    let granted = r#"{"access_token":"t1","token_type":"Bearer","expires_in":3600,"scope":"a"}"#;
    let granted = Act::Write(reply(200, "application/json", granted));
    let page = Act::Write(reply(200, "application/json", "[]"));
    let (peer, clock) = (Peer::start([failing(), granted, page]).await, clock());
    let mut config = CircuitConfig::default();
    config.failures = Some(1);
    let client = builder(&peer.issuer(), &clock).circuit(config).retry(RetryConfig::off());
    let users = client.build().unwrap().resource(Scopes::parse("a").unwrap());
    let call = ResourceCall::get("/api/v1/users");
    assert_eq!(users.call(&call).await.unwrap_err().kind(), ErrorKind::ServerFailed);
    assert!(users.call(&call).await.unwrap_err().retry_after().is_some(), "it is left alone");
    assert_eq!(peer.requests().len(), 1);
    clock.advance(Duration::from_secs(5));
    assert_eq!(users.call(&call).await.unwrap().status, 200);
    assert_eq!(peer.requests().len(), 3);
}

#[test_support::test]
async fn refusals_do_not_open_the_circuit() {
    let body = r#"{"error":"invalid_client","error_description":"x"}"#;
    let (peer, clock) =
        (Peer::always(Act::Write(reply(401, "application/json", body))).await, clock());
    let mut config = CircuitConfig::default();
    config.failures = Some(1);
    let client = builder(&peer.issuer(), &clock).circuit(config).build().unwrap();
    for _ in 0..5 {
        assert_eq!(
            client.introspect(&token(), None).await.unwrap_err().kind(),
            ErrorKind::ClientRefused
        );
    }
    assert_eq!(peer.requests().len(), 5);
}

#[test_support::test]
async fn an_api_that_fails_does_not_close_the_others() {
    let granted = r#"{"access_token":"t1","token_type":"Bearer","expires_in":3600,"scope":"a"}"#;
    let granted = Act::Write(reply(200, "application/json", granted));
    let error = Act::Write(reply(500, "application/json", "{}"));
    let page = Act::Write(reply(200, "application/json", "[]"));
    let acts = std::iter::once(granted).chain(vec![error; 10]).chain([fine(), page]);
    let (peer, clock) = (Peer::start(acts).await, clock());
    let client = builder(&peer.issuer(), &clock).retry(RetryConfig::off()).build().unwrap();
    let resource = || client.resource(Scopes::parse("a").unwrap());
    let (users, groups) =
        (ResourceCall::get("/api/v1/users?limit=1"), ResourceCall::get("/api/v1/groups"));
    for _ in 0..10 {
        resource().call(&users).await.unwrap_err();
    }
    assert!(client.introspect(&token(), None).await.unwrap().active);
    assert_eq!(resource().call(&groups).await.unwrap().status, 200);
    let error = resource().call(&users).await.unwrap_err();
    assert!(error.to_string().contains("/api/v1/users"), "{error}");
    assert_eq!(peer.requests().len(), 13, "that one is left alone, through every handle");
}
