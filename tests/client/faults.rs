//! The fault matrix: every fault a network can produce, what comes of it, how many requests were
//! made, and that no secret leaked. Time is injected throughout.
//!
//! `cargo test --test client faults -- --nocapture` prints the rows.

#![allow(clippy::print_stdout)] // the rows are there to be read

use std::time::Duration;

use okta_introspect::{
    CachedTokenSource, Client, Error, ErrorKind, Introspection, ManualClock, Scopes, TokenSource,
};
use test_support::{Act, Peer, reply, reply_with};

use crate::support::{all_text, assert_no_secrets, builder, clock, start, token};

const JSON: &str = "application/json";
const ACTIVE: &str = r#"{"active":true}"#;

/// Always the upper end.
#[derive(Debug)]
struct Highest;

impl okta_introspect::Random for Highest {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    fn fraction(&self) -> f64 {
        1.0
    }
}

#[test_support::test]
async fn pauses_are_exact_to_the_millisecond() {
    let peer = Peer::start([
        Act::Write(reply(503, JSON, "{}")),
        Act::Write(reply_with(503, &[("retry-after", "7")], "")),
        Act::Write(reply(200, JSON, ACTIVE)),
    ])
    .await;
    let clock = clock();
    let client = builder(&peer.issuer(), &clock).random(Highest).build().unwrap();
    assert!(client.introspect(&token(), None).await.unwrap().active);
    assert_eq!(clock.slept(), [Duration::from_millis(250), Duration::from_millis(7500)]);
}

/// A client with the default settings for repeating.
fn client(peer: &Peer, clock: &ManualClock) -> Client {
    builder(&peer.issuer(), clock).build().unwrap()
}

/// The end of a row: what came of it, and after how many requests.
fn row(
    name: &str,
    peer: &Peer,
    result: &Result<Introspection, Error>,
    outcome: Option<ErrorKind>,
    requests: usize,
) {
    let seen = peer.requests();
    match result {
        Ok(answer) => assert!(answer.active, "{name}"),
        Err(error) => {
            assert_no_secrets(&all_text(error), peer, name);
            let attempts = error.attempts().map_or(1, |attempts| attempts.count);
            assert_eq!(attempts as usize, requests, "{name}: {error}");
        }
    }
    assert_eq!(result.as_ref().err().map(Error::kind), outcome, "{name}: {result:?}");
    assert_eq!(seen.len(), requests, "{name}: {result:?}");
    let mut assertions: Vec<_> =
        seen.iter().filter_map(|request| request.form("client_assertion")).collect();
    let sent = assertions.len();
    assertions.sort();
    assertions.dedup();
    assert_eq!(assertions.len(), sent, "{name}: every attempt has an assertion of its own");
    let words = outcome.map_or_else(|| "answered".to_owned(), |kind| format!("{kind:?}"));
    println!("{name:<44} {words:<16} {requests}");
}

async fn always(name: &str, act: Act, outcome: Option<ErrorKind>, requests: usize) {
    let peer = Peer::always(act).await;
    let result = client(&peer, &clock()).introspect(&token(), None).await;
    row(name, &peer, &result, outcome, requests);
}

#[test_support::test]
async fn connections_that_fail() {
    let whole = reply(200, JSON, ACTIVE);
    let part = whole[..whole.len() - 4].to_vec();
    let unreachable = Some(ErrorKind::Unreachable);
    always("reset before the answer", Act::ResetAtOnce, unreachable, 3).await;
    always("closed before the answer", Act::Write(Vec::new()), unreachable, 3).await;
    always("reset during the answer", Act::WriteAndReset(part.clone()), unreachable, 3).await;
    always("truncated answer", Act::Write(part), unreachable, 3).await;
    always("reset after the answer", Act::WriteAndReset(whole.clone()), None, 1).await;

    for (name, act) in [
        ("one reset, then an answer", Act::ResetAtOnce),
        ("one truncated answer, then a whole one", Act::Write(whole[..40].to_vec())),
        ("one 503, then an answer", Act::Write(reply(503, "text/html", "busy"))),
    ] {
        let peer = Peer::start([act, Act::Write(whole.clone())]).await;
        let result = client(&peer, &clock()).introspect(&token(), None).await;
        row(name, &peer, &result, None, 2);
    }
}

#[test_support::test]
async fn hosts_that_cannot_be_reached() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // A label of 64 characters cannot be looked up, so the resolver refuses without asking anybody.
    let nowhere = format!("https://{}.invalid", "a".repeat(64));
    for (name, issuer) in [("refused", format!("http://{closed}")), ("DNS failure", nowhere)] {
        let clock = clock();
        let client = builder(&issuer, &clock).build().unwrap();
        let error = client.introspect(&token(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{name}: {error}");
        assert_eq!(error.attempts().unwrap().count, 3, "{name}");
        assert_eq!(clock.slept().len(), 2, "{name}");
        println!("{name:<44} {:<16} 3 attempts, none arrived", "Unreachable");
    }
}

#[test_support::test]
async fn answers_that_are_none() {
    let malformed = Some(ErrorKind::Malformed);
    let bomb = [("content-type", JSON), ("content-encoding", "gzip")];
    let zeros = "\u{1f}\u{8b}\u{8}".to_owned() + &"\0".repeat(1000);
    always("gzip bomb, never unpacked", Act::Write(reply_with(200, &bomb, &zeros)), malformed, 1)
        .await;
    let large = format!(r#"{{"active":true,"x":"{}"}}"#, "x".repeat(10_000_000));
    always("10 MB", Act::Write(reply(200, JSON, &large)), malformed, 1).await;
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {JSON}\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    always("10 MB of undeclared length", Act::Write(chunked.into_bytes()), malformed, 1).await;
    always("HTML", Act::Write(reply(200, "text/html", "<html>Sign In</html>")), malformed, 1).await;
    always("204", Act::Write(reply(204, JSON, "")), malformed, 1).await;
}

#[test_support::test]
async fn redirects_are_never_followed() {
    let other = Peer::start([]).await;
    for status in [301, 302, 307, 308] {
        for (name, location) in [
            ("same host", "/oauth2/v1/elsewhere".to_owned()),
            ("other host", format!("{}/oauth2/v1/introspect", other.issuer())),
        ] {
            let act = Act::Write(reply_with(status, &[("location", &location)], ""));
            always(&format!("{status} to the {name}"), act, Some(ErrorKind::Malformed), 1).await;
        }
    }
    assert!(other.requests().is_empty());
}

#[test_support::test]
async fn statuses_in_both_error_shapes() {
    use ErrorKind::{
        ClientRefused, Malformed, RateLimited, RequestRefused, ServerFailed, TimedOut,
    };
    let oauth = |code: &str| format!(r#"{{"error":"{code}","error_description":"d"}}"#);
    let api = |code: &str| {
        format!(
            r#"{{"errorCode":"{code}","errorSummary":"s","errorLink":"{code}","errorId":"i","errorCauses":[]}}"#
        )
    };
    for (status, in_oauth, oauth_kind, in_api, api_kind, requests) in [
        (400, "invalid_request", RequestRefused, "E0000003", RequestRefused, 1),
        (401, "invalid_client", ClientRefused, "E0000004", ClientRefused, 1),
        (403, "access_denied", RequestRefused, "E0000006", RequestRefused, 1),
        (404, "invalid_request", Malformed, "E0000007", Malformed, 1),
        (408, "invalid_request", TimedOut, "E0000009", TimedOut, 1),
        (413, "invalid_request", RequestRefused, "E0000003", RequestRefused, 1),
        (429, "invalid_grant", RateLimited, "E0000047", RateLimited, 3),
        (500, "server_error", ServerFailed, "E0000009", ServerFailed, 1),
        (502, "server_error", ServerFailed, "E0000009", ServerFailed, 3),
        (503, "temporarily_unavailable", ServerFailed, "E0000010", ServerFailed, 3),
        (504, "server_error", ServerFailed, "E0000009", ServerFailed, 3),
    ] {
        always(
            &format!("{status} in OAuth's shape"),
            Act::Write(reply(status, JSON, &oauth(in_oauth))),
            Some(oauth_kind),
            requests,
        )
        .await;
        always(
            &format!("{status} in the API's shape"),
            Act::Write(reply(status, JSON, &api(in_api))),
            Some(api_kind),
            requests,
        )
        .await;
    }
    let overload = Act::Write(reply(400, JSON, &oauth("temporarily_unavailable")));
    always("400 temporarily_unavailable", overload, Some(ServerFailed), 3).await;
}

#[test_support::test]
async fn throttling_waits_by_the_servers_clock() {
    let body = r#"{"errorCode":"E0000047","errorSummary":"s"}"#;
    // The server's clock is an hour ahead of ours; only its own words count.
    let date = "Fri, 20 Nov 2026 22:47:39 GMT";
    let server_now = start().timestamp() + 3600;
    let at = |seconds: i64| (server_now + seconds).to_string();
    let throttled = |limit: &str, remaining: &str, reset: &str| {
        let headers = [
            ("content-type", JSON),
            ("date", date),
            ("x-rate-limit-limit", limit),
            ("x-rate-limit-remaining", remaining),
            ("x-rate-limit-reset", reset),
        ];
        Act::Write(reply_with(429, &headers, body))
    };
    let plain = |headers: &[(&str, &str)]| Act::Write(reply_with(429, headers, body));
    let several = format!("{}, {}", at(5), at(9));
    for (name, act, least, most) in [
        ("429, reset in 10 s", throttled("600", "0", &at(10)), 11.0, 11.5),
        ("429, reset in the past", throttled("600", "0", &at(-30)), 1.0, 1.5),
        ("429, several values: the tightest", throttled("1200, 600", "3, 0", &several), 10.0, 10.5),
        ("429 for concurrency: no window to wait for", throttled("0", "0", &at(10)), 0.0, 0.25),
        ("429 without headers", plain(&[("content-type", JSON)]), 1.0, 1.25),
        (
            "429 with Retry-After in seconds",
            plain(&[("content-type", JSON), ("retry-after", "7")]),
            7.0,
            7.25,
        ),
        (
            "429 with Retry-After as a date",
            plain(&[
                ("content-type", JSON),
                ("date", date),
                ("retry-after", "Fri, 20 Nov 2026 22:47:44 GMT"),
            ]),
            6.0,
            6.25,
        ),
        ("429 with headers that make no sense", throttled("many", "-1", "soon"), 1.0, 1.25),
        (
            "429 with a Retry-After that makes no sense",
            plain(&[("content-type", JSON), ("retry-after", "soon")]),
            1.0,
            1.25,
        ),
        (
            "429, reset after a day: no window lasts so long",
            throttled("600", "0", &at(86_400)),
            1.0,
            1.25,
        ),
    ] {
        let peer = Peer::start([act, Act::Write(reply(200, JSON, ACTIVE))]).await;
        let clock = clock();
        let result = client(&peer, &clock).introspect(&token(), None).await;
        row(name, &peer, &result, None, 2);
        let waited = clock.elapsed().as_secs_f64();
        assert!((least..=most).contains(&waited), "{name}: waited {waited} s");
    }

    // Longer than the call may take: no use waiting, so the caller learns at once how long.
    let peer = Peer::start([throttled("600", "0", &at(240))]).await;
    let clock = clock();
    let result = client(&peer, &clock).introspect(&token(), None).await;
    row("429, reset far in the future", &peer, &result, Some(ErrorKind::RateLimited), 1);
    assert_eq!(result.unwrap_err().retry_after(), Some(Duration::from_secs(241)));
    assert_eq!(clock.elapsed(), Duration::ZERO);
}

#[test_support::test]
async fn servers_that_do_not_answer() {
    for (name, act) in [
        ("half-open: no answer", Act::Silence),
        ("answers after the deadline", Act::Hold(reply(200, JSON, ACTIVE))),
    ] {
        let (peer, clock) = (Peer::start([act]).await, clock());
        let slow = client(&peer, &clock);
        let call = tokio::spawn(async move { slow.introspect(&token(), None).await });
        peer.received(1).await;
        clock.advance(Duration::from_secs(20));
        let result = call.await.unwrap();
        row(name, &peer, &result, Some(ErrorKind::TimedOut), 1);
        peer.release();
    }

    let (peer, clock) = (Peer::start([Act::Drip(reply(200, JSON, ACTIVE))]).await, clock());
    let slow = client(&peer, &clock);
    let call = tokio::spawn(async move { slow.introspect(&token(), None).await });
    peer.received(1).await;
    for _ in 0..19 {
        peer.drip();
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
        assert!(!call.is_finished());
    }
    clock.advance(Duration::from_secs(1));
    let result = call.await.unwrap();
    row("slow drip", &peer, &result, Some(ErrorKind::TimedOut), 1);
}

#[test_support::test]
async fn a_repeat_tells_okta_which_request_it_repeats() {
    let busy = |id: &str| {
        Act::Write(reply_with(503, &[("content-type", JSON), ("x-okta-request-id", id)], "{}"))
    };
    let peer = Peer::start([busy("first"), busy("second"), busy("third")]).await;
    let clock = clock();
    let error = client(&peer, &clock).introspect(&token(), None).await.unwrap_err();
    let marks: Vec<_> = peer
        .requests()
        .iter()
        .map(|request| {
            (
                request.header("x-okta-retry-for").map(str::to_owned),
                request.header("x-okta-retry-count").map(str::to_owned),
            )
        })
        .collect();
    let first = || Some("first".to_owned());
    assert_eq!(
        marks,
        [(None, None), (first(), Some("1".to_owned())), (first(), Some("2".to_owned()))]
    );
    let attempts = error.attempts().unwrap();
    assert_eq!(
        (attempts.count, attempts.request_ids.join(" ").as_str()),
        (3, "first second third")
    );
    assert_eq!(attempts.elapsed, clock.elapsed());
    assert!(error.to_string().contains("after 3 attempts"), "{error}");
}

#[test_support::test]
async fn a_cancelled_caller_takes_nothing_from_those_who_wait() {
    let granted =
        reply(200, JSON, r#"{"access_token":"t1","token_type":"Bearer","expires_in":3600}"#);
    let (peer, clock) = (Peer::start([Act::Hold(granted)]).await, clock());
    let source = source(&client(&peer, &clock));
    let mut callers: Vec<_> = (0..10)
        .map(|_| {
            let source = source.clone();
            tokio::spawn(async move { source.token().await.is_ok() })
        })
        .collect();
    peer.received(1).await;
    callers.remove(0).abort();
    peer.release();
    for caller in callers {
        assert!(caller.await.unwrap());
    }
    assert_eq!(peer.requests().len(), 1);
    println!("{:<44} {:<16} 1", "cancelled caller while others wait", "answered");
}

#[test]
fn a_runtime_that_stops_in_mid_call_leaves_nobody_waiting() {
    let outer =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let inner =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let peer = outer.block_on(Peer::start([Act::Silence]));
    let clock = clock();
    let source = source(&client(&peer, &clock));
    // The request runs on the inner runtime, and somebody on the outer one waits for it.
    let (leader, follower) = (source.clone(), source);
    inner.spawn(async move { leader.token().await.map(drop) });
    outer.block_on(peer.received(1));
    let mut waiting = follower.token();
    outer.block_on(std::future::poll_fn(|cx| {
        assert!(waiting.as_mut().poll(cx).is_pending());
        std::task::Poll::Ready(())
    }));
    inner.shutdown_background();
    let error = outer.block_on(waiting).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    println!("{:<44} {:<16} 1", "process asked to stop in mid-call", "Unreachable");
}

fn source(client: &Client) -> CachedTokenSource {
    client.token_source(Scopes::parse("okta.users.read").unwrap())
}
