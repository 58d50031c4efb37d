//! How often the log is asked.

use okta_introspect::Clock;
use okta_introspect::checker::SignalMode;
use test_support::reply_with;

use super::World;
use crate::support::seconds;

#[test_support::test]
async fn beside_a_program_that_uses_sixty_per_cent_nothing_is_refused() {
    for others in [0, 30, 72, 100] {
        let world = World::new(SignalMode::Extend).await;
        world.log.limited_beside(others);
        let mut log = world.follow();
        let end = world.clock.elapsed() + seconds(600);
        while world.clock.elapsed() < end {
            world.turn(&mut log).await;
            assert!(world.covered() <= world.clock.monotonic());
        }
        let calls = world.log.call_times().len();
        assert_eq!((world.log.refused(), world.status().errors.len()), (0, 0), "{others}");
        let least = (120 - others).min(60) as usize * 10 * 7 / 10;
        assert!((least..=600).contains(&calls), "{others}: {calls}");
    }
}

#[test_support::test]
async fn after_a_refusal_for_too_many_calls_it_waits_as_long_as_it_was_told() {
    let world = World::new(SignalMode::Purge).await;
    let mut log = world.follow();
    world.turn(&mut log).await;
    let refusal = reply_with(429, &[("retry-after", "23")], r#"{"errorCode":"E0000047"}"#);
    world.log.fails([refusal]);
    let begun = world.clock.elapsed();
    let covered = world.covered();
    world.turn(&mut log).await;
    assert!(world.clock.elapsed() - begun >= seconds(23));
    assert_eq!((world.covered(), world.status().healthy), (covered, Some(false)));
    world.turn(&mut log).await;
    assert_eq!((world.status().healthy, world.status().gaps), (Some(true), 0));
    assert_eq!(world.errors(), [("rate_limited", 1)]);
}
