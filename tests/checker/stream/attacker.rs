//! Somebody who reads and writes the store, and does not know the secret.

use std::time::Duration;

use super::world::{Jitter, World, revocation};
use crate::support::seconds;

const NO_GAP: [&str; 0] = [];

#[test_support::test]
async fn what_was_not_sealed_by_an_instance_is_not_read_and_changes_nothing() {
    let mut world = World::new(2).await;
    world.pass(seconds(3)).await;
    let genuine = world.engine.entries().last().unwrap().value.clone();
    let mut other = World::empty();
    other.join_with(b"YW5vdGhlciBzZWNyZXQ6IDAxMjM0NTY3ODkwMTIz", Jitter::default(), true).await;
    other.pass(seconds(3)).await;
    let foreign = other.engine.entries().last().unwrap().value.clone();
    world.know("t1").await;
    let mut values = vec![Vec::new(), b"{}".to_vec(), vec![1; 65_536], foreign];
    values.extend((0..genuine.len()).step_by(7).map(|at| {
        let mut altered = genuine.clone();
        altered[at] ^= 1;
        altered
    }));
    values.extend([genuine[1..].to_vec(), genuine[..genuine.len() - 1].to_vec()]);
    for value in &values {
        world.engine.append(value);
    }
    assert!(world.instances[1].is_extended(&world, "t1").await);
    for (index, instance) in world.instances.iter().enumerate() {
        let entries = world.status(index).unwrap().entries;
        assert_eq!(entries["unreadable"], values.len() as u64, "{index}");
        assert_eq!(instance.gaps(), NO_GAP);
    }
    // One that comes now passes it by as well.
    let new = world.join().await;
    world.pass(seconds(35)).await;
    assert!(world.instances[new].lag().is_some());
}

#[test_support::test]
async fn an_entry_of_another_org_is_none_of_this_one() {
    let world = World::new(1).await;
    let mut other = World::of("https://other.okta.com");
    other.join().await;
    for world in [&world, &other] {
        world.pass(seconds(3)).await;
    }
    other.log().events.push(revocation("t9"));
    other.pass(seconds(2)).await;
    assert_eq!(other.instances[0].heard("t9"), [1, 0]);
    for entry in other.engine.entries() {
        world.engine.append(&entry.value);
    }
    world.pass(seconds(3)).await;
    let entries = world.status(0).unwrap().entries;
    assert_eq!(entries["unreadable"], other.engine.entries().len() as u64);
    assert_eq!(world.instances[0].heard("t9"), [0, 0]);
}

#[test_support::test]
async fn an_entry_that_is_taken_out_is_missed_though_all_around_it_is_there() {
    let mut world = World::new(2).await;
    world.pass(seconds(3)).await;
    world.know("t1").await;
    world.pause(1);
    world.revoke("t1");
    let before = world.engine.entries().len();
    world.pass(seconds(2)).await;
    // The one that brings it. What this instance read last is there still, and so is the next.
    world.engine.tamper(|state| drop(state.entries.remove(before)));
    world.pass(seconds(2)).await;
    world.resume(1, seconds(4)).await;
    world.pass_soundly(seconds(10)).await;
    assert_eq!(world.instances[0].heard("t1"), [1, 0]);
    assert_eq!(world.instances[1].heard("t1"), [0, 0]);
    assert_eq!(world.instances[1].gaps(), ["stream_gap"]);
    assert_eq!(world.status(1).unwrap().reads["broken"], 0);
    assert_eq!(world.status(1).unwrap().gaps, 1);
}

#[test_support::test]
async fn entries_that_are_put_in_again_are_applied_once_however_old_they_are() {
    let world = World::new(2).await;
    world.pass(seconds(3)).await;
    world.revoke("t1");
    let user = okta_introspect::signals::Subject::Client("0oa1".to_owned());
    let pushed = okta_introspect::signals::Signal::new(
        okta_introspect::signals::SourceKind::EventHook,
        "pushed",
        [user],
    );
    world.instances[1].feed.apply(&pushed);
    world.pass(seconds(3)).await;
    let old: Vec<_> = world.engine.entries().into_iter().map(|entry| entry.value).collect();
    for minutes in [0, 1, 4, 20] {
        world.pass(seconds(60 * minutes)).await;
        let entries = |index: usize| world.status(index).unwrap().entries;
        let before = entries(0);
        old.iter().for_each(|value| drop(world.engine.append(value)));
        world.pass(Duration::from_millis(1)).await;
        let after = entries(0);
        let ignored = |entries: &std::collections::BTreeMap<&str, u64>| {
            entries["repeated"] + entries["stale"]
        };
        assert_eq!(ignored(&after) - ignored(&before), old.len() as u64, "{minutes}");
        for instance in &world.instances {
            assert_eq!(instance.heard("t1"), [1, 0], "{minutes}");
            assert_eq!(instance.heard("")[0], 1, "{minutes}");
            assert_eq!(instance.gaps(), NO_GAP, "{minutes}");
        }
    }
    world.know("t2").await;
    assert!(world.instances[1].is_extended(&world, "t2").await);
}

#[test_support::test]
async fn entries_in_another_order_are_all_applied_and_counted_as_a_gap() {
    let mut world = World::new(2).await;
    world.pass(seconds(3)).await;
    world.pause(1);
    let before = world.engine.entries().len();
    for token in ["t1", "t2", "t3"] {
        world.revoke(token);
        world.pass(seconds(2)).await;
    }
    world.engine.tamper(|state| {
        let values: Vec<_> = state.entries[before..].iter().map(|it| it.value.clone()).collect();
        let entries = state.entries[before..].iter_mut();
        entries.zip(values.into_iter().rev()).for_each(|(entry, value)| entry.value = value);
    });
    world.resume(1, seconds(6)).await;
    world.pass_soundly(seconds(6)).await;
    let instance = &world.instances[1];
    for token in ["t1", "t2", "t3"] {
        assert_eq!(instance.heard(token), [1, 0]);
    }
    assert!(!instance.gaps().is_empty());
    world.know("t4").await;
    assert!(instance.is_extended(&world, "t4").await);
}

#[test_support::test]
async fn an_old_cursor_that_is_put_back_makes_the_log_be_read_again_and_a_very_old_one_does_not() {
    for (batches, is_read_again) in [(60, true), (80, false)] {
        let mut world = World::new(2).await;
        world.pass(seconds(3)).await;
        let old = world.engine.tamper(|state| state.cursor.clone());
        world.revoke("t1");
        world.pass(seconds(2 * batches)).await;
        let leader = world.leader().unwrap();
        world.kill(leader).await;
        world.engine.tamper(|state| state.cursor = old);
        world.revoke("t2");
        world.pass(seconds(12)).await;
        let other = &world.instances[1 - leader];
        assert_eq!(other.heard("t1"), [1, usize::from(is_read_again)], "{batches}");
        assert_eq!(other.heard("t2"), [1, 0], "{batches}");
        assert_eq!(other.gaps(), NO_GAP, "{batches}");
    }
}

#[test_support::test]
async fn a_cursor_that_is_none_is_not_gone_on_with_and_nothing_is_lost() {
    for cursor in [None, Some(Vec::new()), Some(b"garbage".to_vec()), Some(vec![1; 100])] {
        let mut world = World::new(2).await;
        world.pass(seconds(3)).await;
        let leader = world.leader().unwrap();
        world.kill(leader).await;
        world.engine.tamper(|state| state.cursor = cursor.clone());
        world.revoke("t1");
        world.pass(seconds(12)).await;
        let other = &world.instances[1 - leader];
        assert_eq!((other.heard("t1"), other.gaps()), ([1, 0], vec![]), "{cursor:?}");
    }
}
