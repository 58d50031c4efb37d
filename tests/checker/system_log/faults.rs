//! What servers answer that are broken, busy or hostile.

use okta_introspect::checker::SignalMode;
use serde_json::json;
use test_support::{reply, reply_with};

use super::World;
use crate::log::http_date;
use crate::support::{seconds, start};

/// A fault and the reason under which it is counted.
type Case = (&'static str, Vec<u8>, &'static str);

fn linked(body: &str, link: &str) -> Vec<u8> {
    let link = format!(r#"<{link}>; rel="next""#);
    let date = http_date(start());
    reply_with(200, &[("link", &link), ("date", &date)], body)
}

fn faults() -> Vec<Case> {
    let page = |body: &str| linked(body, "/api/v1/logs?after=0&limit=1000");
    let object = r#"{"eventType":"user.lifecycle.suspend","target":[]}"#;
    let nested = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    vec![
        ("a 500", reply(500, "application/json", "{}"), "server_failed"),
        ("a 503 of HTML", reply(503, "text/html", "<html>"), "server_failed"),
        ("a 401", reply(401, "application/json", "{}"), "client_refused"),
        ("a 403", reply(403, "application/json", r#"{"errorCode":"E0000006"}"#), "request_refused"),
        ("a redirect", reply_with(302, &[("location", "https://evil.example/")], ""), "malformed"),
        ("not HTTP", b"garbage\r\n\r\n".to_vec(), "unreachable"),
        ("HTML", page("<html>"), "malformed"),
        ("nothing", page(""), "malformed"),
        ("null", page("null"), "malformed"),
        ("an object", page(object), "malformed"),
        ("half a list", page(&format!("[{object},")), "malformed"),
        ("nested without an end", page(&nested[..90_000]), "malformed"),
        ("a list and more", page("[] []"), "malformed"),
        ("1,001 events", page(&format!("[{}]", vec!["{}"; 1001].join(","))), "malformed"),
        ("a million events", page(&format!("[{}]", vec!["0"; 1_000_000].join(","))), "malformed"),
        ("no link", reply_with(200, &[("date", &http_date(start()))], "[]"), "malformed"),
        ("a link elsewhere", linked("[]", "https://evil.example/api/v1/logs?after=0"), "malformed"),
        ("a link to another API", linked("[]", "/api/v1/users?after=0"), "malformed"),
        ("17 MB", page(&format!("[{}]", " ".repeat(17 << 20))), "malformed"),
    ]
}

#[test_support::test]
async fn whatever_goes_wrong_coverage_stays_and_nothing_is_lost() {
    for (name, answer, reason) in faults() {
        let world = World::new(SignalMode::Purge).await;
        let mut log = world.follow();
        world.turns(&mut log, 2).await;
        let covered = world.covered();
        world.is_asked("t1").await;
        // A token that is refused is replaced once.
        world.log.fails(vec![answer; if reason == "client_refused" { 4 } else { 2 }]);
        world.log.revoked("AT.1");
        world.turns(&mut log, 2).await;
        let errors = world.errors();
        assert_eq!(errors.len(), 1, "{name}: {errors:?}");
        assert!(errors[0].0 == reason && (1..=2).contains(&errors[0].1), "{name}: {errors:?}");
        assert_eq!((world.covered(), world.status().healthy), (covered, Some(false)), "{name}");
        world.turns(&mut log, 2).await;
        assert!(world.is_asked("t1").await, "{name}");
        assert_eq!((world.status().healthy, world.status().gaps), (Some(true), 0), "{name}");
        assert!(world.log.peer.requests().iter().all(|request| request.header("host").is_some()));
    }
}

/// Answers that are of use as far as they go.
#[test_support::test]
async fn events_that_cannot_be_read_name_everything_and_do_not_hide_the_others() {
    let user = json!({"type": "User", "id": "00u1"});
    let many = json!([
        json!({"eventType": "user.lifecycle.suspend", "target": vec![user.clone(); 100_000]})
    ]);
    let deep =
        format!("[{}{},{}]", "[".repeat(200_000), "]".repeat(200_000), json!({"eventType": "x"}));
    let large = json!([
        json!({"eventType": "user.lifecycle.suspend", "target": [user], "debugContext": "a".repeat(10 << 20)})
    ]);
    for (name, body, is_all) in [
        ("without a type", r#"[{"uuid":"e1"}]"#.to_owned(), true),
        ("a number", "[7]".to_owned(), true),
        ("nested", deep, true),
        ("without a target", r#"[{"eventType":"user.lifecycle.suspend"}]"#.to_owned(), true),
        ("100,000 targets", many.to_string(), true),
        ("10 MB, and without uuid and time", large.to_string(), false),
    ] {
        let world = World::new(SignalMode::Purge).await;
        let mut log = world.follow();
        world.turns(&mut log, 2).await;
        world.is_asked("t1").await;
        world.is_asked("t2").await;
        world.log.fails([linked(&body, "/api/v1/logs?after=0&limit=1000")]);
        world.turn(&mut log).await;
        assert_eq!(
            (world.is_asked("t1").await, world.is_asked("t2").await),
            (true, is_all),
            "{name}"
        );
        let status = world.status();
        assert_eq!(
            (status.healthy, status.gaps, status.errors.len()),
            (Some(true), 0, 0),
            "{name}"
        );
    }
}

#[test_support::test]
async fn events_count_that_come_with_an_answer_which_is_otherwise_wrong() {
    let event = json!([{"uuid": "e1", "eventType": "user.lifecycle.suspend", "target": [{"type": "User", "id": "00u1"}]}]);
    let body = event.to_string();
    for (name, answer) in [
        ("no link", reply_with(200, &[("date", &http_date(start()))], &body)),
        ("a link elsewhere", linked(&body, "https://evil.example/api/v1/logs")),
        ("a link to itself", linked(&body, "http://HOST/api/v1/logs?after=0&limit=1000&x=%2B~")),
        (
            "no date",
            reply_with(200, &[("link", r#"</api/v1/logs?after=0&limit=1000>; rel="next""#)], &body),
        ),
    ] {
        let world = World::new(SignalMode::Purge).await;
        let host = world.log.peer.issuer().replace("http://", "");
        let answer = String::from_utf8(answer).unwrap();
        // As long as what it takes the place of, or the length would be wrong.
        let answer = answer.replace("HOST", &host).into_bytes();
        let mut log = world.follow();
        world.turns(&mut log, 2).await;
        let covered = world.covered();
        world.is_asked("t1").await;
        world.log.fails([answer]);
        world.turn(&mut log).await;
        assert!(world.is_asked("t1").await, "{name}");
        assert_eq!((world.covered(), world.errors()), (covered, vec![("malformed", 1)]), "{name}");
    }
}

#[test_support::test]
async fn a_server_that_is_down_for_an_hour_is_not_asked_more_than_twice_a_minute() {
    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow();
    world.turns(&mut log, 2).await;
    world.log.fails(vec![reply(503, "text/html", "<html>"); 1000]);
    let (begun, before) = (world.clock.elapsed(), world.log.calls().len());
    while world.clock.elapsed() - begun < seconds(3600) {
        world.turn(&mut log).await;
    }
    let calls = world.log.calls().len() - before;
    assert!((60..=125).contains(&calls), "{calls}");
    let status = world.status();
    assert!(status.lag.unwrap() > seconds(3600) && status.healthy == Some(false));
}
