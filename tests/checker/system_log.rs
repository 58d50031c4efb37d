//! The System Log: what it tells reaches the checker once, in time and whatever happens.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use okta_introspect::checker::{Checker, CheckerConfig, Reason, SignalMode};
use okta_introspect::signals::{Feed, SourceStatus, SystemLog, SystemLogBuilder};
use okta_introspect::{Clock, ErrorKind, ManualClock, SeededRandom};
use serde_json::{Value, json};
use test_support::{reply, reply_with};

use crate::log::{Log, http_date};
use crate::script::{Script, authorized, denied, within};
use crate::support::{seconds, settle, start};

/// A checker that a log feeds.
struct World {
    clock: ManualClock,
    log: Log,
    script: Script,
    checker: Checker,
    feed: Feed,
}

impl World {
    async fn new(mode: SignalMode) -> Self {
        Self::on(ManualClock::new(start()), mode).await
    }

    async fn on(clock: ManualClock, mode: SignalMode) -> Self {
        let (log, script) = (Log::start(&clock).await, Script::new(&clock));
        let mut config = CheckerConfig::default();
        (config.signals, config.refresh_ahead) = (mode, false);
        let checker = Checker::builder(script.clone()).clock(clock.clone()).config(config);
        let checker = checker.build().unwrap();
        let feed = Feed::new([checker.clone()]);
        script.active("t1", json!({"jti": "AT.1", "uid": "00u1", "client_id": "0oa1"}));
        script.active("t2", json!({"jti": "AT.2", "uid": "00u2", "client_id": "0oa2"}));
        Self { clock, log, script, checker, feed }
    }

    fn builder(&self) -> SystemLogBuilder {
        let random = SeededRandom::new(1);
        SystemLog::builder(self.log.resource(), self.feed.clone()).random(random)
    }

    fn follow(&self) -> SystemLog {
        self.builder().interval(seconds(1)).build().unwrap()
    }

    fn follow_with(&self, cursor: &Path) -> SystemLog {
        self.builder().interval(seconds(1)).cursor_file(cursor).build().unwrap()
    }

    /// Polls once, and waits until the next is due.
    async fn turn(&self, log: &mut SystemLog) {
        let due = log.poll().await;
        self.clock.sleep_until(due).await;
    }

    async fn turns(&self, log: &mut SystemLog, times: usize) {
        for _ in 0..times {
            self.turn(log).await;
        }
    }

    /// Checks a token where an answer of an hour ago would do, and tells whether it was asked for.
    async fn is_asked(&self, token: &str) -> bool {
        let before = self.script.calls();
        let _ = self.checker.check(token, &within(seconds(600))).await.unwrap();
        self.script.calls() > before
    }

    fn status(&self) -> SourceStatus {
        let [status] = &self.feed.status()[..] else { panic!("{:?}", self.feed.status()) };
        status.clone()
    }

    fn errors(&self) -> Vec<(&'static str, u64)> {
        self.status().errors.into_iter().collect()
    }

    /// Up to when the log is known.
    fn covered(&self) -> Instant {
        self.clock.monotonic() - self.status().lag.unwrap()
    }
}

#[test_support::test]
async fn a_revocation_in_the_log_ends_an_answer_with_the_next_poll() {
    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow();
    world.turns(&mut log, 2).await;
    for token in ["t1", "t2"] {
        authorized(world.checker.check(token, &within(seconds(60))).await);
    }
    world.script.revoke("t1");
    world.log.revoked("AT.1");
    authorized(world.checker.check("t1", &within(seconds(60))).await);
    world.turn(&mut log).await;
    assert_eq!(denied(world.checker.check("t1", &within(seconds(60))).await), Reason::Inactive);
    assert!(!world.is_asked("t2").await, "what the event does not name is left alone");
    let status = world.status();
    assert_eq!((status.healthy, status.gaps), (Some(true), 0));
    assert_eq!(status.events["app.oauth2.as.token.revoke"], 1);
}

#[test_support::test]
async fn every_kind_of_subject_is_asked_about_again() {
    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow();
    world.turn(&mut log).await;
    let hash = "YotJ2W3N6XpDDdT1l3BYmeCalo95NJHktwTK4zpA3AI="; // of "t1"
    for (event_type, target) in [
        (
            "app.oauth2.token.revoke",
            json!([{"type": "access_token", "id": "", "detailEntry": {"hash": hash}}]),
        ),
        (
            "user.lifecycle.suspend",
            json!([{"type": "User", "id": "00u1", "alternateId": "ada@acme.example"}]),
        ),
        ("application.lifecycle.deactivate", json!([{"type": "AppInstance", "id": "0oa1"}])),
    ] {
        world.is_asked("t1").await;
        world.is_asked("t2").await;
        world.log.happens(event_type, target);
        world.turn(&mut log).await;
        assert_eq!(
            (world.is_asked("t1").await, world.is_asked("t2").await),
            (true, false),
            "{event_type}"
        );
    }
    for event_type in ["user.lifecycle.suspend", "app.oauth2.token.revoke.implicit.user"] {
        world.log.happens(event_type, json!([]));
        world.turn(&mut log).await;
        assert!(world.is_asked("t1").await && world.is_asked("t2").await, "{event_type} of nobody");
    }
}

#[test_support::test]
async fn it_begins_a_minute_ago_and_follows_links_as_they_are() {
    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow();
    world.log.revoked("AT.1");
    world.turns(&mut log, 3).await;
    let calls = world.log.calls();
    let first: Vec<(String, String)> =
        serde_urlencoded::from_str(calls[0].trim_start_matches('?')).unwrap();
    let [since, order, limit, filter] = &first[..] else { panic!("{first:?}") };
    let begun: DateTime<Utc> = since.1.parse().unwrap();
    assert_eq!((since.0.as_str(), start() - begun), ("since", TimeDelta::seconds(60)));
    assert_eq!((order.0.as_str(), order.1.as_str()), ("sortOrder", "ASCENDING"));
    assert_eq!((limit.0.as_str(), limit.1.as_str()), ("limit", "1000"));
    assert!(
        filter.0 == "filter" && filter.1.contains(r#"eventType sw "app.oauth2.as.token.revoke""#)
    );
    assert!(calls[0].len() < 1900, "{}", calls[0].len());
    assert_eq!(calls[1..], ["?after=1&limit=1000&x=%2B~"; 2]);
}

#[test_support::test]
async fn repetitions_and_disorder_do_no_harm() {
    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow();
    world.turn(&mut log).await;
    let event = |uuid: &str, published: &str| {
        json!({"uuid": uuid, "published": published, "eventType": "user.lifecycle.suspend",
            "target": [{"type": "User", "id": "00u1"}]})
    };
    let (new, old) = (event("new", "2026-11-20T21:47:39Z"), event("old", "2026-11-20T21:40:00Z"));
    for (events, is_asked) in [
        (vec![new.clone(), old.clone(), new.clone()], true),
        (vec![old.clone(), new.clone()], false),
        (vec![event("newer", "2026-11-20T21:47:39Z"), old], true),
    ] {
        world.is_asked("t1").await;
        events.into_iter().for_each(|event| world.log.write(event));
        world.turn(&mut log).await;
        assert_eq!(world.is_asked("t1").await, is_asked);
    }
    let status = world.status();
    assert_eq!((status.events["user.lifecycle.suspend"], status.repeated), (3, 4));
}

#[test_support::test]
async fn full_pages_are_followed_at_once_and_coverage_waits_for_the_last() {
    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow();
    world.turn(&mut log).await;
    let covered = world.covered();
    for _ in 0..2500 {
        world.log.revoked("AT.9");
    }
    let begun = world.clock.elapsed();
    for is_last in [false, false, true] {
        assert_eq!(world.covered(), covered);
        let due = log.poll().await;
        assert_eq!(world.covered() > covered, is_last);
        world.clock.sleep_until(due).await;
    }
    assert_eq!(world.clock.elapsed() - begun, Duration::from_millis(1200));
    assert_eq!(world.status().events["app.oauth2.as.token.revoke"], 2500);
}

#[test_support::test]
async fn the_next_poll_is_sent_after_the_interval_and_not_a_millisecond_before() {
    for interval in [1, 2] {
        let world = World::on(ManualClock::stepped(start()), SignalMode::Purge).await;
        let log = world.builder().interval(seconds(interval)).build().unwrap();
        let following = log.start();
        world.log.peer.until(|requests| requests.len() >= 2).await; // a token and a page
        settle().await;
        for polls in 1..4 {
            let millisecond = Duration::from_millis(1);
            // The peer is another task; it has nothing to do where nothing was sent.
            world.clock.advance(seconds(interval) - millisecond);
            settle().await;
            assert_eq!(world.log.calls().len(), polls, "one millisecond early");
            world.clock.advance(millisecond);
            world.log.peer.until(|requests| requests.len() > polls + 1).await;
            settle().await;
        }
        following.stop().await;
        let calls = world.log.calls().len();
        world.clock.advance(seconds(60));
        settle().await;
        assert_eq!(world.log.calls().len(), calls, "it has ended");
    }
}

#[test_support::test]
async fn the_interval_has_bounds() {
    let world = World::new(SignalMode::Purge).await;
    let millis = Duration::from_millis;
    for (interval, is_good) in [
        (millis(999), false),
        (millis(1000), true),
        (seconds(3600), true),
        (millis(3_600_001), false),
    ] {
        let built = world.builder().interval(interval).build();
        assert_eq!(built.is_ok(), is_good, "{interval:?}");
        assert!(built.is_ok_and(|_| true) || !is_good);
    }
    let error = world.builder().interval(Duration::ZERO).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[test_support::test]
async fn a_checker_that_is_off_is_left_alone() {
    for (mode, is_asked) in [(SignalMode::Off, false), (SignalMode::Purge, true)] {
        let world = World::new(mode).await;
        let mut log = world.follow();
        world.is_asked("t1").await;
        world.log.revoked("AT.1");
        world.turn(&mut log).await;
        assert_eq!(world.is_asked("t1").await, is_asked, "{mode:?}");
    }
}

#[test_support::test]
async fn answers_count_longer_while_the_log_is_followed_and_no_longer_when_it_stops() {
    let world = World::new(SignalMode::Extend).await;
    let mut log = world.follow();
    let requirement = within(seconds(5)).extended();
    world.turns(&mut log, 3).await;
    for _ in 0..120 {
        authorized(world.checker.check("t1", &requirement).await);
        world.turn(&mut log).await;
    }
    assert_eq!(world.script.calls(), 1, "two minutes on one answer");
    let (before, lag) = (world.clock.monotonic(), world.status().lag.unwrap());
    world.clock.advance(seconds(5) - lag);
    authorized(world.checker.check("t1", &requirement).await);
    assert_eq!(world.script.calls(), 1, "as old as it may be");
    world.clock.advance(Duration::from_millis(1));
    authorized(world.checker.check("t1", &requirement).await);
    assert_eq!(world.script.calls(), 2);
    world.clock.advance(seconds(60));
    let status = world.status();
    assert_eq!(
        (status.healthy, status.lag),
        (Some(false), Some(world.clock.monotonic() - before + lag))
    );
}

/// What the log is said to be known up to is never later than something that it has not told,
/// once it was seen how late it is.
#[test_support::test]
async fn coverage_is_never_ahead_of_a_log_that_is_late() {
    let world = World::new(SignalMode::Extend).await;
    let mut log = world.follow();
    world.turns(&mut log, 3).await;
    let lag = Duration::from_millis(3700);
    let mut untold: Vec<(String, Instant)> = Vec::new();
    for turn in 0..600_u32 {
        if turn % 7 < 3 {
            let token = format!("AT.{turn}");
            let target = json!([{"type": "access_token", "id": token}]);
            world.log.happens_late("app.oauth2.token.revoke", target, lag);
            untold.push((token, world.clock.monotonic()));
        }
        world.clock.advance(Duration::from_millis(u64::from(turn * 37 % 400)));
        world.turn(&mut log).await;
        let told = world.status().events.values().sum::<u64>() as usize;
        let covered = world.covered();
        let late = untold.iter().skip(told).find(|(_, at)| *at <= covered);
        assert!(turn < 20 || late.is_none(), "turn {turn}: {late:?} of {covered:?}");
    }
    let status = world.status();
    assert!(status.lag.unwrap() >= lag && status.lag.unwrap() < lag + seconds(4), "{status:?}");
}

#[test_support::test]
async fn an_absurd_time_neither_shortens_what_is_allowed_for_nor_ends_coverage_for_ever() {
    let world = World::new(SignalMode::Extend).await;
    let mut log = world.follow();
    world.turns(&mut log, 3).await;
    let usual = world.status().lag.unwrap();
    for published in [json!("2099-01-01T00:00:00Z"), json!(7), json!("soon"), json!(null)] {
        world.log.write(json!({"eventType": "user.lifecycle.suspend", "published": published}));
        world.turn(&mut log).await;
        assert_eq!(world.status().lag.unwrap(), usual, "{published}");
    }
    let covered = world.covered();
    world
        .log
        .write(json!({"eventType": "user.lifecycle.suspend", "published": "1970-01-01T00:00:00Z"}));
    world.turns(&mut log, 3).await;
    assert_eq!(world.covered(), covered, "it stays where it is");
    let due = world.clock.elapsed() + seconds(3661);
    while world.clock.elapsed() < due {
        world.turn(&mut log).await;
    }
    world.turns(&mut log, 2).await;
    assert_eq!(world.status().lag.unwrap(), usual);
}

#[test_support::test]
async fn beside_a_program_that_uses_sixty_per_cent_nothing_is_refused() {
    for others in [0, 30, 72, 100] {
        let world = World::new(SignalMode::Extend).await;
        world.log.limited_beside(others);
        let mut log = world.follow();
        let end = world.clock.elapsed() + seconds(600);
        while world.clock.elapsed() < end {
            world.turn(&mut log).await;
            assert!(world.covered() <= world.clock.monotonic());
        }
        let calls = world.log.call_times().len();
        println!("beside {others} a minute: {:.1} polls a minute", calls as f64 / 10.0);
        assert_eq!((world.log.refused(), world.status().errors.len()), (0, 0), "{others}");
        let least = (120 - others).min(60) as usize * 10 * 7 / 10;
        assert!((least..=600).contains(&calls), "{others}: {calls}");
    }
}

#[test_support::test]
async fn after_a_refusal_for_too_many_calls_it_waits_as_long_as_it_was_told() {
    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow();
    world.turn(&mut log).await;
    let refusal = reply_with(429, &[("retry-after", "23")], r#"{"errorCode":"E0000047"}"#);
    world.log.fails([refusal]);
    let begun = world.clock.elapsed();
    let covered = world.covered();
    world.turn(&mut log).await;
    assert!(world.clock.elapsed() - begun >= seconds(23));
    assert_eq!((world.covered(), world.status().healthy), (covered, Some(false)));
    world.turn(&mut log).await;
    assert_eq!((world.status().healthy, world.status().gaps), (Some(true), 0));
    assert_eq!(world.errors(), [("rate_limited", 1)]);
}

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
        ("not HTTP", b"garbage\r\n\r\n".to_vec(), "malformed"),
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

#[test_support::test]
async fn with_a_cursor_it_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow_with(&cursor);
    world.log.revoked("AT.8");
    world.turns(&mut log, 2).await;
    drop(log);
    world.is_asked("t1").await;
    world.log.revoked("AT.1");
    world.clock.advance(seconds(3600));
    world.log.revoked("AT.7");
    world.is_asked("t2").await;
    let before = world.log.calls().len();
    let mut log = world.follow_with(&cursor);
    world.turns(&mut log, 2).await;
    assert!(world.is_asked("t1").await && !world.is_asked("t2").await);
    assert_eq!(
        world.log.calls()[before..],
        ["?after=1&limit=1000&x=%2B~", "?after=3&limit=1000&x=%2B~"]
    );
    let status = world.status();
    assert_eq!((status.gaps, status.repeated, status.healthy), (0, 0, Some(true)));
    let lag = status.lag.unwrap();
    assert!(lag < seconds(4), "what waited for it was not late: {lag:?}");
}

/// Killed after a page was applied and before its cursor was written, it reads the page again.
#[test_support::test]
async fn what_was_applied_and_not_noted_is_applied_again() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow_with(&cursor);
    world.turn(&mut log).await;
    let noted = fs::read(&cursor).unwrap();
    world.log.revoked("AT.1");
    world.turn(&mut log).await;
    assert_ne!(fs::read(&cursor).unwrap(), noted, "it is written with each page that moves on");
    drop(log);
    fs::write(&cursor, &noted).unwrap();
    // Another process: nothing is remembered of the signals.
    let feed = Feed::new([world.checker.clone()]);
    world.is_asked("t1").await;
    let log = SystemLog::builder(world.log.resource(), feed.clone()).cursor_file(&cursor);
    world.turn(&mut log.build().unwrap()).await;
    assert!(world.is_asked("t1").await);
    assert_eq!((feed.status()[0].gaps, feed.status()[0].events.len()), (0, 1));
}

#[test_support::test]
async fn a_cursor_that_cannot_be_gone_on_with_is_a_gap() {
    let edited = |edit: fn(&mut Value)| {
        move |path: &Path| {
            let mut cursor: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            edit(&mut cursor);
            fs::write(path, cursor.to_string()).unwrap();
        }
    };
    let cases: Vec<(&str, Box<dyn Fn(&Path)>, &str)> = vec![
        ("garbage", Box::new(|path| fs::write(path, "{").unwrap()), "cursor_foreign"),
        ("empty", Box::new(|path| fs::write(path, "").unwrap()), "cursor_foreign"),
        (
            "another org's",
            Box::new(edited(|cursor| cursor["org"] = json!("https://b.okta.com"))),
            "cursor_foreign",
        ),
        (
            "another filter",
            Box::new(edited(|cursor| cursor["filter"] = json!("x"))),
            "cursor_foreign",
        ),
        (
            "a link elsewhere",
            Box::new(edited(|cursor| {
                cursor["next"] = json!("https://evil.example/api/v1/logs?after=0")
            })),
            "cursor_foreign",
        ),
        (
            "too old",
            Box::new(edited(|cursor| cursor["read_at"] = json!(start() - TimeDelta::days(90)))),
            "cursor_too_old",
        ),
        (
            "of the future",
            Box::new(edited(|cursor| cursor["read_at"] = json!(start() + TimeDelta::days(3)))),
            "cursor_too_old",
        ),
        (
            "a folder",
            Box::new(|path| {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap()
            }),
            "cursor_not_regular",
        ),
        #[cfg(unix)]
        (
            "exposed",
            Box::new(|path| {
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
                fs::set_permissions(path, mode).unwrap();
            }),
            "cursor_exposed",
        ),
    ];
    for (name, spoil, why) in cases {
        let folder = tempfile::tempdir().unwrap();
        let cursor = folder.path().join("cursor");
        let world = World::new(SignalMode::Purge).await;
        world.turn(&mut world.follow_with(&cursor)).await;
        spoil(&cursor);
        world.is_asked("t1").await;
        let mut log = world.follow_with(&cursor);
        world.turns(&mut log, 2).await;
        let status = world.status();
        assert_eq!((status.gaps, status.events.get(why)), (1, Some(&1)), "{name}");
        assert!(world.is_asked("t1").await, "{name}");
        assert_eq!(status.healthy, Some(true), "{name}: it goes on");
        assert!(
            world
                .log
                .calls()
                .iter()
                .all(|query| query.starts_with("?since=") || query.contains("after=0"))
        );
        // The next start has a cursor again, where there can be one.
        world.turn(&mut world.follow_with(&cursor)).await;
        assert_eq!(world.status().gaps, if why == "cursor_not_regular" { 2 } else { 1 }, "{name}");
    }
}

#[test_support::test]
async fn a_link_that_is_refused_is_a_gap_and_others_are_not() {
    for (status, is_gap) in [
        (400, true),
        (404, true),
        (410, true),
        (401, false),
        (403, false),
        (429, false),
        (500, false),
    ] {
        let world = World::new(SignalMode::Extend).await;
        let mut log = world.follow();
        world.turns(&mut log, 2).await;
        world.is_asked("t1").await;
        world.log.refuses_links(Some(reply(
            status,
            "application/json",
            r#"{"errorCode":"E0000001"}"#,
        )));
        world.turn(&mut log).await;
        assert_eq!(world.status().gaps, u64::from(is_gap), "{status}");
        assert_eq!(world.is_asked("t1").await, is_gap, "{status}");
        world.log.refuses_links(None);
        world.turns(&mut log, 3).await;
        assert_eq!(world.status().healthy, Some(true), "{status}");
        assert_eq!(world.status().gaps, u64::from(is_gap), "{status}");
    }
}

/// Each gap makes every token be asked about again: a server that refuses all of its own links must
/// not bring that about every second.
#[test_support::test]
async fn gaps_in_a_row_become_rare() {
    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow();
    world.log.refuses_links(Some(reply(400, "application/json", "{}")));
    let end = world.clock.elapsed() + seconds(3600);
    while world.clock.elapsed() < end {
        world.turn(&mut log).await;
    }
    let gaps = world.status().gaps;
    assert!((30..130).contains(&gaps), "{gaps}");
}

#[test_support::test]
async fn what_was_not_read_for_longer_than_the_log_is_kept_is_a_gap() {
    for (days, gaps) in [(88, 0), (90, 1)] {
        let world = World::new(SignalMode::Purge).await;
        let mut log = world.follow();
        world.turns(&mut log, 2).await;
        world.clock.advance(seconds(days * 24 * 3600));
        world.turns(&mut log, 2).await;
        assert_eq!(world.status().gaps, gaps, "{days} days asleep");
    }
}

/// A poll that was kept from being sent, as on a computer that was suspended, brings what has been
/// there for hours: that says nothing of how late the log is.
#[test_support::test]
async fn what_happened_while_it_slept_was_not_late() {
    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow();
    world.turns(&mut log, 3).await;
    let usual = world.status().lag.unwrap();
    world.log.revoked("AT.1");
    world.clock.advance(seconds(7200));
    assert!(world.status().lag.unwrap() > seconds(7200));
    world.turns(&mut log, 2).await;
    assert_eq!(world.status().lag.unwrap(), usual);
}

#[test_support::test]
async fn it_begins_now_by_the_servers_clock_whatever_ours_says() {
    for minutes in [-60 * 24 * 200, -90, 2, 90, 60 * 24 * 200] {
        let world = World::new(SignalMode::Purge).await;
        world.log.set_ahead(TimeDelta::minutes(minutes));
        let mut log = world.follow();
        world.log.revoked("AT.1");
        world.is_asked("t1").await;
        world.turns(&mut log, 5).await;
        assert!(world.is_asked("t1").await, "{minutes} minutes ahead");
        let status = world.status();
        assert_eq!((status.healthy, status.errors.len()), (Some(true), 0), "{minutes}: {status:?}");
        let begun: Vec<_> =
            world.log.calls().into_iter().filter(|call| call.contains("since=")).collect();
        assert!(begun.len() <= 2, "{begun:?}");
    }
}

#[test_support::test]
async fn a_cursor_that_cannot_be_written_is_told_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow_with(&folder.path().join("missing/cursor"));
    world.turns(&mut log, 3).await;
    let status = world.status();
    assert_eq!((status.healthy, status.gaps), (Some(true), 0));
    assert_eq!(world.errors(), [("cursor_not_written", 3)]);
}
