//! The store's clock is set, slow to read, or not to be read at all.

use tokio::task::yield_now;

use super::*;

fn set(store: &Rigged, by: i64) {
    store.rig.off.fetch_add(by, SeqCst);
}

const HOUR_MICROS: i64 = 3_600_000_000;

/// Has instances watch the clock until they read it every 30 seconds.
async fn settle(clock: &ManualClock, instances: &[&Instance]) {
    for pause in [0, 2, 3, 5, 9, 17, 31] {
        clock.advance(pause * SECOND);
        for instance in instances {
            instance.look("tok2").await;
            yield_now().await;
        }
    }
}

#[test_support::test]
async fn an_age_is_never_told_too_low_and_by_the_round_trips_too_high() {
    let (clock, store) = clock_and_store();
    let (one, other) = (Instance::new(&store, 1), Instance::new(&store, 2));
    store.rig.takes.store(2_000, SeqCst);
    let asked_at = clock.monotonic();
    one.put("tok1", &active("a")).await;
    clock.advance(10 * SECOND);
    let found = other.look("tok1").await.unwrap();
    let (age, told) = (clock.monotonic() - asked_at, clock.monotonic() - found.asked_at);
    // A round trip at each side, and the drift of ten seconds at each.
    assert!(told >= age && told - age < Duration::from_millis(2 + 2 + 10), "{:?}", told - age);
    assert_eq!(other.shared.metrics().uncertainty, Some(Duration::from_micros(2_002)));
}

#[test_support::test]
async fn a_clock_that_is_set_costs_misses_and_makes_nothing_younger() {
    for by in [-HOUR_MICROS, HOUR_MICROS] {
        let (clock, store) = clock_and_store();
        let (one, other) = (Instance::new(&store, 1), Instance::new(&store, 2));
        settle(&clock, &[&one, &other]).await;
        one.put("tok1", &active("a")).await;
        assert!(other.look("tok1").await.is_some());
        clock.advance(10 * SECOND);
        set(&store, by);
        // Neither has seen it yet, and both count on as before.
        assert!(other.age("tok1").await.unwrap() >= 10 * SECOND);
        one.put("tok1", &active("b")).await;
        assert!(other.age("tok1").await.unwrap() < SECOND);
        // One that is new sees the other time, and none of these.
        let new = Instance::new(&store, 3);
        let age = new.age("tok1").await;
        assert!(age.is_none_or(|age| age >= 10 * SECOND), "{by}: {age:?}");
        clock.advance(21 * SECOND);
        for instance in [&one, &other, &new] {
            instance.look("tok1").await;
            yield_now().await;
        }
        clock.advance(2 * SECOND);
        for instance in [&one, &other, &new] {
            instance.look("tok1").await;
            yield_now().await;
        }
        // All are on one scale again.
        one.put("tok1", &active("c")).await;
        for instance in [&one, &other, &new] {
            let found = instance.look("tok1").await.unwrap();
            assert_eq!(found.introspection.jti.as_deref(), Some("c"), "{by}");
        }
        assert!(one.shared.metrics().scale_changes > 0);
    }
}

#[test_support::test]
async fn a_store_that_was_flushed_has_a_new_scale_and_old_values_are_none() {
    let (clock, store) = clock_and_store();
    let (one, new) = (Instance::new(&store, 1), Instance::new(&store, 2));
    one.put("tok1", &active("a")).await;
    let name = one.name("tok1").active;
    let value = stolen(&store, &name).await;
    store.inner.flush();
    planted(&store, &name, &value).await;
    assert!(new.look("tok1").await.is_none());
    assert_eq!(new.looks("other_scale"), 1);
    // A sign: the clock is read again after a second, although it was read just now.
    let times = store.rig.times.load(SeqCst);
    clock.advance(SECOND + MOMENT);
    assert!(new.look("tok1").await.is_none());
    yield_now().await;
    assert_eq!(store.rig.times.load(SeqCst), times + 1);
}

#[test_support::test]
async fn the_clock_is_read_soon_again_and_then_every_30_seconds_behind_a_look() {
    let (clock, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    let times = async |after: Duration| {
        clock.advance(after);
        one.look("tok1").await;
        yield_now().await;
        store.rig.times.load(SeqCst)
    };
    assert_eq!(times(Duration::ZERO).await, 1);
    assert_eq!(times(SECOND).await, 1);
    assert_eq!(times(40 * SECOND).await, 2);
    assert_eq!(times(30 * SECOND).await, 2);
    assert_eq!(times(MOMENT).await, 3);
    assert_eq!(times(30 * SECOND).await, 3);
    assert_eq!(times(MOMENT).await, 4);
}

#[test_support::test]
async fn a_reading_that_takes_too_long_does_not_count() {
    let (clock, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    store.rig.takes.store(100_002, SeqCst);
    assert!(one.look("tok1").await.is_none());
    assert_eq!((one.looks("failed"), store.calls()), (1, 1));
    store.rig.takes.store(100_000, SeqCst);
    assert!(one.look("tok1").await.is_none());
    assert_eq!((one.looks("miss"), store.calls()), (1, 3));
    assert!(clock.elapsed() < SECOND);
}

#[test_support::test]
async fn without_a_reading_for_90_seconds_there_is_no_second_level() {
    let (clock, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    one.put("tok1", &active("a")).await;
    clock.advance(90 * SECOND);
    // The reading behind this look is not let through.
    store.rig.takes.store(200_000, SeqCst);
    assert!(one.look("tok1").await.is_some());
    yield_now().await;
    clock.advance(MOMENT);
    let calls = store.calls();
    assert!(one.look("tok1").await.is_none());
    assert_eq!(store.calls(), calls + 1, "the clock, and no value");
}

#[test_support::test]
async fn after_a_failure_the_clock_is_read_before_anything_else_counts() {
    let (clock, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    one.put("tok1", &active("a")).await;
    store.rig.fails.store(true, SeqCst);
    assert!(one.look("tok1").await.is_none());
    store.rig.fails.store(false, SeqCst);
    // Another one took over, whose clock is five seconds behind.
    set(&store, -5_000_000);
    clock.advance(10 * SECOND);
    assert!(one.look("tok1").await.is_none());
    assert_eq!(one.looks("other_scale"), 1);
    one.put("tok1", &active("b")).await;
    assert!(Instance::new(&store, 2).age("tok1").await.unwrap() < SECOND);
}

#[test_support::test]
async fn an_engine_whose_time_lies_is_noticed_by_the_wall() {
    let (clock, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    one.put("tok1", &active("a")).await;
    // Time stands still for whoever asks anew.
    for (minutes, is_found) in [(10, true), (11, false)] {
        let by = i64::try_from(clock.elapsed().as_micros()).unwrap();
        clock.advance(minutes * 60 * SECOND - Duration::from_micros(by.unsigned_abs()) - MOMENT);
        store.rig.off.store(-i64::try_from(clock.elapsed().as_micros()).unwrap(), SeqCst);
        let new = Instance::new(&store, u64::from(minutes));
        assert_eq!(new.look("tok1").await.is_some(), is_found, "{minutes}");
    }
}

#[test_support::test]
async fn ages_by_wall_clocks_may_differ_by_ten_minutes_and_not_by_a_second_more() {
    let (clock, store) = clock_and_store();
    let (one, other) = (Instance::new(&store, 1), Instance::new(&store, 2));
    settle(&clock, &[&one, &other]).await;
    one.put("tok1", &active("a")).await;
    for (off, is_found) in [(599, true), (601, false), (-599, true), (-601, false)] {
        other.wall.store(off * 1_000_000, SeqCst);
        assert_eq!(other.look("tok1").await.is_some(), is_found, "{off}");
    }
    clock.advance(601 * SECOND);
    other.look("tok1").await;
    for (off, is_found) in [(599, true), (602, false), (-599, true), (-602, false)] {
        other.wall.store(off * 1_000_000, SeqCst);
        assert_eq!(other.look("tok1").await.is_some(), is_found, "{off}");
        // However far they are, ages are told by the store's clock.
        assert!(other.age("tok1").await.is_none_or(|age| age < 603 * SECOND));
    }
}

#[test_support::test]
async fn where_two_never_watched_the_clock_at_one_time_walls_agree_or_it_is_none() {
    let (clock, store) = clock_and_store();
    let (one, other) = (Instance::new(&store, 1), Instance::new(&store, 2));
    one.put("tok1", &active("a")).await;
    clock.advance(10 * SECOND);
    for (off, is_found) in [(1_990, true), (2_010, false), (-1_990, true), (-2_010, false)] {
        other.wall.store(off * 1_000, SeqCst);
        let age = other.age("tok1").await;
        assert_eq!(age.is_some(), is_found, "{off}");
        let least = Duration::from_millis(10_000 + u64::try_from(off).unwrap_or(0));
        assert!(age.is_none_or(|age| age >= least), "{off}: {age:?}");
    }
}

#[test_support::test]
async fn instances_whose_walls_differ_share_after_seconds() {
    let (clock, store) = clock_and_store();
    let (one, other) = (Instance::new(&store, 1), Instance::new(&store, 2));
    one.wall.store(300_000_000, SeqCst);
    let mut shared_after = None;
    for second in 0..10 {
        one.put("tok1", &active("a")).await;
        clock.advance(MOMENT);
        if other.look("tok1").await.is_some() {
            shared_after = shared_after.or(Some(second));
        }
        yield_now().await;
        clock.advance(SECOND);
        one.look("tok2").await;
        yield_now().await;
    }
    assert_eq!(shared_after, Some(1));
}

/// A clock is set so little, and so soon before somebody looks, that nothing else tells.
#[test_support::test]
async fn a_step_between_two_that_never_met_makes_nothing_younger() {
    for (by, wait) in [(25, 27), (-5, 6), (1, 1), (-1, 2)] {
        let (clock, store) = clock_and_store();
        let (old, new) = (Instance::new(&store, 1), Instance::new(&store, 2));
        settle(&clock, &[&old]).await;
        clock.advance(10 * SECOND);
        set(&store, by * 1_000_000);
        clock.advance(SECOND);
        new.look("tok1").await;
        // Ahead, what the new one writes is of the future to the old one, and behind, the other way.
        let (writer, reader) = if by > 0 { (&new, &old) } else { (&old, &new) };
        let asked_at = clock.monotonic();
        writer.put("tok1", &active("a")).await;
        clock.advance(wait * SECOND);
        let age = reader.age("tok1").await;
        assert!(age.is_none_or(|age| age >= clock.monotonic() - asked_at), "{by}: {age:?}");
        assert_eq!(age.is_some(), by.abs() < 2, "{by}");
    }
}
