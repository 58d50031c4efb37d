//! How many requests are under way at once: no more than may be, and no call is forgotten.

use std::time::Duration;

use okta_introspect::{
    CircuitConfig, Client, ClientBuilder, ErrorKind, HttpConfig, ResourceCall, RetryConfig, Scopes,
    TokenCacheConfig,
};
use test_support::{Act, Peer, reply};
use tokio::task::JoinHandle;

use crate::support::{builder, clock, settle, token};

fn active() -> Vec<u8> {
    reply(200, "application/json", r#"{"active":true}"#)
}

fn ask(client: &Client) -> JoinHandle<bool> {
    let client = client.clone();
    tokio::spawn(async move { client.introspect(&token(), None).await.unwrap().active })
}

#[test_support::test]
async fn no_more_are_under_way_than_okta_serves_one_app() {
    const CALLERS: usize = 200;
    // Half of the 75 that it serves an org.
    const SERVED: usize = 37;
    let (peer, clock) = (Peer::always(Act::Hold(active())).await, clock());
    let client = builder(&peer.issuer(), &clock).build().unwrap();
    let callers: Vec<_> = (0..CALLERS).map(|_| ask(&client)).collect();
    peer.received(Client::DEFAULT_MAX_IN_FLIGHT).await;
    settle().await;
    assert_eq!(peer.requests().len(), Client::DEFAULT_MAX_IN_FLIGHT);
    const { assert!(Client::DEFAULT_MAX_IN_FLIGHT <= SERVED) };
    peer.release();
    for caller in callers {
        assert!(caller.await.unwrap());
    }
    assert_eq!(peer.requests().len(), CALLERS);
}

#[test_support::test]
async fn a_cancelled_call_gives_its_place_back() {
    let acts = [Act::Silence, Act::Hold(active()), Act::Write(active())];
    let (peer, clock) = (Peer::start(acts).await, clock());
    let client = builder(&peer.issuer(), &clock).max_in_flight(1).build().unwrap();
    let sent = ask(&client);
    peer.received(1).await;
    let (next, waiting, last) = (ask(&client), ask(&client), ask(&client));
    settle().await;
    assert_eq!(peer.requests().len(), 1);
    sent.abort();
    peer.received(2).await;
    waiting.abort();
    peer.release();
    assert!(next.await.unwrap() && last.await.unwrap());
    assert_eq!(peer.requests().len(), 3);
}

#[test_support::test]
async fn a_call_that_gets_no_place_in_time_gives_up() {
    let (peer, clock) = (Peer::always(Act::Silence).await, clock());
    let client = builder(&peer.issuer(), &clock).max_in_flight(1).build().unwrap();
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.introspect(&token(), None).await.unwrap_err() })
        })
        .collect();
    peer.received(1).await;
    settle().await;
    clock.advance(Duration::from_secs(20));
    for caller in callers {
        assert_eq!(caller.await.unwrap().kind(), ErrorKind::TimedOut);
    }
}

#[test_support::test]
async fn the_token_for_an_api_needs_no_second_place() {
    let granted = r#"{"access_token":"t1","token_type":"Bearer","expires_in":3600,"scope":"a"}"#;
    let answers = [granted, "[]"].map(|body| Act::Write(reply(200, "application/json", body)));
    let (peer, clock) = (Peer::start(answers).await, clock());
    let client = builder(&peer.issuer(), &clock).max_in_flight(1).build().unwrap();
    let users = client.resource(Scopes::parse("a").unwrap());
    assert_eq!(users.call(&ResourceCall::get("/api/v1/users")).await.unwrap().status, 200);
}

#[test_support::test]
async fn a_number_out_of_bounds_is_refused() {
    let with = |requests| {
        builder("http://127.0.0.1:1", &clock()).max_in_flight(requests).build().map(drop)
    };
    for requests in [0, 10_001, usize::MAX] {
        let error = with(requests).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(&requests.to_string()), "{error}");
    }
    for requests in [1, 10_000] {
        with(requests).unwrap();
    }
}

#[test_support::test]
async fn spans_out_of_bounds_are_refused_when_the_client_is_built() {
    type Set = fn(ClientBuilder, Duration) -> ClientBuilder;
    macro_rules! set {
        ($config:ident, $setter:ident, $field:ident) => {
            (stringify!($field), |builder, span| {
                let mut config = $config::default();
                config.$field = span;
                builder.$setter(config)
            })
        };
    }
    let (ms, hour) = (Duration::from_millis(1), Duration::from_secs(3600));
    let zero = Duration::ZERO;
    let settings: [((&str, Set), Duration, Duration); 8] = [
        (set!(HttpConfig, http, timeout), ms, hour),
        (set!(HttpConfig, http, connect_timeout), ms, hour),
        (set!(RetryConfig, retry, base_pause), zero, hour),
        (set!(RetryConfig, retry, max_pause), zero, hour),
        (set!(CircuitConfig, circuit, probe_after), ms, hour),
        (set!(TokenCacheConfig, token_cache, refresh_ahead), zero, 24 * hour),
        (set!(TokenCacheConfig, token_cache, min_remaining), zero, hour),
        (set!(TokenCacheConfig, token_cache, pause_after_failure), zero, hour),
    ];
    for ((name, set), min, max) in settings {
        let with = |span| set(builder("http://127.0.0.1:1", &clock()), span).build().map(drop);
        for span in [min, max] {
            with(span).unwrap_or_else(|error| panic!("{name} {span:?}: {error}"));
        }
        let below = min.checked_sub(Duration::from_nanos(1));
        for span in below.into_iter().chain([max + Duration::from_nanos(1), Duration::MAX]) {
            let error = with(span).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Configuration, "{name} {span:?}");
        }
    }
    let mut circuit = CircuitConfig::default();
    circuit.failures = Some(0);
    let error = builder("http://127.0.0.1:1", &clock()).circuit(circuit).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}
