//! Single flight: callers that need the same work at the same time share one run of it.

use std::cell::Cell;
use std::future::Future;

use tokio::runtime::Handle;
use tokio::sync::watch;

/// The runs of one piece of work that are under way. It belongs into the state that its owner
/// locks, so that to look at what is known, and to join or to start a run, is one step.
///
/// A run is a task of its own: a caller that gives up takes nothing from the others. It leaves
/// the list before its result is heard of, so a failure reaches exactly those that wait for it,
/// and whatever comes later starts anew. Nothing outlives its run here: the list is as long as
/// there are tasks.
#[derive(Debug)]
pub(crate) struct SingleFlight<T, M = ()> {
    runs: Vec<Run<T, M>>,
    started: u64,
}

#[derive(Debug)]
struct Run<T, M> {
    id: RunId,
    flight: Flight<T>,
    /// What tells whether a caller may join.
    mark: M,
}

/// Tells the runs of one [`SingleFlight`] apart. They are counted from 1.
pub(crate) type RunId = u64;

impl<T, M> Default for SingleFlight<T, M> {
    fn default() -> Self {
        Self { runs: Vec::new(), started: 0 }
    }
}

impl<T, M> SingleFlight<T, M> {
    /// The latest run that may be joined, by its mark.
    pub(crate) fn join(&self, joinable: impl Fn(&M) -> bool) -> Option<Flight<T>> {
        self.runs.iter().rev().find(|run| joinable(&run.mark)).map(|run| run.flight.clone())
    }

    /// Takes a run off the list that has ended.
    pub(crate) fn finish(&mut self, id: RunId) {
        self.runs.retain(|run| run.id != id);
    }

    /// How many runs are under way.
    pub(crate) fn len(&self) -> usize {
        self.runs.len()
    }

    /// How many runs were started so far.
    pub(crate) fn started(&self) -> u64 {
        self.started
    }

    fn add(&mut self, mark: M, flight: impl FnOnce(RunId) -> Flight<T>) -> Flight<T> {
        self.started += 1;
        let (id, flight) = (self.started, flight(self.started));
        self.runs.push(Run { id, flight: flight.clone(), mark });
        flight
    }

    /// A run without a task: for tests without a runtime.
    #[cfg(test)]
    pub(crate) fn start_idle(&mut self, mark: M) -> Flight<T> {
        self.add(mark, |_| Flight { result: watch::channel(None).1 })
    }
}

impl<T: Clone + Send + Sync + 'static, M> SingleFlight<T, M> {
    /// Starts a run on the current tokio runtime.
    ///
    /// When it has ended, `finish` is called with its result before any caller hears of that, or
    /// with `None` if its task panicked or the runtime shuts down. It has to call
    /// [`finish`](Self::finish) here, and may keep the result under the same lock. It is not called
    /// for a run that a runtime in its shutdown does not take: there is no such run afterwards.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(crate) fn start(
        &mut self,
        mark: M,
        work: impl Future<Output = T> + Send + 'static,
        finish: impl FnOnce(RunId, Option<&T>) + Send + 'static,
    ) -> Flight<T> {
        // If there is none, this panics before there is anything that calls `finish` when dropped.
        let runtime = Handle::current();
        let mut is_taken = true;
        let flight = self.add(mark, |id| {
            let (sender, result) = watch::channel(None);
            let mut ending = Ending { id, finish: Some(finish), result: None };
            let task = async move {
                ending.result = Some(work.await);
                // Nobody may be waiting any more; that is no fault.
                let _ = sender.send(ending.end());
            };
            is_taken = hand_over(|| drop(runtime.spawn(task)));
            Flight { result }
        });
        if !is_taken {
            self.finish(self.started);
        }
        flight
    }
}

/// How it stands with the task that this thread is handing to a runtime.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Handover {
    None,
    UnderWay,
    Refused,
}

thread_local! {
    static HANDOVER: Cell<Handover> = const { Cell::new(Handover::None) };
}

/// Hands a task to a runtime, and tells whether it was taken. A runtime in its shutdown drops it on
/// the spot, on this thread, which holds the lock that `finish` would take.
fn hand_over(spawn: impl FnOnce()) -> bool {
    HANDOVER.set(Handover::UnderWay);
    spawn();
    HANDOVER.replace(Handover::None) != Handover::Refused
}

/// Calls `finish` however a task ends: otherwise all callers after a panic would wait for a run
/// that is gone.
struct Ending<T, F: FnOnce(RunId, Option<&T>)> {
    id: RunId,
    finish: Option<F>,
    result: Option<T>,
}

impl<T, F: FnOnce(RunId, Option<&T>)> Ending<T, F> {
    fn end(mut self) -> Option<T> {
        self.call();
        self.result.take()
    }

    fn call(&mut self) {
        if let Some(finish) = self.finish.take() {
            finish(self.id, self.result.as_ref());
        }
    }
}

impl<T, F: FnOnce(RunId, Option<&T>)> Drop for Ending<T, F> {
    fn drop(&mut self) {
        match HANDOVER.get() {
            Handover::None => self.call(),
            // The task was not taken: `start` is told, and cleans up itself.
            Handover::UnderWay | Handover::Refused => HANDOVER.set(Handover::Refused),
        }
    }
}

/// A place to wait for the result of one run. Clones wait for the same.
#[derive(Debug)]
pub(crate) struct Flight<T> {
    result: watch::Receiver<Option<T>>,
}

impl<T> Clone for Flight<T> {
    fn clone(&self) -> Self {
        Self { result: self.result.clone() }
    }
}

impl<T: Clone> Flight<T> {
    /// Waits for the result; `None` if the run was abandoned, because its task panicked or the
    /// runtime is shutting down.
    pub(crate) async fn result(mut self) -> Option<T> {
        let result = self.result.wait_for(Option::is_some).await.ok()?;
        result.clone()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::time::timeout;

    const LIMIT: Duration = Duration::from_secs(60);

    type Shared = Arc<Mutex<SingleFlight<u32>>>;

    fn join_or_start(
        shared: &Shared,
        work: impl Future<Output = u32> + Send + 'static,
    ) -> Flight<u32> {
        let mut runs = shared.lock().unwrap();
        let ended = Arc::clone(shared);
        runs.join(|()| true)
            .unwrap_or_else(|| runs.start((), work, move |id, _| ended.lock().unwrap().finish(id)))
    }

    #[test_support::test]
    async fn many_wait_and_the_work_is_done_once() {
        let (shared, runs) = (Shared::default(), Arc::new(AtomicUsize::new(0)));
        let waiters: Vec<_> = (0..100)
            .map(|_| {
                let runs = Arc::clone(&runs);
                let work = async move {
                    tokio::task::yield_now().await;
                    runs.fetch_add(1, Ordering::SeqCst);
                    7
                };
                tokio::spawn(join_or_start(&shared, work).result())
            })
            .collect();
        for waiter in waiters {
            assert_eq!(timeout(LIMIT, waiter).await.unwrap().unwrap(), Some(7));
        }
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        assert_eq!(shared.lock().unwrap().len(), 0, "nothing stays");
    }

    #[test_support::test]
    async fn the_caller_that_started_it_may_leave() {
        let (shared, (open, gate)) = (Shared::default(), oneshot::channel());
        let first = join_or_start(&shared, async move { gate.await.unwrap_or(0) });
        let second = join_or_start(&shared, async { unreachable!() });
        drop(first);
        open.send(7).unwrap();
        assert_eq!(timeout(LIMIT, second.result()).await.unwrap(), Some(7));
    }

    #[test_support::test]
    async fn abandoned_work_is_reported_and_the_next_caller_starts_anew() {
        let shared = Shared::default();
        let failed = join_or_start(&shared, async { panic!("the work fails") });
        assert_eq!(timeout(LIMIT, failed.result()).await.unwrap(), None);
        let next = join_or_start(&shared, async { 7 });
        assert_eq!(timeout(LIMIT, next.result()).await.unwrap(), Some(7));
        assert_eq!(shared.lock().unwrap().started(), 2);
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().unwrap()
    }

    #[test]
    fn a_runtime_that_shuts_down_takes_no_run_and_leaves_no_lock_held() {
        let shared = Shared::default();
        let runs = Arc::clone(&shared);
        let result = test_support::within(LIMIT / 12, move || {
            let ended = runtime();
            let handle = ended.handle().clone();
            drop(ended);
            let _within = handle.enter();
            let flight = join_or_start(&runs, async { 7 });
            runtime().block_on(flight.result())
        });
        assert_eq!(result, None);
        assert_eq!(shared.lock().unwrap().len(), 0, "nothing stays to be joined");
        let next = runtime().block_on(async { join_or_start(&shared, async { 7 }).result().await });
        assert_eq!(next, Some(7));
    }

    #[test]
    fn without_a_runtime_there_is_a_panic_and_no_lock_is_held() {
        let shared = Shared::default();
        let runs = Arc::clone(&shared);
        let panicked = test_support::within(LIMIT / 12, move || {
            std::thread::spawn(move || drop(join_or_start(&runs, async { 7 }))).join().is_err()
        });
        assert!(panicked);
        assert_eq!(shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).len(), 0);
    }

    #[test]
    fn the_latest_run_that_may_be_joined_is() {
        let mut runs = SingleFlight::<u32, u32>::default();
        let flights = [1, 2, 3].map(|mark| runs.start_idle(mark));
        assert!(runs.join(|mark| *mark > 3).is_none());
        let joined = runs.join(|mark| *mark < 3).unwrap();
        assert!(joined.result.same_channel(&flights[1].result));
        runs.finish(2);
        let joined = runs.join(|mark| *mark < 3).unwrap();
        assert!(joined.result.same_channel(&flights[0].result));
    }
}
