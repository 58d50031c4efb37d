//! Each deadline a millisecond before, and at it.

use std::time::Duration;

use okta_introspect::shared::StreamPosition;

use super::store::{Fault, What};
use super::world::{Jitter, SECRET, World};
use crate::support::{seconds, start};

const MILLISECOND: Duration = Duration::from_millis(1);

fn is_lead(what: &What) -> bool {
    *what == What::Lead
}

fn is_read(what: &What) -> bool {
    matches!(what, What::Read(..))
}

/// Two instances of this jitter; the first leads.
async fn two(jitter: f64) -> World {
    let mut world = World::empty();
    for _ in 0..2 {
        world.join_with(SECRET, Jitter::of(jitter), true).await;
    }
    assert_eq!(world.leader(), Some(0));
    world
}

async fn pass_exactly(world: &World, until: Duration) {
    world.pass(until - world.engine.clock.elapsed()).await;
}

#[test_support::test]
async fn a_lead_is_taken_over_after_a_lease_of_silence_and_a_random_part_of_three_seconds() {
    for (jitter, after) in [(0.0, 6000), (0.5, 7500), (0.999, 8997)] {
        let mut world = two(jitter).await;
        world.pass(seconds(4)).await;
        let last = world.instances[0].way.times(|what| *what == What::Commit);
        let last = *last.last().unwrap();
        world.kill(0).await;
        let asked = world.instances[1].way.times(is_lead).len();
        pass_exactly(&world, last + Duration::from_millis(after) - MILLISECOND).await;
        assert_eq!(world.instances[1].way.times(is_lead).len(), asked, "{jitter}: too early");
        world.pass(MILLISECOND).await;
        assert_eq!(world.instances[1].way.times(is_lead).len(), asked + 1, "{jitter}");
        assert_eq!(world.leader(), Some(1), "{jitter}");
        assert!(world.instances[1].heard("x") == [0, 0] && world.log().reads > 2);
    }
}

#[test_support::test]
async fn a_lead_lasts_six_seconds() {
    for (after, is_own) in [(5999, true), (6000, false)] {
        let world = two(0.5).await;
        // It stands still, and another asks in its place.
        world.instances[0].way.set(Fault::Down);
        world.pass(Duration::from_millis(after)).await;
        let lead = okta_introspect::shared::Lead {
            name: "any".to_owned(),
            owner: "another".to_owned(),
            ttl: seconds(6),
        };
        let way = world.engine.way(&world.engine.clock);
        let led = okta_introspect::shared::SharedStore::lead(&way, &lead).await.unwrap();
        let is_another = led == okta_introspect::shared::Leadership::Another;
        assert_eq!(is_another, is_own, "{after}");
    }
}

#[test_support::test]
async fn a_leader_that_has_nothing_to_tell_is_heard_every_two_seconds() {
    let world = two(0.5).await;
    // The first page is read, and the next one is due in two seconds.
    world.log().interval = seconds(3600);
    world.pass(seconds(2)).await;
    let commits = || world.instances[0].way.times(|what| *what == What::Commit);
    let (before, last) = (commits().len(), *commits().last().unwrap());
    for number in 1..4_u32 {
        pass_exactly(&world, last + seconds(2) * number - MILLISECOND).await;
        assert_eq!(commits().len(), before + number as usize - 1);
        world.pass(MILLISECOND).await;
        assert_eq!(commits().len(), before + number as usize);
    }
    // The second that is allowed for late events, and what the clocks may be apart.
    let lag = world.instances[1].lag().unwrap();
    assert!(lag > seconds(7) && lag < seconds(7) + 2 * MILLISECOND, "nothing is covered: {lag:?}");
}

#[test_support::test]
async fn a_leader_whose_log_has_not_begun_renews_its_lead_and_others_ask_now_and_then() {
    let mut world = World::empty();
    world.log().fails = true;
    for _ in 0..2 {
        world.join_with(SECRET, Jitter::of(0.5), true).await;
    }
    world.step = 25 * MILLISECOND;
    world.pass(seconds(20)).await;
    let gaps = |index: usize| {
        let times = world.instances[index].way.times(is_lead);
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.collect::<Vec<_>>()
    };
    assert_eq!(world.leaders(), [0]);
    assert!(gaps(0).len() > 8 && gaps(0).iter().all(|gap| *gap == seconds(2)), "{:?}", gaps(0));
    let pause = Duration::from_millis(2250);
    assert!(gaps(1).len() > 6 && gaps(1).iter().all(|gap| *gap == pause), "{:?}", gaps(1));
}

#[test_support::test]
async fn a_commit_that_hangs_is_given_up_after_two_seconds() {
    let world = two(0.5).await;
    world.pass(seconds(1)).await;
    world.instances[0].way.set(Fault::Hangs);
    world.pass(seconds(1)).await;
    let commit = *world.instances[0].way.times(|what| *what == What::Commit).last().unwrap();
    assert_eq!(commit, seconds(2));
    let asked = world.instances[0].way.times(is_lead).len();
    // Two seconds, and a pause of three quarters of half a second.
    pass_exactly(&world, commit + Duration::from_millis(2375) - MILLISECOND).await;
    assert_eq!(world.status(0).unwrap().commits["failed"], 1);
    assert_eq!(world.instances[0].way.times(is_lead).len(), asked);
    world.pass(MILLISECOND).await;
    assert_eq!(world.instances[0].way.times(is_lead).len(), asked + 1);
}

#[test_support::test]
async fn a_read_waits_a_second_and_is_given_up_two_later() {
    let world = two(0.5).await;
    assert!(world.instances[1].way.reads().iter().all(|(_, wait)| *wait == seconds(1)));
    world.instances[1].way.set(Fault::Hangs);
    world.pass(seconds(2)).await;
    let reads = || world.instances[1].way.times(is_read);
    let last = *reads().last().unwrap();
    let count = reads().len();
    pass_exactly(&world, last + Duration::from_millis(3375) - MILLISECOND).await;
    assert_eq!(reads().len(), count);
    world.pass(MILLISECOND).await;
    assert_eq!(reads().len(), count + 1);
}

#[test_support::test]
async fn a_store_that_fails_is_asked_again_after_pauses_that_double_up_to_four_seconds() {
    let mut world = two(0.5).await;
    world.step = 25 * MILLISECOND;
    world.instances[1].way.set(Fault::Down);
    world.pass(seconds(20)).await;
    let reads = world.instances[1].way.times(is_read);
    let failing = reads.len() - world.status(1).unwrap().reads["failed"] as usize;
    let pauses = reads[failing..].windows(2).map(|pair| (pair[1] - pair[0]).as_millis());
    let pauses: Vec<_> = pauses.take(6).collect();
    assert_eq!(pauses, [375, 750, 1500, 3000, 3000, 3000]);
}

#[test_support::test]
async fn it_is_read_from_as_long_ago_as_answers_may_be_old_and_again_from_two_minutes_before() {
    let world = two(0.5).await;
    let begun = u64::try_from(start().timestamp_millis()).unwrap();
    let way = &world.instances[1].way;
    assert_eq!(way.reads()[0].0, StreamPosition::Since(begun - 600_000));
    let count = way.reads().len();
    world.engine.tamper(|state| state.entries.clear());
    world.pass(MILLISECOND).await;
    assert_eq!(way.reads()[count].0, StreamPosition::Since(begun - 120_000));
}
