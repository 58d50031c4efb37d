//! The limit that every async test has.

use std::panic::catch_unwind;
use std::sync::mpsc;
use std::time::Duration;

#[test]
fn a_test_that_hangs_in_a_poll_fails_by_name() {
    let (_open, never) = mpsc::channel::<()>();
    let hang = move || test_support::within(Duration::from_millis(50), move || never.recv());
    let payload = catch_unwind(std::panic::AssertUnwindSafe(hang)).unwrap_err();
    let message = payload.downcast_ref::<String>().unwrap();
    assert!(message.contains("a_test_that_hangs_in_a_poll_fails_by_name"), "{message}");
}

#[test_support::test]
#[should_panic = "the test's own words"]
async fn a_test_that_fails_says_why() {
    panic!("the test's own words");
}
