//! Instances that come later, that are exchanged, and that go by another clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use okta_introspect::Clock;
use okta_introspect::checker::SignalMode;
use okta_introspect::shared::{InProcessStore, Shared, SharedSecret};
use okta_introspect::signals::{Feed, SharedSignals, Signal, SourceKind, Subject};
use okta_introspect::{Issuer, ManualClock};
use serde_json::json;

use super::store::What;
use super::world::{BOUND, Jitter, SECRET, World, calm};
use crate::script::{ISSUER, Script, checker, within};
use crate::support::{seconds, start};

const NO_GAP: [&str; 0] = [];

#[test_support::test]
async fn an_instance_that_comes_later_hears_what_answers_may_be_old_of() {
    let mut world = World::new(1).await;
    world.pass(seconds(3)).await;
    world.revoke("long ago");
    world.pass(seconds(590)).await;
    world.revoke("lately");
    world.pass(seconds(60)).await;
    let new = world.join().await;
    world.pass(seconds(3)).await;
    let instance = &world.instances[new];
    assert_eq!((instance.heard("lately"), instance.heard("long ago")), ([1, 0], [0, 0]));
    assert_eq!(instance.gaps(), NO_GAP, "it did not miss what was before it");
    // By then another has read the store's clock while this one has watched it.
    world.pass(seconds(35)).await;
    world.know("t1").await;
    assert!(instance.is_extended(&world, "t1").await);
    world.know("t2").await;
    world.revoke("t2");
    world.pass_soundly(seconds(8)).await;
}

#[test_support::test]
async fn coverage_of_one_that_comes_later_begins_with_what_it_is_told_first() {
    let mut world = World::new(1).await;
    world.pass(seconds(3)).await;
    // It knows of an answer before it hears of anything.
    world.pause(0);
    world.engine.tamper(|state| state.entries.clear());
    let new = world.join_with(SECRET, Jitter::default(), false).await;
    let script = world.instances[new].script.clone();
    script.active("early", json!({"jti": "early"}));
    let _ = world.instances[new].checker.check("early", &within(BOUND).extended()).await;
    world.pass(seconds(2)).await;
    world.resume(0, seconds(2)).await;
    world.pass(seconds(1)).await;
    assert!(world.status(new).unwrap().heard_age.is_some());
    let calls = script.calls();
    world.pass(BOUND + seconds(3)).await;
    let _ = world.instances[new].checker.check("early", &within(BOUND).extended()).await;
    assert_eq!(script.calls(), calls + 1, "nobody has told it what was in between");
}

#[test_support::test]
async fn an_instance_without_a_log_hears_and_never_leads() {
    let mut world = World::new(1).await;
    let deaf = world.join_with(SECRET, Jitter::default(), false).await;
    world.pass(seconds(3)).await;
    world.kill(0).await;
    world.revoke("t1");
    world.pass(seconds(30)).await;
    assert_eq!(world.leaders(), [0; 0]);
    assert!(world.instances[deaf].way.times(|what| *what == What::Lead).is_empty());
    world.join().await;
    world.pass(seconds(3)).await;
    assert_eq!(world.instances[deaf].heard("t1"), [1, 0], "the new one goes on at the cursor");
}

#[test_support::test]
async fn a_leader_that_is_stopped_gives_the_lead_up() {
    let mut world = World::new(1).await;
    world.pass(seconds(3)).await;
    world.instances[0].signals.take().unwrap().stop().await;
    assert_eq!(world.instances[0].way.times(|what| *what == What::Resign).len(), 1);
    let new = world.join().await;
    assert_eq!(world.leaders(), [new], "at once");
    // One that has it not has nothing to give up.
    let other = world.join().await;
    world.instances[other].signals.take().unwrap().stop().await;
    assert!(world.instances[other].way.times(|what| *what == What::Resign).is_empty());
}

#[test_support::test]
async fn checkers_that_are_put_in_place_of_others_are_covered_from_then_on() {
    let world = World::new(2).await;
    world.pass(seconds(3)).await;
    let instance = &world.instances[1];
    let script = Script::new(&instance.clock);
    let new = checker(&script, |config| config.signals = SignalMode::Extend);
    instance.feed.replace([new.clone()]);
    script.active("t1", json!({"jti": "t1"}));
    script.active("t2", json!({"jti": "t2"}));
    for token in ["t1", "t2"] {
        let _ = new.check(token, &within(BOUND).extended()).await.unwrap();
    }
    world.pass(BOUND + seconds(3)).await;
    let _ = new.check("t1", &within(BOUND).extended()).await.unwrap();
    assert_eq!(script.calls(), 2, "extended");
    script.revoke("t1");
    world.log().events.push(super::world::revocation("t1"));
    world.pass(seconds(2)).await;
    let verdict = new.check("t1", &within(BOUND).extended()).await.unwrap();
    assert!(matches!(verdict, okta_introspect::checker::Verdict::Denied(_)));
}

#[test_support::test]
async fn while_the_stores_clock_cannot_be_compared_nothing_is_extended_and_signals_come() {
    for step in [3600, 30, -30, -3600] {
        let world = World::new(2).await;
        world.pass(seconds(10)).await;
        world.know("t0").await;
        world.engine.clock.set_wall(world.engine.clock.now() + TimeDelta::seconds(step));
        let gaps = |index: usize| world.instances[index].gaps();
        for number in 0..45 {
            let token = format!("t{number}");
            world.revoke(&token);
            world.know(&format!("t{}", number + 1)).await;
            world.pass_soundly(seconds(1)).await;
        }
        world.pass_soundly(seconds(6)).await;
        for number in 0..45 {
            for instance in &world.instances {
                assert_eq!(instance.heard(&format!("t{number}")), [1, 0], "{step}");
            }
        }
        assert_eq!((gaps(0), gaps(1)), (vec![], vec![]), "{step}");
        world.know("after").await;
        assert!(world.instances[1].is_extended(&world, "after").await, "{step}: it comes back");
    }
}

/// At the library's own engine.
#[test_support::test]
async fn two_orgs_at_one_store_hear_each_of_its_own() {
    let clock = ManualClock::stepped(start());
    let store = InProcessStore::new(clock.clone());
    let shared = || {
        let secret = SharedSecret::parse(SECRET).unwrap();
        Shared::builder(store.clone(), secret).random(Jitter::default()).build().unwrap()
    };
    let count = |kind: &'static str| {
        let times = Arc::<AtomicUsize>::default();
        let heard = Arc::clone(&times);
        let feed = Feed::builder([]).clock(clock.clone()).on_signal(move |signal, _| {
            if signal.kind == kind {
                heard.fetch_add(1, Ordering::SeqCst);
            }
        });
        (feed.build(), times)
    };
    let org = |url: &str| Issuer::parse(url).unwrap();
    let (one, other) = (org(ISSUER), org("https://other.okta.com/oauth2/default"));
    let (pushing, _) = count("logout");
    let (of_one, heard_of_one) = count("logout");
    let (of_other, heard_of_other) = count("logout");
    let instances = [(&pushing, &one), (&of_one, &one), (&of_other, &other)];
    let _signals =
        instances.map(|(feed, org)| SharedSignals::builder(&shared(), feed, org).start());
    calm().await;
    let user = Subject::User { id: Some("00u1".to_owned()), logins: Vec::new() };
    pushing.apply(&Signal::new(SourceKind::UniversalLogout, "logout", [user]).id("p1"));
    clock.advance(seconds(1));
    calm().await;
    let heard = [&heard_of_one, &heard_of_other].map(|times| times.load(Ordering::SeqCst));
    assert_eq!(heard, [1, 0]);
}

/// At the library's own engine: services with keys of their own, at one store and one org.
#[test_support::test]
async fn instances_with_another_secret_have_a_stream_and_a_lead_of_their_own() {
    let (world, other) = (World::empty(), b"YW5vdGhlciBzZWNyZXQ6IDAxMjM0NTY3ODkwMTIz");
    let clock = ManualClock::stepped(start());
    let store = InProcessStore::new(clock.clone());
    let signals = [SECRET, SECRET, other].map(|secret| {
        let shared = Shared::builder(store.clone(), SharedSecret::parse(secret).unwrap());
        let shared = shared.random(Jitter::default()).build().unwrap();
        let feed = Feed::builder([]).clock(clock.clone()).build();
        let issuer = Issuer::parse(ISSUER).unwrap();
        SharedSignals::builder(&shared, &feed, &issuer).log(world.reader(&clock)).start()
    });
    for _ in 0..100 {
        clock.advance(seconds(1) / 10);
        calm().await;
    }
    let status = signals.each_ref().map(SharedSignals::status);
    assert_eq!(status.iter().filter(|status| status.leads).count(), 2);
    assert!(status[2].leads, "there is nobody else whom it could hear");
    for status in &status {
        assert!(status.entries["applied"] > 3);
        assert_eq!(status.entries["unreadable"], 0);
    }
}
