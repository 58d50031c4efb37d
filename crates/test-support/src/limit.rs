//! A real time limit around a test: whatever waits for ever fails by name instead.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// How long a test may take. Tests inject time, so the slowest takes a quarter of this on a quiet
/// computer; `TEST_SECONDS` in the environment allows more on a slow one.
const LIMIT: Duration = Duration::from_secs(50);

/// Runs a test in a thread of its own.
///
/// The thread of a test that hangs cannot be stopped, not even between two polls: it is left
/// behind, and ends with the process.
///
/// # Panics
///
/// As `test` does, and when that has not ended in time.
pub fn limited<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    within(limit(), test)
}

/// The same with a limit of its own.
///
/// # Panics
///
/// As [`limited`] does.
pub fn within<T: Send + 'static>(limit: Duration, test: impl FnOnce() -> T + Send + 'static) -> T {
    let name = thread::current().name().unwrap_or("a test without a name").to_owned();
    let (sender, end) = mpsc::channel();
    thread::Builder::new()
        .name(name.clone())
        .spawn(move || sender.send(panic::catch_unwind(AssertUnwindSafe(test))))
        .expect("the system has a thread to give");
    match end.recv_timeout(limit) {
        Ok(Ok(value)) => value,
        Ok(Err(payload)) => panic::resume_unwind(payload),
        Err(_) => panic!("`{name}` has not ended after {limit:?}"),
    }
}

/// Runs an async test on a runtime of one thread.
///
/// # Panics
///
/// As [`limited`] does.
pub fn on_one_thread<F>(test: impl FnOnce() -> F + Send + 'static) -> F::Output
where
    F: Future<Output: Send + 'static>,
{
    on_runtime(Builder::new_current_thread(), test)
}

/// Runs an async test on a runtime of several threads.
///
/// # Panics
///
/// As [`limited`] does.
pub fn on_many_threads<F>(test: impl FnOnce() -> F + Send + 'static) -> F::Output
where
    F: Future<Output: Send + 'static>,
{
    on_runtime(Builder::new_multi_thread(), test)
}

fn on_runtime<F>(mut runtime: Builder, test: impl FnOnce() -> F + Send + 'static) -> F::Output
where
    F: Future<Output: Send + 'static>,
{
    limited(move || {
        let runtime: Runtime = runtime.enable_all().build().expect("a runtime starts");
        runtime.block_on(test())
    })
}

fn limit() -> Duration {
    let seconds = std::env::var("TEST_SECONDS").ok().and_then(|text| text.parse().ok());
    seconds.map_or(LIMIT, Duration::from_secs)
}
