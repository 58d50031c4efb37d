//! The System Log as a poller meets it: events that are written late, cursors that grow old, and a
//! bucket of its own.

use std::time::Duration;

use okta_introspect::sandbox::{AppStatus, Bucket, UserStatus};

use crate::org::{Answer, CLIENT, Org, USER};

const LOGS: &str = "/api/v1/logs";
const DAY: Duration = Duration::from_secs(24 * 3600);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The event types of a page.
fn types(answer: &Answer) -> Vec<String> {
    let events = answer.json();
    let events = events.as_array().unwrap_or_else(|| panic!("no page: {}", answer.text));
    events.iter().map(|event| event["eventType"].as_str().unwrap().to_owned()).collect()
}

async fn get(org: &Org, url: &str) -> Answer {
    Answer::of(org.http.get(url).bearer_auth(org.bearer(&["okta.logs.read"]))).await
}

/// The first page of a poll.
async fn poll(org: &Org) -> Answer {
    get(org, &org.url(&format!("{LOGS}?sortOrder=ASCENDING&since=2027-01-15T08:00:00Z"))).await
}

async fn follow(org: &Org, page: &Answer) -> Answer {
    get(org, &page.link("next").expect("a poll has a next page")).await
}

#[test_support::test]
async fn an_event_is_told_when_it_is_written_and_not_when_it_happens() {
    let org = Org::start_with(|builder, _| builder.log_lag(ms(500))).await;
    let mut page = poll(&org).await;
    org.sandbox.set_user_status(USER, UserStatus::Suspended).unwrap();
    page = follow(&org, &page).await;
    assert!(types(&page).is_empty() && org.sandbox.log().is_empty());
    assert_eq!(org.sandbox.log_pending(), 1);
    org.clock.advance(ms(499));
    page = follow(&org, &page).await;
    assert!(types(&page).is_empty());
    org.clock.advance(ms(1));
    page = follow(&org, &page).await;
    assert_eq!(types(&page), ["user.lifecycle.suspend"]);
    assert_eq!(page.json()[0]["published"], "2027-01-15T08:00:00.000Z");
    assert_eq!((org.sandbox.log_pending(), org.sandbox.log().len()), (0, 1));
    assert!(types(&follow(&org, &page).await).is_empty(), "once");
}

#[test_support::test]
async fn a_poll_gives_the_order_of_writing_and_a_bounded_search_that_of_the_times() {
    let org = Org::start().await;
    let page = poll(&org).await;
    org.sandbox.set_log_lag(ms(60_000));
    org.sandbox.set_user_status(USER, UserStatus::Suspended).unwrap();
    org.clock.advance(ms(10));
    org.sandbox.set_log_lag(Duration::ZERO);
    org.sandbox.set_app_status(CLIENT, AppStatus::Active).unwrap();
    let page = follow(&org, &page).await;
    assert_eq!(types(&page), ["application.lifecycle.activate"]);
    org.clock.advance(ms(60_000));
    assert_eq!(types(&follow(&org, &page).await), ["user.lifecycle.suspend"]);
    let bounds = "since=2027-01-15T08:00:00Z&until=2027-01-15T08:00:30Z";
    let bounded = get(&org, &org.url(&format!("{LOGS}?{bounds}"))).await;
    assert_eq!(types(&bounded), ["user.lifecycle.suspend", "application.lifecycle.activate"]);
}

#[test_support::test]
async fn a_range_of_lags_is_drawn_from_for_each_event() {
    let org = Org::start_with(|builder, _| builder.log_lag(ms(0)..=ms(60_000))).await;
    for _ in 0..20 {
        org.sandbox.set_app_status(CLIENT, AppStatus::Active).unwrap();
        org.clock.advance(ms(1_000));
    }
    assert!((1..20).contains(&org.sandbox.log_pending()), "{}", org.sandbox.log_pending());
    org.clock.advance(ms(60_000));
    let times: Vec<_> = org.sandbox.log().iter().map(|event| event.published).collect();
    assert_eq!(times.len(), 20);
    assert!(!times.is_sorted(), "written in another order than they happened");
}

#[test_support::test]
async fn a_cursor_is_good_for_as_long_as_events_are_kept() {
    let org = Org::start().await;
    org.sandbox.set_app_status(CLIENT, AppStatus::Active).unwrap();
    let page = poll(&org).await;
    assert_eq!(types(&page), ["application.lifecycle.activate"]);
    let next = page.link("next").unwrap();
    org.clock.advance(90 * DAY);
    org.sandbox.set_user_status(USER, UserStatus::Suspended).unwrap();
    // The same link, as of a client that was started anew: each time the same page.
    for _ in 0..2 {
        assert_eq!(types(&get(&org, &next).await), ["user.lifecycle.suspend"]);
    }
    let renewed = get(&org, &next).await.link("next").unwrap();
    org.clock.advance(ms(1));
    let refused = get(&org, &next).await;
    assert_eq!((refused.status, refused.member("errorCode").as_str()), (400, "E0000001"));
    assert_eq!(get(&org, &renewed).await.status, 200);
    let old = get(&org, &org.url(&format!("{LOGS}?since=2027-01-15T08:00:00Z"))).await;
    assert_eq!(types(&old), ["user.lifecycle.suspend"], "what is older is no longer kept");
}

#[test_support::test]
async fn a_cursor_of_another_log_is_refused() {
    let (org, other) = (Org::start().await, Org::start().await);
    other.sandbox.set_app_status(CLIENT, AppStatus::Active).unwrap();
    let cursor = poll(&other).await.link("next").unwrap();
    let foreign = cursor.replace(&other.url(""), &org.url(""));
    assert_eq!(get(&org, &foreign).await.status, 400);
    assert_eq!(get(&other, &cursor).await.status, 200);
    for after in ["1", "1_", "x_1", "1_2_3_4", "1800000000000_0_x"] {
        let refused = get(&org, &org.url(&format!("{LOGS}?after={after}"))).await;
        assert_eq!(refused.status, 400, "{after}");
    }
}

#[test_support::test]
async fn the_log_has_a_bucket_of_its_own_of_which_an_app_has_its_share() {
    let org = Org::start_with(|builder, _| builder.app_share(5)).await;
    let bearer = org.bearer(&["okta.logs.read", "okta.users.read"]);
    for left in (0..6).rev() {
        let page = org.get_with(LOGS, &bearer).await;
        let headers =
            ["limit", "remaining"].map(|name| page.header(&format!("x-rate-limit-{name}")));
        assert_eq!((page.status, headers), (200, ["6".to_owned(), left.to_string()]));
    }
    let refused = org.get_with(LOGS, &bearer).await;
    assert_eq!((refused.status, refused.member("errorCode").as_str()), (429, "E0000047"));
    let users = org.get_with("/api/v1/users", &bearer).await;
    assert_eq!((users.status, users.header("x-rate-limit-limit").as_str()), (200, ""));
}

#[test_support::test]
async fn what_others_use_up_shows_in_the_headers() {
    let org = Org::start_with(|builder, _| builder.rate_limit(Bucket::Logs, 10)).await;
    let bearer = org.bearer(&["okta.logs.read"]);
    assert_eq!(org.get_with(LOGS, &bearer).await.header("x-rate-limit-remaining"), "4");
    assert_eq!(org.sandbox.use_up(Bucket::Logs, 6), 6);
    let page = org.get_with(LOGS, &bearer).await;
    assert_eq!(page.header("x-rate-limit-remaining"), "2", "the org has fewer than the app");
    org.sandbox.set_client_share(CLIENT, 100);
    org.clock.advance(ms(60_000));
    assert_eq!(org.get_with(LOGS, &bearer).await.header("x-rate-limit-remaining"), "9");
}
