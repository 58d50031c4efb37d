//! Leaders that die and come back, stores that lose what they had.

use std::time::Duration;

use super::store::Fault;
use super::world::World;
use crate::support::seconds;

/// An event each second, and whether each is heard by all that run, once.
async fn told(world: &World, name: &str, events: usize) {
    for number in 0..events {
        let token = format!("{name}.{number}");
        world.know(&token).await;
        world.revoke(&token);
        world.pass_soundly(seconds(1)).await;
    }
    world.pass_soundly(seconds(3)).await;
}

fn assert_heard(world: &World, name: &str, events: usize) {
    for (index, instance) in world.instances.iter().enumerate() {
        if instance.signals.is_none() {
            continue;
        }
        for number in 0..events {
            let id = format!("{name}.{number}");
            assert_eq!(instance.heard(&id)[0], 1, "{id} at {index}");
        }
    }
}

fn gaps(world: &World) -> Vec<Vec<String>> {
    world.instances.iter().map(|instance| instance.gaps()).collect()
}

#[test_support::test]
async fn what_happens_while_there_is_no_leader_is_told_by_the_next_one() {
    let mut world = World::new(3).await;
    world.pass(seconds(3)).await;
    told(&world, "before", 2).await;
    let leader = world.leader().unwrap();
    world.kill(leader).await;
    told(&world, "gap", 12).await;
    assert!(world.leader().is_some_and(|other| other != leader), "within two leases");
    told(&world, "after", 3).await;
    for (name, events) in [("before", 2), ("gap", 12), ("after", 3)] {
        assert_heard(&world, name, events);
    }
    assert_eq!(gaps(&world), [[""; 0]; 3]);
}

#[test_support::test]
async fn a_leader_that_stood_still_and_comes_back_beside_its_successor_does_no_harm() {
    let mut world = World::new(3).await;
    world.pass(seconds(3)).await;
    let leader = world.leader().unwrap();
    // It has a page in its hands: it was read, and is about to be told.
    world.instances[leader].way.set(Fault::Hangs);
    world.know("t1").await;
    world.revoke("t1");
    world.pass(seconds(2)).await;
    world.pause(leader);
    told(&world, "meanwhile", 30).await;
    assert_eq!(world.leaders().len(), 2, "the one that stands still does not know");
    world.instances[leader].way.set(None);
    world.resume(leader, seconds(33)).await;
    told(&world, "after", 5).await;
    assert_eq!(world.leaders().len(), 1);
    for (name, events) in [("meanwhile", 30), ("after", 5)] {
        assert_heard(&world, name, events);
    }
    for instance in &world.instances {
        assert_eq!(instance.heard("t1"), [1, 0]);
    }
    assert_eq!(gaps(&world), [[""; 0]; 3], "nothing was lost on the way");
}

#[test_support::test]
async fn a_page_whose_lead_has_ended_is_dropped_and_read_by_the_successor() {
    let mut world = World::new(2).await;
    world.pass(seconds(3)).await;
    let leader = world.leader().unwrap();
    world.pause(leader);
    told(&world, "meanwhile", 30).await;
    // The first thing that it does is to commit what is due.
    world.resume(leader, seconds(33)).await;
    world.pass(seconds(1)).await;
    let commits = world.status(leader).unwrap().commits;
    assert_eq!((commits["not_leader"], commits["failed"]), (1, 0));
    assert_eq!(world.leaders().len(), 1);
    assert_heard(&world, "meanwhile", 30);
    assert_eq!(gaps(&world), [[""; 0]; 2]);
}

#[test_support::test]
async fn what_a_failover_loses_is_read_once_more_and_nothing_else_is_asked_about() {
    for ahead in [0, 10, -10] {
        let world = World::new(3).await;
        world.pass(seconds(3)).await;
        told(&world, "before", 3).await;
        // The new master's clock is another one.
        world.engine.lose(2);
        let now = okta_introspect::Clock::now(&world.engine.clock);
        world.engine.clock.set_wall(now + chrono::TimeDelta::seconds(ahead));
        told(&world, "after", 12).await;
        for (name, events) in [("before", 3), ("after", 12)] {
            assert_heard(&world, name, events);
        }
        let commits = world.status(world.leader().unwrap()).unwrap().commits;
        assert_eq!(commits["lost"], 1, "{ahead}");
        for index in 0..3 {
            assert_eq!(world.status(index).unwrap().reads["broken"], 1, "{ahead} at {index}");
        }
        assert_eq!(gaps(&world), [[""; 0]; 3], "{ahead}");
    }
}

#[test_support::test]
async fn a_flushed_store_is_told_anew_by_whichever_instance_has_heard_most() {
    for kills in [false, true] {
        let mut world = World::new(3).await;
        world.pass(seconds(3)).await;
        told(&world, "before", 2).await;
        if kills {
            world.kill(0).await;
        }
        world.engine.flush();
        told(&world, "after", 14).await;
        assert_heard(&world, "before", 2);
        assert_heard(&world, "after", 14);
        assert_eq!(gaps(&world), [[""; 0]; 3], "kills: {kills}");
    }
}

#[test_support::test]
async fn a_flushed_store_whose_clock_was_set_back_an_hour_is_heard_all_the_same() {
    let world = World::new(3).await;
    world.pass(seconds(3)).await;
    told(&world, "before", 2).await;
    let now = okta_introspect::Clock::now(&world.engine.clock);
    world.engine.clock.set_wall(now - chrono::TimeDelta::hours(1));
    world.engine.flush();
    told(&world, "after", 14).await;
    assert_heard(&world, "after", 14);
}

#[test_support::test]
async fn a_commit_of_which_nobody_knows_whether_it_was_done_is_not_told_twice() {
    let world = World::new(2).await;
    world.pass(seconds(3)).await;
    let leader = world.leader().unwrap();
    world.instances[leader].way.set(Fault::Unanswered);
    told(&world, "unanswered", 5).await;
    world.instances[leader].way.set(None);
    told(&world, "after", 10).await;
    assert_heard(&world, "unanswered", 5);
    assert_heard(&world, "after", 10);
    for instance in &world.instances {
        let repeated: usize = (0..5).map(|n| instance.heard(&format!("unanswered.{n}"))[1]).sum();
        assert_eq!(repeated, 0, "it goes on behind what was done");
    }
    assert_eq!(gaps(&world), [[""; 0]; 2]);
}

#[test_support::test]
async fn without_the_store_signals_stop_and_nothing_is_extended() {
    let world = World::new(2).await;
    world.pass(seconds(3)).await;
    world.know("t1").await;
    assert!(world.instances[1].is_extended(&world, "t1").await);
    world.instances.iter().for_each(|instance| instance.way.set(Fault::Down));
    world.revoke("t1");
    world.pass_soundly(seconds(60)).await;
    for instance in &world.instances {
        assert_eq!(instance.heard("t1"), [0, 0]);
        let source = instance.source();
        assert_eq!(source.healthy, Some(false));
        assert!(source.lag.unwrap() > seconds(60) && source.errors["shared_store"] > 10);
    }
    world.instances.iter().for_each(|instance| instance.way.set(None));
    world.pass_soundly(seconds(13)).await;
    for instance in &world.instances {
        assert_eq!(instance.heard("t1"), [1, 0], "within two leases");
        assert_eq!(instance.gaps(), Vec::<String>::new());
    }
}

#[test_support::test]
async fn an_instance_that_is_cut_off_asks_by_itself_and_goes_on_where_it_was() {
    let world = World::new(3).await;
    world.pass(seconds(3)).await;
    world.instances[2].way.set(Fault::Hangs);
    told(&world, "meanwhile", 10).await;
    assert_eq!(world.instances[2].heard("meanwhile.0"), [0, 0]);
    world.instances[2].way.set(None);
    world.pass_soundly(seconds(7)).await;
    assert_heard(&world, "meanwhile", 10);
    assert_eq!(gaps(&world), [[""; 0]; 3]);
}

#[test_support::test]
async fn a_stream_that_was_trimmed_past_an_instance_is_a_gap_for_that_one() {
    let mut world = World::new(3).await;
    world.pass(seconds(3)).await;
    world.pause(2);
    told(&world, "lost", 10).await;
    world.engine.tamper(|state| state.entries.clear());
    world.pass(seconds(3)).await;
    world.resume(2, seconds(16)).await;
    world.pass_soundly(seconds(3)).await;
    assert_eq!(gaps(&world), [vec![], vec![], vec!["stream_gap".to_owned()]]);
    // What is asked from now on is covered again.
    world.know("t1").await;
    assert!(world.instances[2].is_extended(&world, "t1").await);
}

#[test_support::test]
async fn a_stream_that_was_trimmed_up_to_an_instance_is_none() {
    let mut world = World::new(3).await;
    world.pass(seconds(3)).await;
    let read = world.engine.entries().len();
    world.pause(2);
    told(&world, "meanwhile", 10).await;
    world.engine.tamper(|state| drop(state.entries.drain(..read)));
    world.resume(2, seconds(13)).await;
    world.pass_soundly(seconds(3)).await;
    assert_heard(&world, "meanwhile", 10);
    assert_eq!(gaps(&world), [[""; 0]; 3]);
    assert_eq!(world.status(2).unwrap().reads["broken"], 1);
}

#[test_support::test]
async fn a_log_that_cannot_be_gone_on_with_is_a_gap_for_all_and_covers_only_what_comes() {
    let world = World::new(3).await;
    world.pass(seconds(3)).await;
    world.know("t1").await;
    world.log().gap = true;
    world.pass(seconds(2)).await;
    // Between the two nobody reads it, and it looks back at nothing.
    world.revoke("t1");
    world.pass_soundly(seconds(8)).await;
    assert_eq!(gaps(&world), [["refused"]; 3]);
    world.know("t2").await;
    assert!(world.instances[1].is_extended(&world, "t2").await);
    assert_eq!(world.leaders(), [0]);
}

#[test_support::test]
async fn a_log_that_fails_ends_coverage_and_not_the_lead() {
    let world = World::new(3).await;
    world.pass(seconds(3)).await;
    world.log().fails = true;
    world.know("t1").await;
    world.revoke("t1");
    world.pass_soundly(seconds(30)).await;
    assert_eq!((world.leaders(), world.status(0).unwrap().takeovers), (vec![0], 1));
    assert!(world.instances[1].lag().unwrap() > seconds(30));
    assert_eq!(world.instances[1].source().healthy, Some(false));
    world.log().fails = false;
    world.pass(Duration::from_secs(2)).await;
    world.instances.iter().for_each(|instance| assert_eq!(instance.heard("t1"), [1, 0]));
    assert_eq!(gaps(&world), [[""; 0]; 3]);
}
