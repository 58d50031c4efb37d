//! What goes wrong in the sandbox on purpose.

use std::io::{ErrorKind, Read as _};
use std::time::Duration;

use flate2::read::GzDecoder;
use okta_introspect::sandbox::{Bucket, Fault, Grant, Reset, Times};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::org::{Answer, CLIENT, Org, form_request};

const TOKEN: &str = "/oauth2/v1/token";
const INTROSPECT: &str = "/oauth2/v1/introspect";
const MANY: usize = 3_000_000;

/// Sends a good introspection request over a connection of its own, and reads until its end:
/// what came, and how it ended.
async fn raw(org: &Org) -> (String, Result<(), ErrorKind>) {
    let body = serde_urlencoded::to_string(org.form(INTROSPECT, &[("token", "x")])).unwrap();
    let mut stream = TcpStream::connect(org.sandbox.address()).await.unwrap();
    let head = format!(
        "POST {INTROSPECT} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
        org.sandbox.address(),
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut received = Vec::new();
    let end = loop {
        match stream.read_buf(&mut received).await {
            Ok(0) => break Ok(()),
            Ok(_) => {}
            Err(error) => break Err(error.kind()),
        }
    };
    (String::from_utf8(received).unwrap(), end)
}

#[test_support::test]
async fn other_answers_replace_the_right_one_and_the_server_does_not_act() {
    let org = Org::start().await;
    let cases = [
        ("OAuth", Fault::oauth(503, "temporarily_unavailable"), 503, r#""error":"temporarily"#),
        ("API", Fault::api(500, "E0000009"), 500, r#""errorCode":"E0000009""#),
        ("web page", Fault::html(502), 502, "<!DOCTYPE html>"),
        ("no body", Fault::empty(408), 408, ""),
        ("no content", Fault::empty(204), 204, ""),
        ("redirect", Fault::redirect(307, "https://other.example/"), 307, ""),
    ];
    for (name, fault, status, beginning) in cases {
        let form = org.form(INTROSPECT, &[("token", "x")]);
        let send = async || {
            let client = reqwest::Client::builder().no_proxy();
            let client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
            Answer::of(form_request(client.post(org.url(INTROSPECT)), &form)).await
        };
        org.sandbox.faults().inject(fault.clone(), Times::Once);
        let answer = send().await;
        assert_eq!(answer.status, status, "{name}");
        assert!(answer.text.contains(beginning), "{name}: {}", answer.text);
        assert_eq!(send().await.status, 200, "{name}: the assertion is as good as new");
        org.sandbox.faults().inject(fault.acting_first(true), Times::Once);
        assert_eq!(send().await.status, status, "{name}");
    }
    let statuses: Vec<u16> = org.sandbox.requests().iter().map(|r| r.status()).collect();
    assert_eq!(&statuses[..6], [503, 200, 503, 500, 200, 500]);
}

#[test_support::test]
async fn a_server_that_acts_first_uses_the_assertion_up() {
    let org = Org::start().await;
    let form = org.form(INTROSPECT, &[("token", "x")]);
    let send = async || Answer::of(form_request(org.http.post(org.url(INTROSPECT)), &form)).await;
    org.sandbox.faults().inject(Fault::html(504).acting_first(true), Times::Once);
    assert_eq!(send().await.status, 504);
    let used = "The client_assertion token has already been used.";
    assert_eq!(send().await.member("error_description"), used);
}

#[test_support::test]
async fn the_right_answer_can_be_spoilt() {
    let org = Org::start().await;
    let answer = async |fault: Fault| {
        org.sandbox.faults().inject(fault, Times::Once);
        org.introspect(INTROSPECT, "x").await
    };
    let wrong_type = answer(Fault::content_type("text/plain")).await;
    assert_eq!(wrong_type.header("content-type"), "text/plain");
    assert_eq!(wrong_type.text, r#"{"active":false}"#);
    for value in [json!("true"), json!(1), json!(null)] {
        assert_eq!(answer(Fault::active(value.clone())).await.json()["active"], value);
    }
    for (fault, announced) in [(Fault::huge(MANY), true), (Fault::huge(MANY).unannounced(), false)]
    {
        let huge = answer(fault).await;
        assert_eq!(huge.headers.contains_key("content-length"), announced);
        assert_eq!(huge.json()["filler"].as_str().unwrap().len(), MANY);
    }
    let wait = answer(Fault::api(429, "E0000047").header("x-rate-limit-reset", "1")).await;
    assert_eq!(wait.header("x-rate-limit-reset"), "1");
}

#[test_support::test]
async fn gzip_comes_unasked() {
    let org = Org::start().await;
    for (fault, length) in [(Fault::gzip(), 16), (Fault::gzip_bomb(MANY), MANY)] {
        org.sandbox.faults().inject(fault, Times::Once);
        let form = org.form(INTROSPECT, &[("token", "x")]);
        let request = form_request(org.http.post(org.url(INTROSPECT)), &form);
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let packed = response.bytes().await.unwrap();
        assert!(packed.len() < 10_000);
        let mut unpacked = String::new();
        GzDecoder::new(&packed[..]).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked.len(), length);
        let value: Value = serde_json::from_str(&unpacked).unwrap();
        assert_eq!(value["active"], false);
    }
}

#[test_support::test]
async fn connections_end_where_they_should() {
    let org = Org::start().await;
    let cases = [
        ("before", Fault::reset(Reset::BeforeAnswer), "", Err(ErrorKind::ConnectionReset), 0),
        (
            "during",
            Fault::reset(Reset::DuringAnswer),
            r#"{"active"#,
            Err(ErrorKind::ConnectionReset),
            200,
        ),
        (
            "after",
            Fault::reset(Reset::AfterAnswer),
            r#"{"active":false}"#,
            Err(ErrorKind::ConnectionReset),
            200,
        ),
        ("truncated", Fault::truncated(), r#"{"active"#, Ok(()), 200),
    ];
    for (name, fault, body, end, status) in cases {
        org.sandbox.faults().inject(fault, Times::Once);
        let (received, ended) = raw(&org).await;
        assert_eq!(ended, end, "{name}");
        let got = received.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        assert_eq!(got, body, "{name}");
        assert_eq!(received.contains("content-length: 16"), status == 200, "{name}");
        let requests = org.sandbox.requests();
        assert_eq!(requests.last().unwrap().status(), status, "{name}");
    }
    assert_eq!(org.sandbox.requests().len(), 4);
}

#[test_support::test]
async fn a_dripping_answer_takes_the_clocks_time() {
    let org = Org::start().await;
    let pause = Duration::from_secs(7);
    org.sandbox.faults().inject(Fault::drip(5, pause), Times::Once);
    assert_eq!(org.introspect(INTROSPECT, "x").await.text, r#"{"active":false}"#);
    assert_eq!(org.clock.slept(), [pause; 4]);
}

#[test_support::test]
async fn a_late_answer_takes_the_clocks_time_and_is_as_old_as_the_request() {
    let org = Org::start().await;
    org.sandbox.faults().inject(Fault::delay(Duration::from_secs(3600)), Times::Always);
    let answer = org.token(TOKEN, "okta.users.read").await;
    let (_, claims) = crate::org::decode(&answer.member("access_token"));
    assert_eq!(claims["iat"], crate::org::NOW);
    assert_eq!(org.clock.elapsed(), Duration::from_secs(3600));
    assert_eq!(answer.header("date"), "Fri, 15 Jan 2027 09:00:00 GMT");
}

#[test_support::test]
async fn a_held_answer_comes_when_it_is_released() {
    let org = Org::start().await;
    let token = org.sandbox.issue(&Grant::to_client(CLIENT)).unwrap();
    for (fault, active) in [(Fault::hold(), true), (Fault::hold().acting_first(false), false)] {
        let token = match active {
            true => token.clone(),
            false => org.sandbox.issue(&Grant::to_client(CLIENT)).unwrap(),
        };
        org.sandbox.faults().inject(fault, Times::Once);
        let revoke = async {
            org.sandbox.faults().waiting(1).await;
            assert_eq!(org.sandbox.requests().last().unwrap().status(), 0);
            assert!(org.sandbox.revoke(&token));
            org.sandbox.faults().release();
        };
        let (answer, ()) = tokio::join!(org.introspect(INTROSPECT, token.expose()), revoke);
        assert_eq!(answer.json()["active"], active);
        assert_eq!(org.sandbox.requests().last().unwrap().status(), 200);
    }
}

#[test_support::test]
async fn silence_lasts_until_the_client_gives_up() {
    let org = Org::start().await;
    org.sandbox.faults().inject(Fault::silence(), Times::Once);
    tokio::select! {
        _ = org.introspect(INTROSPECT, "x") => panic!("it was answered"),
        () = org.sandbox.faults().waiting(1) => {}
    }
    assert_eq!(org.sandbox.requests()[0].status(), 0);
    assert_eq!(org.introspect(INTROSPECT, "x").await.status, 200);
}

#[test_support::test]
async fn faults_strike_their_path_and_as_often_as_they_should() {
    let org = Org::start().await;
    let faults = org.sandbox.faults();
    faults.inject(Fault::html(500).at(INTROSPECT), Times::Exactly(2));
    faults.inject(Fault::html(503), Times::Always);
    let keys = async || org.get("/oauth2/v1/keys").await.status;
    let introspect = async || org.introspect(INTROSPECT, "x").await.status;
    assert_eq!(keys().await, 503);
    assert_eq!([introspect().await, introspect().await, introspect().await], [500, 500, 503]);
    faults.clear();
    assert_eq!((keys().await, introspect().await), (200, 200));
}

#[test_support::test]
async fn an_outage_begins_and_ends_by_the_servers_clock() {
    let org = Org::start().await;
    let now = org.sandbox.now();
    let (from, until) = (now + Duration::from_secs(10), now + Duration::from_secs(40));
    org.sandbox.faults().outage(from..until, Fault::html(503));
    let mut statuses = Vec::new();
    for step in [9, 1, 29, 1] {
        org.clock.advance(Duration::from_secs(step));
        statuses.push(org.introspect(INTROSPECT, "x").await.status);
    }
    assert_eq!(statuses, [200, 503, 503, 200]);
    org.sandbox.faults().set_outage(Some(Fault::reset(Reset::BeforeAnswer)));
    assert_eq!(raw(&org).await.1, Err(ErrorKind::ConnectionReset));
    org.sandbox.faults().set_outage(None);
    assert_eq!(org.introspect(INTROSPECT, "x").await.status, 200);
}

#[test_support::test]
async fn requests_that_wait_count_as_concurrent() {
    let org = Org::start().await;
    org.sandbox.set_concurrency_limit(1);
    org.sandbox.faults().inject(Fault::hold(), Times::Once);
    let second = async {
        org.sandbox.faults().waiting(1).await;
        let answer = org.introspect(INTROSPECT, "x").await;
        org.sandbox.faults().release();
        answer
    };
    let (first, second) = tokio::join!(org.introspect(INTROSPECT, "x"), second);
    assert_eq!((first.status, second.status), (200, 429));
    assert_eq!(second.header("x-rate-limit-limit"), "0");
    assert_eq!(org.introspect(INTROSPECT, "x").await.status, 200);
}

#[test_support::test]
async fn what_does_not_reach_the_server_does_not_count_against_the_limit() {
    let org = Org::start().await;
    org.sandbox.set_rate_limit(Bucket::Org, 10);
    org.sandbox.faults().inject(Fault::html(502), Times::Once);
    assert_eq!(org.introspect(INTROSPECT, "x").await.header("x-rate-limit-remaining"), "");
    assert_eq!(org.introspect(INTROSPECT, "x").await.header("x-rate-limit-remaining"), "4");
}
