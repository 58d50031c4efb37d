//! Staying within a server's rate limit: everything is answered, hardly anything refused, and no
//! time lost. Client and sandbox share one clock, which moves only while everybody waits.

#![allow(clippy::print_stdout)] // the figures are there to be read

use std::sync::Arc;
use std::time::Duration;

use okta_introspect::sandbox::{App, Bucket, RateLimitHeaders, Sandbox};
use okta_introspect::{Algorithm, Client, Endpoint, HttpConfig, ManualClock, SigningKey};

use crate::support::{run_stepped, start, token};

const CALLS: usize = 1000;

/// An org with one app, and so many clients of it that do not know of each other.
async fn org(clock: &ManualClock, clients: usize) -> (Sandbox, Vec<Client>) {
    let keys: Vec<_> = (0..clients)
        .map(|number| {
            SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(Some(number.to_string()))
        })
        .collect();
    let app = keys.iter().fold(App::service("0oa-client"), |app, key| app.key(key.public_jwk()));
    let sandbox = Sandbox::builder().app(app).clock(Arc::new(clock.clone())).start().await.unwrap();
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
