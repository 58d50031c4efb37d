//! The first moments, when everything comes at once or nothing answers.

use std::time::Duration;

use chrono::DateTime;
use okta_introspect::ManualClock;
use okta_introspect::sandbox::Fault;
use okta_introspect_serve::Mode;
use tokio::task::JoinSet;

use crate::http::ask;
use crate::world::{BACKEND, Client, RULES, World, listeners, start_of_time};

#[test_support::test]
async fn the_first_two_hundred_requests_for_one_token_are_one_question_to_the_org() {
    let mut world = World::org(start_of_time()).await;
    world.write(RULES);
    let authorization = format!("Bearer {}", world.token("orders.read"));
    world.start().await.unwrap();
    // Nobody waits for readiness here, as after a restart behind a socket unit.
    let mut asking = JoinSet::new();
    for mode in Mode::ALL.into_iter().cycle().take(200) {
        let client = Client::get("/orders").header("authorization", &authorization);
        let (socket, question) = (world.socket(mode), client.through(mode));
        asking.spawn(async move { ask(&socket, &question).await });
    }
    let replies = asking.join_all().await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 200);
    assert_eq!(world.asked(), 1);
    let sources: Vec<_> = replies.iter().map(|reply| reply.one("x-auth-source")).collect();
    assert_eq!(sources.iter().filter(|source| **source == "introspected").count(), 1);
}

#[test_support::test]
async fn started_while_okta_is_down_it_is_ready_once_that_answers() {
    let now = DateTime::from_timestamp(1_795_211_259, 0).unwrap();
    let mut world = World::org(ManualClock::stepped(now)).await;
    world.sandbox.faults().set_outage(Some(Fault::empty(503)));
    world.write(RULES);
    world.start().await.unwrap();
    for _ in 0..5 {
        // The attempt before this pause has failed.
        world.clock.step(1).await;
        let reply = world.management("/readyz").await;
        assert_eq!(reply.status, 503);
        assert_eq!(reply.body, "the authorization server has not answered yet\n");
        assert_eq!(world.management("/healthz").await.status, 200);
    }
    // What needs nobody is answered, and nothing else is a yes.
    assert_eq!(world.ask(Mode::Caddy, &Client::get("/health")).await.status, 200);
    world.sandbox.faults().set_outage(None);
    // An attempt may be under way, or a pause.
    while world.management("/readyz").await.status != 200 {
        world.clock.advance(Duration::from_secs(10));
    }
    let token = world.token("orders.read");
    assert_eq!(world.get(Mode::Caddy, "/orders", &token).await.status, 200);
}

#[test_support::test]
async fn an_answer_about_a_token_makes_it_ready_too() {
    let now = DateTime::from_timestamp(1_795_211_259, 0).unwrap();
    let mut world = World::org(ManualClock::stepped(now)).await;
    let discovery =
        ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];
    for path in discovery {
        let fault = Fault::empty(503).at(path);
        world.sandbox.faults().inject(fault, okta_introspect::sandbox::Times::Always);
    }
    world.write(RULES);
    world.start().await.unwrap();
    assert_eq!(world.management("/readyz").await.status, 503);
    let token = world.token("orders.read");
    assert_eq!(world.get(Mode::Caddy, "/orders", &token).await.status, 200);
    assert_eq!(world.management("/readyz").await.status, 200);
}

#[test_support::test]
async fn it_is_not_ready_while_the_org_refuses_its_credentials_and_says_so_once() {
    let now = DateTime::from_timestamp(1_795_211_259, 0).unwrap();
    let mut world = World::org(ManualClock::stepped(now)).await;
    let rest = format!("{}{RULES}", listeners(""));
    world.write_whole(&format!("{}{rest}", world.okta().replace(BACKEND, "0oa1unknown")));
    world.start().await.unwrap();
    for _ in 0..4 {
        world.clock.step(1).await;
        let reply = world.management("/readyz").await;
        let obstacle = "the authorization server refuses our credentials\n";
        assert_eq!((reply.status, &*reply.body), (503, obstacle));
    }
    let said = "the authorization server refuses our credentials; is said once";
    assert_eq!(world.log.count(said), 1, "{}", world.log.text());
    assert!(world.log.text().lines().any(|line| line.contains("ERROR") && line.contains(said)));
    assert_eq!(world.log.count(" ready "), 0, "{}", world.log.text());
    // It keeps trying, and a reload is enough.
    world.write_whole(&format!("{}{rest}", world.okta()));
    world.reload().await;
    while world.management("/readyz").await.status != 200 {
        world.clock.advance(Duration::from_secs(10));
    }
}

#[test_support::test]
async fn a_file_that_changes_while_it_starts_is_loaded_anew() {
    let mut world = World::org(start_of_time()).await;
    world.write(RULES);
    world.start().await.unwrap();
    // It serves, and its life has not begun.
    world.write(&RULES.replace("/health", "/alive"));
    while world.log.count("was loaded anew") == 0 {
        world.clock.advance(Duration::from_millis(500));
        tokio::task::yield_now().await;
    }
    assert_eq!(world.ask(Mode::Caddy, &Client::get("/alive")).await.status, 200);
}

#[test_support::test]
async fn what_cannot_start_says_why_and_leaves_nothing_open() {
    let mut world = World::org(start_of_time()).await;
    world.write(RULES);
    world.start().await.unwrap();
    // The sockets are taken.
    let faults = world.start().await.unwrap_err();
    assert_eq!(faults.len(), 6, "{faults:?}");
    assert!(faults[0].to_string().starts_with("listeners[0]"), "{}", faults[0]);
    assert!(faults[5].to_string().starts_with("management"), "{}", faults[5]);
    assert_eq!(world.ask(Mode::Caddy, &Client::get("/health")).await.status, 200);
}
