//! The log as one instance reads it for others.

use std::time::Duration;

use okta_introspect::Clock;
use okta_introspect::checker::SignalMode;
use okta_introspect::signals::{LogPage, SignalLog, SystemLog};
use serde_json::json;
use test_support::reply;

use super::World;
use crate::support::seconds;

/// Reads a page, and waits until the next is due.
async fn page(world: &World, log: &mut SystemLog) -> LogPage {
    let page = log.next_page().await;
    world.clock.sleep_until(page.due).await;
    page
}

fn ids(page: &LogPage) -> Vec<&str> {
    page.signals.iter().map(|signal| signal.id.as_str()).collect()
}

#[test_support::test]
async fn what_a_page_tells_is_for_others_to_apply() {
    let world = World::new(SignalMode::Extend).await;
    let mut log = world.follow();
    let first = page(&world, &mut log).await;
    assert_eq!((first.begins, &first.gap, ids(&first)), (true, &None, vec![]));
    world.is_asked("t1").await;
    world.log.revoked("AT.1");
    let sent = world.clock.monotonic();
    let second = page(&world, &mut log).await;
    assert_eq!((second.begins, ids(&second)), (false, vec!["0"]));
    assert_eq!(second.covered_until, Some(sent - seconds(1)));
    assert_eq!(second.covered_within, seconds(7));
    assert!(!world.is_asked("t1").await && world.feed.status().is_empty());
    assert!(ids(&page(&world, &mut log).await).is_empty(), "it is told once");
}

#[test_support::test]
async fn another_instance_goes_on_at_the_cursor_and_allows_for_what_came_late() {
    let world = World::new(SignalMode::Extend).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cursor");
    let mut log = world.follow_with(&file);
    page(&world, &mut log).await;
    page(&world, &mut log).await;
    let lag = Duration::from_millis(3700);
    world.log.happens_late("app.oauth2.token.revoke", json!([]), lag);
    for _ in 0..6 {
        page(&world, &mut log).await;
    }
    let last = page(&world, &mut log).await;
    world.log.revoked("AT.1");
    let mut other = world.follow();
    other.go_on_at(last.cursor.as_deref());
    let sent = world.clock.monotonic();
    let next = page(&world, &mut other).await;
    assert_eq!((next.begins, next.gap.as_deref(), ids(&next)), (false, None, vec!["1"]));
    let covered = next.covered_until.unwrap();
    assert!(covered <= sent - lag && covered >= sent - seconds(6), "{:?}", sent - covered);
    assert!(!file.exists(), "the cursor is kept elsewhere");
}

#[test_support::test]
async fn what_cannot_be_gone_on_with_is_told_by_the_page_that_begins() {
    let world = World::new(SignalMode::Extend).await;
    let mut log = world.follow();
    let good = page(&world, &mut log).await.cursor.unwrap();
    let good = String::from_utf8(good).unwrap();
    let elsewhere = good.replacen("http://", "http://other.", 2);
    let old = good.replace("2026-", "2025-");
    for (cursor, why) in [
        ("", "cursor_foreign"),
        ("{}", "cursor_foreign"),
        (&good[1..], "cursor_foreign"),
        (&elsewhere, "cursor_foreign"),
        (&old, "cursor_too_old"),
    ] {
        let mut other = world.follow();
        other.go_on_at(Some(cursor.as_bytes()));
        let page = page(&world, &mut other).await;
        assert_eq!((page.begins, page.gap.as_deref()), (true, Some(why)), "{cursor}");
    }
    assert!(world.feed.status().is_empty(), "that is for all to hear");
    let refused = reply(400, "application/json", r#"{"errorCode":"E0000001"}"#);
    world.log.refuses_links(Some(refused));
    let page_of_gap = page(&world, &mut log).await;
    assert_eq!((page_of_gap.begins, &page_of_gap.gap, page_of_gap.cursor), (false, &None, None));
    world.log.refuses_links(None);
    let begun = page(&world, &mut log).await;
    assert_eq!((begun.begins, begun.gap.as_deref()), (true, Some("cursor_refused")));
    assert!(begun.cursor.is_some());
}

#[test_support::test]
async fn a_page_that_fails_covers_nothing_and_keeps_the_place() {
    let world = World::new(SignalMode::Extend).await;
    let mut log = world.follow();
    let before = page(&world, &mut log).await;
    world.log.fails([reply(500, "application/json", "{}")]);
    let failed = page(&world, &mut log).await;
    assert_eq!((failed.cursor, failed.covered_until), (before.cursor, None));
    assert!(!failed.begins && failed.due > world.clock.monotonic() - seconds(2));
    assert_eq!(world.errors(), [("server_failed", 1)]);
}
