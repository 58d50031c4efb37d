//! The System Log: what it tells reaches the checker once, in time and whatever happens.

mod cursor;
mod elsewhere;
mod faults;
mod pace;
mod pages;
#[cfg(feature = "sandbox")]
mod sandbox;

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use okta_introspect::checker::{Checker, CheckerConfig, Reason, SignalMode};
use okta_introspect::signals::{Feed, SourceStatus, SystemLog, SystemLogBuilder};
use okta_introspect::{Clock, ErrorKind, ManualClock, SeededRandom};
use serde_json::json;
use test_support::reply;

use crate::log::Log;
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
        let log = Log::start(&clock).await;
        let script = Script::of(&log.peer.issuer(), &clock);
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
async fn it_begins_as_early_as_is_asked_for_and_goes_on_from_now_after_a_gap() {
    let world = World::new(SignalMode::Purge).await;
    let begun = |query: &str| -> TimeDelta {
        let query: Vec<(String, String)> =
            serde_urlencoded::from_str(query.trim_start_matches('?')).unwrap();
        world.clock.now() - query[0].1.parse::<DateTime<Utc>>().unwrap()
    };
    let since = |span| world.builder().since(span).build();
    for (span, before) in [(seconds(0), 60), (seconds(59), 60), (seconds(86_400), 86_400)] {
        since(span).unwrap().poll().await;
        assert_eq!(begun(world.log.calls().last().unwrap()), TimeDelta::seconds(before));
    }
    let mut log = since(seconds(86_400)).unwrap();
    world.turns(&mut log, 2).await;
    let refused = reply(400, "application/json", r#"{"errorCode":"E0000001"}"#);
    world.log.refuses_links(Some(refused));
    world.turn(&mut log).await;
    world.log.refuses_links(None);
    log.poll().await;
    assert!(begun(world.log.calls().last().unwrap()) < TimeDelta::minutes(2));
    let days = |days: u64| seconds(days * 86_400);
    assert!(since(days(90)).is_ok());
    let error = since(days(90) + seconds(1)).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
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

#[cfg(feature = "prometheus")]
#[test_support::test]
async fn what_is_known_of_the_sources_is_on_the_metrics_page() {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow();
    world.log.revoked("AT.1");
    world.log.happens("user.lifecycle.create", json!([]));
    world.turns(&mut log, 2).await;
    world.log.refuses_links(Some(reply(400, "application/json", "{}")));
    world.turn(&mut log).await;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(world.feed.clone()));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    for line in [
        r#"signal_events_total{source="system_log",kind="app.oauth2.as.token.revoke"} 1"#,
        r#"signal_events_total{source="system_log",kind="cursor_refused"} 1"#,
        r#"signal_repeated_total{source="system_log"} 0"#,
        r#"signal_ignored_total{source="system_log"} 1"#,
        r#"signal_gaps_total{source="system_log"} 1"#,
        r#"signal_errors_total{source="system_log",reason="malformed"} 1"#,
        r#"signal_source_healthy{source="system_log"} 0"#,
        r#"signal_lag_seconds{source="system_log"} "#,
        r#"signal_last_seen_timestamp_seconds{source="system_log"} 17952112"#,
    ] {
        assert!(text.contains(&format!("okta_introspect_{line}")), "{line}: {text}");
    }
}
