//! Signals that instances share by a store: what one reads all hear, whatever happens to it, to the
//! store and to what lies there.

mod attacker;
mod deadlines;
mod failures;
mod joining;
#[cfg(feature = "sandbox")]
mod sandbox;
mod store;
mod world;

use std::time::Duration;

use okta_introspect::signals::{Signal, SourceKind, Subject};

use crate::script::{authorized, within};
use crate::support::seconds;
use world::{BOUND, World};

#[test_support::test]
async fn one_instance_reads_the_log_and_all_hear_what_it_tells() {
    let world = World::new(3).await;
    world.pass(seconds(3)).await;
    world.know("t1").await;
    let reads = world.log().reads;
    world.revoke("t1");
    world.pass(seconds(2)).await;
    assert_eq!(world.leader(), Some(0));
    assert_eq!(world.log().reads, reads + 1, "one poll for all");
    for instance in &world.instances {
        assert_eq!(instance.heard("t1"), [1, 0], "the leader's own included");
        assert_eq!(instance.gaps(), Vec::<String>::new());
        assert_eq!(instance.source().healthy, Some(true));
    }
}

#[test_support::test]
async fn answers_count_longer_at_every_instance_while_the_log_is_read() {
    let world = World::new(3).await;
    world.pass(seconds(3)).await;
    world.know("t1").await;
    world.pass(seconds(60)).await;
    for (index, instance) in world.instances.iter().enumerate() {
        let answer = instance.checker.check("t1", &within(BOUND).extended()).await;
        authorized(answer);
        assert_eq!(instance.script.calls(), 1, "a minute on one answer at {index}");
        let lag = instance.lag().unwrap();
        assert!(lag >= seconds(1) && lag <= seconds(4), "{lag:?} at {index}");
    }
}

#[test_support::test]
async fn what_one_instance_is_pushed_the_others_hear_and_nobody_tells_again() {
    let world = World::new(3).await;
    world.pass(seconds(3)).await;
    let entries = world.engine.entries().len();
    let user = Subject::User { id: Some("00u1".to_owned()), logins: Vec::new() };
    let pushed = Signal::new(SourceKind::UniversalLogout, "logout", [user.clone()]);
    world.instances[1].feed.apply(&pushed.clone().id("p1"));
    world.pass(Duration::from_millis(1)).await;
    for instance in &world.instances {
        assert_eq!(instance.heard("p1")[0], 1);
    }
    assert_eq!(world.engine.entries().len(), entries + 1);
    // Without an id it is not applied again where it came in.
    world.instances[1].feed.apply(&pushed);
    world.pass(Duration::from_millis(1)).await;
    for (index, instance) in world.instances.iter().enumerate() {
        assert_eq!(instance.heard("")[0], 1, "{index}");
    }
    let published = &world.status(1).unwrap().published;
    assert_eq!((published["done"], published["failed"]), (2, 0));
    // A signal of the log is told where that is said.
    let signals = world.instances[2].signals.as_ref().unwrap();
    let by_hand = Signal::new(SourceKind::SystemLog, "by hand", [user]).id("h1");
    signals.publish(&by_hand);
    world.pass(Duration::from_millis(1)).await;
    for instance in &world.instances {
        assert_eq!(instance.heard("h1")[0], 1);
    }
}

#[test_support::test]
async fn a_page_that_is_longer_than_an_entry_is_told_whole() {
    let world = World::new(2).await;
    world.pass(seconds(3)).await;
    let entries = world.engine.entries().len();
    for number in 0..1000 {
        world.log().events.push(world::revocation(&format!("AT.{number:0>60}")));
    }
    world.pass(seconds(2)).await;
    let added = world.engine.entries().len() - entries;
    assert!((4..10).contains(&added), "{added}");
    for entry in world.engine.entries() {
        assert!(entry.value.len() <= okta_introspect::shared::MAX_VALUE);
    }
    for instance in &world.instances {
        assert_eq!(instance.source().events["app.oauth2.token.revoke"], 1000);
        assert_eq!(instance.gaps(), Vec::<String>::new());
    }
}
