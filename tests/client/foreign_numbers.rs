//! Numbers and times as no server should state them: each in each place that is read. Nothing
//! panics, nobody waits longer than an hour, and the next call goes out.
//!
//! `cargo test --test client foreign -- --nocapture` prints the rows.

#![allow(clippy::print_stdout)] // the rows are there to be read

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use okta_introspect::checker::{Checker, Requirement, Verdict};
use okta_introspect::{Error, ManualClock, Scopes, TokenSource};
use test_support::{Peer, reply_with};

use crate::support::{builder, clock, start, token};

/// The longest that anybody waits by a server's word.
const CAP: Duration = Duration::from_secs(3600);

/// What may stand where a number belongs.
const WRITTEN: [&str; 14] = [
    "0",
    "1",
    "-1",
    "2147483648",
    "9223372036854775807",
    "18446744073709551615",
    "1.5",
    "1e400",
    "soon",
    "",
    "1795211259000",
    "99999999999999999999999999",
    // The first and the last second that a `DateTime` can hold.
    "-8334601228800",
    "8210266876799",
];

/// Dates that can be written and should not be.
const DATES: [&str; 5] = [
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Fri, 20 Nov 2026 21:47:39 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "2026-11-20T21:47:39Z",
];

/// One answer that has been made wrong; all others are as they should be.
struct Case {
    name: &'static str,
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

const INACTIVE: &str = r#"{"active":false}"#;

/// An answer of this status with one header, and everything else as Okta states it.
fn header(name: &'static str, status: u16, value: &str) -> Case {
    let mut headers = vec![
        ("date", start().format("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ("x-rate-limit-limit", "600".to_owned()),
        ("x-rate-limit-remaining", "0".to_owned()),
        ("x-rate-limit-reset", (start().timestamp() + 30).to_string()),
    ];
    headers.retain(|(other, _)| *other != name);
    headers.push((name, value.to_owned()));
    let body = if status == 200 { INACTIVE } else { "{}" }.to_owned();
    Case { name, status, headers, body }
}

/// A member of an active answer.
fn member(name: &'static str, value: &str) -> Case {
    let body = format!(r#"{{"active":true,"{name}":{value}}}"#);
    Case { name, status: 200, headers: Vec::new(), body }
}

fn cases(value: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = [429, 502, 503, 504]
        .into_iter()
        .map(|status| header("retry-after", status, value))
        .collect();
    for name in ["x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset", "date"] {
        cases.extend([200, 429].map(|status| header(name, status, value)));
    }
    cases.extend(["exp", "iat", "nbf", "auth_time"].map(|name| member(name, &as_json(value))));
    cases
}

/// What is no number in JSON is a text.
fn as_json(value: &str) -> String {
    match value.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        true => value.to_owned(),
        false => format!("\"{value}\""),
    }
}

/// A server whose first answer is the case's.
async fn server(case: Case) -> Peer {
    let first = AtomicBool::new(true);
    Peer::answering(move |_| match first.swap(false, Ordering::Relaxed) {
        true => {
            let headers: Vec<_> =
                case.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let headers = [&[("content-type", "application/json")], &headers[..]].concat();
            reply_with(case.status, &headers, &case.body)
        }
        false => reply_with(200, &[("content-type", "application/json")], INACTIVE),
    })
    .await
}

/// Calls until an answer comes, as long after each refusal as it says; returns how long it took.
async fn until_answered(
    clock: &ManualClock,
    call: impl AsyncFn() -> Result<(), Error>,
) -> Duration {
    let begin = clock.elapsed();
    loop {
        let waited = clock.elapsed() - begin;
        assert!(waited <= CAP, "still refused after {waited:?}");
        match call().await {
            Ok(()) => return clock.elapsed() - begin,
            Err(error) => clock.advance(error.retry_after().unwrap_or(Duration::from_secs(1))),
        }
    }
}

#[test_support::test]
async fn the_next_call_goes_out_within_an_hour_whatever_a_number_says() {
    let values = WRITTEN.iter().map(|value| (*value, cases(value)));
    let dates = DATES.iter().map(|date| {
        (
            *date,
            vec![
                header("date", 200, date),
                header("date", 429, date),
                header("retry-after", 503, date),
            ],
        )
    });
    for (value, cases) in values.chain(dates) {
        for case in cases {
            let row = format!("{:<24} {:<4} {value:<30}", case.name, case.status);
            let (peer, clock) = (server(case).await, clock());
            let client = builder(&peer.issuer(), &clock).build().unwrap();
            let first = client.introspect(&token(), None).await;
            let told = match &first {
                Ok(answer) => format!("active {}", answer.active),
                Err(error) => format!("{:?}", error.kind()),
            };
            let stated = first.err().and_then(|error| error.retry_after()).unwrap_or_default();
            assert!(stated <= CAP, "{row}: {stated:?}");
            let sent = peer.requests().len();
            let took = until_answered(&clock, async || {
                client.introspect(&token(), None).await.map(|answer| assert!(!answer.active))
            })
            .await;
            assert_eq!(peer.requests().len(), sent + 1, "{row}");
            println!("{row} {told:<18} next after {took:?}");
        }
    }
}

#[test_support::test]
async fn a_service_token_is_had_whatever_its_lifetime_says() {
    for value in WRITTEN {
        let body = format!(
            r#"{{"access_token":"t1","token_type":"Bearer","expires_in":{}}}"#,
            as_json(value)
        );
        let peer = Peer::answering({
            let first = AtomicBool::new(true);
            move |_| {
                let good = r#"{"access_token":"t2","token_type":"Bearer","expires_in":3600}"#;
                let body = if first.swap(false, Ordering::Relaxed) { body.as_str() } else { good };
                reply_with(200, &[("content-type", "application/json")], body)
            }
        })
        .await;
        let clock = clock();
        let client = builder(&peer.issuer(), &clock).build().unwrap();
        let source = client.token_source(Scopes::parse("a").unwrap());
        let first = source.token().await;
        let told = match &first {
            Ok(token) => format!("lives {:?}", token.lifetime()),
            Err(error) => format!("{:?}", error.kind()),
        };
        if let Ok(token) = first {
            assert!(token.lifetime().is_none_or(|life| life <= Duration::from_secs(24 * 3600)));
        }
        clock.advance(Duration::from_secs(24 * 3600));
        assert_eq!(source.token().await.unwrap().token().expose(), "t2", "{value}");
        println!("expires_in               200  {value:<30} {told}");
    }
}

#[test_support::test]
async fn a_checker_decides_whatever_the_times_of_an_answer_say() {
    for value in WRITTEN {
        for name in ["exp", "iat", "nbf", "auth_time"] {
            let (peer, clock) = (server(member(name, &as_json(value))).await, clock());
            let client = builder(&peer.issuer(), &clock).build().unwrap();
            let checker = Checker::builder(client).clock(clock.clone()).build().unwrap();
            let requirement = Requirement::new().max_age(Duration::from_secs(60));
            let told = match checker.check(crate::support::TOKEN, &requirement).await {
                Ok(Verdict::Authorized(_)) => "let in".to_owned(),
                Ok(Verdict::Denied(denied)) => format!("denied: {:?}", denied.reason()),
                Err(error) => format!("cannot tell: {:?}", error.kind()),
            };
            println!("{name:<10} {value:<30} {told}");
            clock.advance(Duration::from_secs(61));
            let later = checker.check(crate::support::TOKEN, &requirement).await.unwrap();
            assert!(matches!(later, Verdict::Denied(_)), "{name} {value}: no older than its bound");
        }
    }
}
