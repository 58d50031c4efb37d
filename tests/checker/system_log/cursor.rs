//! Where the log goes on, and what is done where it does not.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::fs;
use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use chrono::TimeDelta;
use okta_introspect::checker::SignalMode;
use okta_introspect::signals::{Feed, SystemLog};
use okta_introspect::{ErrorKind, Random, SeededRandom};
use serde_json::{Value, json};
use test_support::reply;

use super::World;
use crate::support::{seconds, start};

/// What is wrong with a cursor, how it comes to be so, and what that is called.
type Case = (&'static str, Box<dyn Fn(&Path)>, &'static str);

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

#[test_support::test]
async fn a_page_that_was_not_kept_is_read_again_and_one_that_was_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let world = World::new(SignalMode::Purge).await;
    world.turn(&mut world.follow_with(&cursor)).await;
    world.log.revoked("AT.1");
    for (keeps, repeated) in [(false, 0), (true, 1), (true, 1)] {
        let mut log = world.follow_with(&cursor);
        log.read().await;
        if keeps {
            log.keep().await.unwrap();
        }
        assert_eq!(world.status().repeated, repeated);
        assert!(log.error().is_none());
    }
    // A link that nobody has followed yet is not younger for it.
    let kept = fs::read_to_string(&cursor).unwrap();
    world.clock.advance(seconds(7200));
    let mut log = world.follow_with(&cursor);
    world.log.fails([reply(500, "text/plain", "")]);
    log.poll().await;
    assert_eq!((log.error().is_some(), fs::read_to_string(&cursor).unwrap()), (true, kept));
    log.poll().await;
    assert!(log.error().is_none());
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
    let cases: Vec<Case> = vec![
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

#[test_support::test]
async fn a_cursor_that_cannot_be_written_is_told_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow_with(&folder.path().join("missing/cursor"));
    world.turns(&mut log, 3).await;
    let status = world.status();
    assert_eq!((status.healthy, status.gaps), (Some(true), 0));
    assert_eq!(world.errors(), [("cursor_not_written", 3)]);
    let error = log.keep().await.unwrap_err();
    assert!(error.kind() == ErrorKind::Configuration && error.source().is_some(), "{error:?}");
}

/// Each run ends at some moment between two waits, as a process does that is killed, and the next
/// one is another process: it knows nothing but the cursor.
#[test_support::test]
async fn killed_at_any_moment_it_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let world = World::new(SignalMode::Purge).await;
    let random = SeededRandom::new(7);
    let heard: Arc<Mutex<BTreeSet<usize>>> = Arc::default();
    let (mut gaps, mut unfinished) = (0, 0);
    let mut run = async |moments: usize| {
        let heard = Arc::clone(&heard);
        let feed = Feed::builder([]).clock(world.clock.clone());
        let feed = feed.on_signal(move |signal, _| {
            heard.lock().unwrap().extend(signal.id.parse::<usize>().ok());
        });
        let feed = feed.build();
        let log = SystemLog::builder(world.log.resource(), feed.clone()).cursor_file(&cursor);
        let mut log = log.build().unwrap();
        let mut following = pin!(world.turns(&mut log, 2));
        let mut left = moments;
        let killed = poll_fn(|cx| match left.checked_sub(1) {
            Some(less) => {
                left = less;
                following.as_mut().poll(cx).map(|()| 0)
            }
            None => Poll::Ready(1),
        });
        unfinished += killed.await;
        gaps += feed.status().first().map_or(0, |status| status.gaps);
    };
    run(usize::MAX).await;
    for number in 0..200 {
        world.log.revoked(&format!("AT.{number}"));
        run((random.fraction() * 16.0) as usize).await;
        // A process that is dead for a while.
        world.clock.advance(seconds(120));
    }
    run(usize::MAX).await;
    assert!((50..195).contains(&unfinished), "{unfinished}");
    assert_eq!((heard.lock().unwrap().len(), gaps), (200, 0));
}
