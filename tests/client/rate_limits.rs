//! Staying within a server's rate limit: everything is answered, hardly anything refused, and no
//! time lost. Client and sandbox share one clock, which moves only while everybody waits.

#![allow(clippy::print_stdout)] // the figures are there to be read

use std::time::Duration;

use okta_introspect::sandbox::{App, Bucket, RateLimitHeaders, Sandbox};
use okta_introspect::{
    Algorithm, Client, Endpoint, Error, ErrorKind, HttpConfig, ManualClock, RateWindows,
    ResourceCall, Scopes, SigningKey,
};
use test_support::{Act, Peer, reply_with};

use crate::support::{builder, clock, run_stepped, start, token};

const CALLS: usize = 1000;

/// An org with one app, and so many clients of it that do not know of each other.
async fn org(clock: &ManualClock, clients: usize) -> (Sandbox, Vec<Client>) {
    let keys: Vec<_> = (0..clients)
        .map(|number| {
            SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some(number.to_string()))
        })
        .collect();
    let app = keys.iter().fold(App::service("0oa-client"), |app, key| app.key(key.public_jwk()));
    let sandbox = Sandbox::builder().app(app).clock(clock.clone()).start().await.unwrap();
    // The app may use half of the org's limit.
    sandbox.set_rate_limit(Bucket::Org, Some(1200));
    let mut http = HttpConfig::default();
    http.timeout = Duration::from_secs(300);
    let client = |key| {
        Client::builder(sandbox.issuer(), "0oa-client", key).clock(clock.clone()).http(http.clone())
    };
    let clients = keys.into_iter().map(|key| client(key).build().unwrap()).collect();
    (sandbox, clients)
}

/// Makes the calls by so many workers, who share the clients among them.
async fn work(clients: &[Client], clock: &ManualClock, workers: usize) {
    let worker = |number: usize| {
        let client = clients[number % clients.len()].clone();
        let calls = CALLS / workers + usize::from(number < CALLS % workers);
        async move {
            for _ in 0..calls {
                let answer =
                    client.introspect(&token(), None).await.expect("every call is answered");
                assert!(!answer.active);
            }
        }
    };
    run_stepped(clock, (0..workers).map(worker)).await;
}

fn refused(sandbox: &Sandbox) -> usize {
    sandbox.requests().iter().filter(|request| request.status() == 429).count()
}

#[test_support::test]
async fn a_thousand_calls_at_six_hundred_a_minute_lose_no_time_and_meet_no_refusal() {
    for (workers, headers) in [
        (1, RateLimitHeaders::Tightest),
        (16, RateLimitHeaders::Tightest),
        (64, RateLimitHeaders::Each),
        (1000, RateLimitHeaders::Tightest),
    ] {
        let clock = ManualClock::stepped(start());
        let (sandbox, clients) = org(&clock, 1).await;
        sandbox.set_rate_limit_headers(headers);
        work(&clients, &clock, workers).await;
        let refused = refused(&sandbox);
        // 600 in the first minute, 400 in the second: the last is answered as soon as it begins.
        let ideal = 60.0;
        let took = clock.elapsed().as_secs_f64();
        println!(
            "{workers:>4} workers: {took:.1} s ({:.3} of the ideal), {refused} answers of 429",
            took / ideal
        );
        assert!(took <= ideal * 1.05, "{workers} workers took {took} s");
        assert_eq!(refused, 0, "{workers} workers");
        assert_eq!(clients[0].rate_limit(Endpoint::Introspection).unwrap().limit, 600);
        assert_eq!(clients[0].rate_limit(Endpoint::Token), None);
    }
}

#[test_support::test]
async fn clients_that_do_not_know_of_each_other_meet_few_refusals() {
    const WORKERS: usize = 8;
    let clock = ManualClock::stepped(start());
    let (sandbox, clients) = org(&clock, 2).await;
    work(&clients, &clock, WORKERS).await;
    let (took, refused) = (clock.elapsed().as_secs_f64(), refused(&sandbox));
    println!("2 clients with {WORKERS} workers: {took:.1} s, {refused} answers of 429");
    assert!(took <= 60.0 * 1.05, "{took}");
    assert!(
        refused <= WORKERS,
        "at most what was in flight when the window was used up: {refused}"
    );
}

/// An answer which says that so many requests are left of 600, for so long.
fn stating(status: u16, remaining: &str, reset_in: i64, body: &str) -> Act {
    let reset = (start().timestamp() + reset_in).to_string();
    let date = start().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let headers = [
        ("content-type", "application/json"),
        ("date", &date),
        ("x-rate-limit-limit", "600"),
        ("x-rate-limit-remaining", remaining),
        ("x-rate-limit-reset", &reset),
    ];
    Act::Write(reply_with(status, &headers, body))
}

const INACTIVE: &str = r#"{"active":false}"#;
const GRANTED: &str = r#"{"access_token":"t1","token_type":"Bearer","expires_in":3600}"#;

fn assert_held_back<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
    assert_eq!(error.attempts().unwrap().count, 0, "nothing was sent: {error}");
}

#[test_support::test]
async fn introspection_and_revocation_count_together_and_tokens_apart() {
    let acts = [stating(200, "0", 60, INACTIVE), stating(200, "1", 60, GRANTED)];
    let (peer, clock) = (Peer::start(acts).await, clock());
    let client = builder(&peer.issuer(), &clock).build().unwrap();
    client.introspect(&token(), None).await.unwrap();
    assert_held_back(client.revoke(&token(), None).await);
    assert_eq!(client.rate_limit(Endpoint::Revocation), client.rate_limit(Endpoint::Introspection));
    client.request_token(&Scopes::parse("a").unwrap()).await.unwrap();
}

#[test_support::test]
async fn all_handles_of_one_client_count_together() {
    let acts = [stating(200, "9", 60, GRANTED), stating(200, "0", 60, "[]")];
    let (peer, clock) = (Peer::start(acts).await, clock());
    let client = builder(&peer.issuer(), &clock).build().unwrap();
    let users = || client.resource(Scopes::parse("a").unwrap());
    users().call(&ResourceCall::get("/api/v1/users")).await.unwrap();
    assert_held_back(users().call(&ResourceCall::get("/api/v1/users/00u1")).await);
}

#[test_support::test]
async fn custom_servers_count_together_where_their_clients_share_windows() {
    let acts = [stating(200, "0", 60, INACTIVE), stating(200, "0", 60, INACTIVE)];
    let (peer, clock) = (Peer::start(acts).await, clock());
    let windows = RateWindows::default();
    let client = |path: &str, windows: &RateWindows| {
        let issuer = format!("{}{path}", peer.issuer());
        builder(&issuer, &clock).rate_windows(windows.clone()).build().unwrap()
    };
    client("/oauth2/a", &windows).introspect(&token(), None).await.unwrap();
    assert_held_back(client("/oauth2/b", &windows).introspect(&token(), None).await);
    // The org server has a bucket of its own.
    client("", &windows).introspect(&token(), None).await.unwrap();
}

#[test_support::test]
async fn a_window_that_no_server_has_holds_nothing_back() {
    for reset_in in [301, 24 * 3600, 1_795_211_259_000] {
        let acts = [stating(200, "0", reset_in, INACTIVE), stating(200, "9", 60, INACTIVE)];
        let (peer, clock) = (Peer::start(acts).await, clock());
        let client = builder(&peer.issuer(), &clock).build().unwrap();
        for _ in 0..2 {
            client.introspect(&token(), None).await.unwrap();
        }
        assert_eq!(client.rate_limit(Endpoint::Introspection).unwrap().remaining, 9, "{reset_in}");
        assert_eq!(clock.elapsed(), Duration::ZERO, "{reset_in}");
    }
}

#[test_support::test]
async fn after_a_minute_one_request_goes_out_whatever_was_said() {
    let acts = [stating(200, "0", 240, INACTIVE), stating(200, "9", 60, INACTIVE)];
    let (peer, clock) = (Peer::start(acts).await, clock());
    let client = builder(&peer.issuer(), &clock).build().unwrap();
    client.introspect(&token(), None).await.unwrap();
    assert_held_back(client.introspect(&token(), None).await);
    clock.advance(Duration::from_secs(60));
    client.introspect(&token(), None).await.unwrap();
    assert_eq!(client.rate_limit(Endpoint::Introspection).unwrap().remaining, 9);
}

#[test_support::test]
async fn waits_that_no_clock_can_tell_are_an_hour() {
    for status in [429, 502, 503, 504] {
        for value in ["9223372036854775807", "18446744073709551615", "99999999999999999999999"] {
            let headers = [("content-type", "application/json"), ("retry-after", value)];
            let (peer, clock) =
                (Peer::start([Act::Write(reply_with(status, &headers, "{}"))]).await, clock());
            let client = builder(&peer.issuer(), &clock).build().unwrap();
            let error = client.introspect(&token(), None).await.unwrap_err();
            assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)), "{status} {value}");
        }
    }
}
