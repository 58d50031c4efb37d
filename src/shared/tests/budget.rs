//! A store that is slow, or fails.

use tokio::task::{JoinHandle, yield_now};

use super::*;

/// A look of a caller that can wait so long.
fn looking(one: &Instance, wait_left: Duration) -> JoinHandle<Option<Answer>> {
    let (shared, clock, name) = (one.shared.clone(), Arc::clone(&one.clock), one.name("tok1"));
    tokio::spawn(async move { shared.look(&clock, &name, wait_left, |_| true).await })
}

#[test_support::test]
async fn a_look_has_20_ms_and_a_fifth_of_what_is_left_at_most() {
    let (clock, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    store.rig.hangs.store(true, SeqCst);
    for (wait_left, budget) in [(5_000, 20), (101, 20), (100, 20), (95, 19), (50, 10), (5, 1)] {
        let look = looking(&one, Duration::from_millis(wait_left));
        yield_now().await;
        clock.advance(Duration::from_millis(budget) - MOMENT);
        yield_now().await;
        assert!(!look.is_finished(), "{wait_left}");
        clock.advance(MOMENT);
        assert!(look.await.unwrap().is_none());
        one.shared.inner.circuit.admit(clock.monotonic()).unwrap().answered();
    }
    assert_eq!(one.looks("failed"), 6);
}

#[test_support::test]
async fn all_round_trips_of_a_look_share_one_budget() {
    let (clock, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    // The clock is read in 15 ms, and 5 ms are left for the rest.
    store.rig.hangs_after.store(1, SeqCst);
    store.rig.takes.store(15_000, SeqCst);
    let look = looking(&one, LONG);
    yield_now().await;
    clock.advance(Duration::from_millis(4));
    yield_now().await;
    assert!(!look.is_finished());
    clock.advance(MOMENT);
    assert!(look.await.unwrap().is_none());
}

#[test_support::test]
async fn a_store_that_fails_five_times_is_left_alone_for_longer_and_longer() {
    let (clock, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    one.put("tok1", &active("a")).await;
    store.rig.fails.store(true, SeqCst);
    let before = store.calls();
    for _ in 0..20 {
        assert!(one.look("tok1").await.is_none());
    }
    assert_eq!(store.calls() - before, 5);
    assert_eq!([one.looks("failed"), one.looks("circuit_open")], [5, 15]);
    let mut longest = Duration::ZERO;
    for pause in [1, 2, 4, 8, 8, 8_u32] {
        let calls = store.calls();
        let begun = clock.monotonic();
        while store.calls() == calls {
            clock.advance(10 * MOMENT);
            assert!(one.look("tok1").await.is_none());
        }
        // By up to a half less, so that not all instances come at once.
        longest = clock.monotonic() - begun;
        assert!(
            longest <= pause * SECOND + 10 * MOMENT && longest >= pause * SECOND / 2,
            "{pause}"
        );
    }
    assert!(longest >= 4 * SECOND);
    store.rig.fails.store(false, SeqCst);
    clock.advance(30 * SECOND);
    assert!(one.look("tok1").await.is_some());
    store.rig.fails.store(true, SeqCst);
    assert!(one.look("tok1").await.is_none());
    assert_eq!(one.looks("failed"), 5 + 6 + 1);
}

#[test_support::test]
async fn callers_without_time_neither_close_the_store_to_others_nor_cast_doubt_on_it() {
    let (clock, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    one.put("tok1", &active("a")).await;
    store.rig.hangs.store(true, SeqCst);
    for _ in 0..10 {
        let look = looking(&one, Duration::from_millis(24));
        yield_now().await;
        clock.advance(5 * MOMENT);
        assert!(look.await.unwrap().is_none());
    }
    store.rig.hangs.store(false, SeqCst);
    let times = store.rig.times.load(SeqCst);
    assert!(one.look("tok1").await.is_some());
    assert_eq!(store.rig.times.load(SeqCst), times);
    store.rig.hangs.store(true, SeqCst);
    for _ in 0..5 {
        let look = looking(&one, Duration::from_millis(25));
        yield_now().await;
        clock.advance(5 * MOMENT);
        assert!(look.await.unwrap().is_none());
    }
    store.rig.hangs.store(false, SeqCst);
    assert!(one.look("tok1").await.is_none());
    assert_eq!(one.looks("circuit_open"), 1);
}

#[test_support::test]
async fn a_put_delays_nobody_and_only_so_many_are_under_way() {
    let (clock, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    assert!(one.look("tok1").await.is_none());
    store.rig.hangs.store(true, SeqCst);
    let calls = store.calls();
    let (name, now) = (one.name("tok1"), clock.monotonic());
    for _ in 0..257 {
        one.shared.put(&one.clock, &name, &active("a"), now, HOUR);
    }
    assert_eq!(one.shared.metrics().puts["dropped"], 1);
    while store.calls() < calls + 256 {
        yield_now().await;
    }
    clock.advance(Duration::from_millis(20));
    while one.shared.metrics().puts["failed"] < 256 {
        yield_now().await;
    }
    store.rig.hangs.store(false, SeqCst);
    clock.advance(30 * SECOND);
    one.put("tok1", &active("a")).await;
    assert_eq!(one.shared.metrics().puts["done"], 1);
}

#[test_support::test]
async fn an_answer_that_is_too_long_for_a_value_is_not_put() {
    let (_, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    let empty = serde_json::to_vec(&active("")).unwrap().len();
    // A head of 48 bytes, and what seals it.
    let most = MAX_VALUE - 48 - (1 + 4 + 32 + 32) - empty;
    one.look("tok1").await;
    let calls = store.calls();
    one.put("tok1", &active(&"x".repeat(most + 1))).await;
    assert_eq!((one.shared.metrics().puts["failed"], store.calls()), (1, calls));
    one.put("tok1", &active(&"x".repeat(most))).await;
    assert_eq!(one.shared.metrics().puts["done"], 1);
    assert!(one.look("tok1").await.is_some());
}

#[test]
fn outside_of_a_runtime_nothing_is_put() {
    let (clock, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    one.shared.put(&one.clock, &one.name("tok1"), &active("a"), clock.monotonic(), HOUR);
    assert_eq!((store.calls(), one.shared.metrics().puts["dropped"]), (0, 1));
}
