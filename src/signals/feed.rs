//! Applies signals to checkers.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::event::LogEvent;
use super::seen::Seen;
use super::signal::{Signal, SourceKind, Subject};
use super::status::{SourceState, SourceStatus};
use crate::checker::{Checker, Invalidation, SignalMode};
use crate::clock::{Clock, SystemClock};

/// Applies the signals of all sources to checkers: what a signal names is asked about again. Cheap
/// to clone; clones share everything.
///
/// Signals may come in any order, late, and more than once; a signal too many costs a question, and
/// never makes an answer count that should not. A checker whose [mode](SignalMode) is `Off` is left
/// alone. What was applied is remembered by its source and
/// id, the latest [`REMEMBERED`](Self::REMEMBERED) at least, so that a repetition costs nothing.
///
/// # Example: one feed for the checkers of two services
///
/// ```
/// use okta_introspect::Checker;
/// use okta_introspect::signals::{Applied, Feed, Signal, SourceKind, Subject};
///
/// fn deactivated(orders: &Checker, billing: &Checker, client: &str) {
///     let feed = Feed::new([orders.clone(), billing.clone()]);
///     let subject = Subject::Client(client.to_owned());
///     let signal = Signal::new(SourceKind::EventHook, "application.lifecycle.deactivate", [subject]);
///     assert_eq!(feed.apply(&signal), Applied::New);
/// }
/// ```
#[derive(Clone)]
pub struct Feed {
    inner: Arc<Inner>,
}

struct Inner {
    checkers: RwLock<Checkers>,
    clock: Arc<dyn Clock>,
    observer: Option<Box<Observer>>,
    /// By what other instances hear of signals.
    relays: Mutex<Vec<Sender<Signal>>>,
    seen: Mutex<Seen>,
    sources: [Mutex<SourceState>; SourceKind::ALL.len()],
}

/// The checkers that the signals are for.
#[derive(Debug, Default)]
struct Checkers {
    current: Vec<Checker>,
    /// Those that had their place before: checks may be under way there.
    earlier: Vec<Checker>,
    /// The org whose log is followed without a gap.
    covered: Option<String>,
}

impl Checkers {
    fn all(&self) -> impl Iterator<Item = &Checker> {
        self.current.iter().chain(&self.earlier)
    }
}

/// Those that take signals.
fn fed(checkers: impl IntoIterator<Item = Checker>) -> Vec<Checker> {
    checkers.into_iter().filter(|checker| checker.signal_mode() != SignalMode::Off).collect()
}

type Observer = dyn Fn(&Signal, Applied) + Send + Sync;

/// What came of a signal.
///
/// # Example
///
/// ```
/// use okta_introspect::signals::{Applied, Feed, Signal, SourceKind};
///
/// let (feed, signal) = (Feed::new([]), Signal::new(SourceKind::EventHook, "x", []).id("e1"));
/// assert_eq!([feed.apply(&signal), feed.apply(&signal)], [Applied::New, Applied::Repeated]);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Applied {
    /// What it names is asked about again.
    New,
    /// It was applied before.
    Repeated,
    /// It says nothing of tokens.
    Ignored,
}

impl Feed {
    /// So many signals at least are remembered, in some 50 bytes each.
    pub const REMEMBERED: usize = 32_768;

    /// A feed of these checkers, by their clock.
    pub fn new(checkers: impl IntoIterator<Item = Checker>) -> Self {
        FeedBuilder::new(checkers).build()
    }

    /// Begins a feed of these checkers.
    pub fn builder(checkers: impl IntoIterator<Item = Checker>) -> FeedBuilder {
        FeedBuilder::new(checkers)
    }

    /// Applies a signal. When this returns, no check that begins is answered by what was known
    /// before about a token that the signal names.
    pub fn apply(&self, signal: &Signal) -> Applied {
        let applied = self.apply_told(signal);
        // What is in the log is read for all.
        if applied == Applied::New && signal.source != SourceKind::SystemLog {
            self.relay(signal);
        }
        applied
    }

    /// As [`apply`](Self::apply), for what the other instances have been told.
    pub(super) fn apply_told(&self, signal: &Signal) -> Applied {
        if self.has_applied(signal) {
            self.source(signal.source).repeated(self.inner.clock.now());
            return self.observed(signal, Applied::Repeated);
        }
        for checker in self.checkers().all() {
            for subject in &signal.subjects {
                invalidate(checker, subject);
            }
        }
        // Only now: a second one that comes meanwhile must not pass for applied.
        if !signal.id.is_empty() {
            self.seen().insert(signal.source, &signal.id);
        }
        self.source(signal.source).applied(signal, self.inner.clock.now());
        self.observed(signal, Applied::New)
    }

    /// Puts checkers in the place of those that the signals were for, where a service makes itself
    /// anew while it runs. Call it before the new ones are asked: no signal passes them by then.
    /// Those that are replaced hear of signals until they are replaced again, for the checks that
    /// are under way there.
    pub fn replace(&self, checkers: impl IntoIterator<Item = Checker>) {
        let (current, now) = (fed(checkers), self.inner.clock.monotonic());
        let mut checkers = self.inner.checkers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(org) = &checkers.covered {
            current.iter().for_each(|checker| begin(checker, now, org));
        }
        checkers.earlier = std::mem::replace(&mut checkers.current, current);
    }

    /// Applies an event of Okta's System Log that came from `source`, if it is about tokens.
    pub fn apply_event(&self, source: SourceKind, event: &LogEvent) -> Applied {
        match event.signal(source) {
            Some(signal) => self.apply(&signal),
            None => self.ignored(source),
        }
    }

    /// Counts what says nothing of tokens.
    pub(super) fn ignored(&self, source: SourceKind) -> Applied {
        self.source(source).ignored(self.inner.clock.now());
        Applied::Ignored
    }

    /// Whether a signal is known to have been applied.
    pub(super) fn has_applied(&self, signal: &Signal) -> bool {
        !signal.id.is_empty() && self.seen().contains(signal.source, &signal.id)
    }

    /// Declares everything invalid, because signals of this source may have been lost. `why` is the
    /// kind of the signal that this counts as.
    pub fn invalidate_everything(&self, source: SourceKind, why: &str) {
        self.source(source).gap();
        self.apply_told(&Signal::new(source, why, [Subject::Everything]));
    }

    /// Counts something that failed at a source, by a word for the reason.
    pub fn failed(&self, source: SourceKind, reason: &'static str) {
        self.source(source).failed(reason);
    }

    /// As [`failed`](Self::failed), where signals come all the same.
    pub(super) fn noted(&self, source: SourceKind, reason: &'static str) {
        self.source(source).noted(reason);
    }

    /// How the sources are doing that were ever heard of.
    pub fn status(&self) -> Vec<SourceStatus> {
        let now = self.inner.clock.monotonic();
        SourceKind::ALL.into_iter().filter_map(|source| self.source(source).snapshot(now)).collect()
    }

    /// From `since` on the System Log of this org is followed without a gap. What becomes of the
    /// tokens of another org is not in it.
    pub(super) fn begin_coverage(&self, since: Instant, org: &str) {
        let mut checkers = self.inner.checkers.write().unwrap_or_else(PoisonError::into_inner);
        checkers.covered = Some(org.to_owned());
        checkers.all().for_each(|checker| begin(checker, since, org));
    }

    /// All that the System Log of this org tells of what happened up to `until` has been applied; it
    /// is to say so again within `due`.
    pub(super) fn advance_coverage(&self, until: Instant, due: Duration, org: &str) {
        let clock = &self.inner.clock;
        let now = (clock.monotonic(), clock.now());
        let checkers = self.checkers();
        let covered = checkers.all().filter(|checker| checker.is_of(org));
        covered.for_each(|checker| checker.coverage().advance(until));
        drop(checkers);
        self.source(SourceKind::SystemLog).covered(until, now, due);
    }

    /// Gives new signals to other instances, too, for as long as there is a receiver.
    pub(super) fn relay_to(&self, relay: Sender<Signal>) {
        self.relays().push(relay);
    }

    fn relay(&self, signal: &Signal) {
        let full = |relay: &Sender<Signal>| {
            let sent = relay.try_send(signal.clone());
            matches!(sent, Err(TrySendError::Full(_)))
        };
        let mut relays = self.relays();
        relays.retain(|relay| !relay.is_closed());
        if relays.iter().filter(|relay| full(relay)).count() > 0 {
            self.noted(signal.source, "not_shared");
        }
    }

    /// The greatest age that an answer may have at any of the checkers.
    pub(super) fn max_age_limit(&self) -> Duration {
        self.checkers().all().map(Checker::max_age_limit).max().unwrap_or_default()
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    fn observed(&self, signal: &Signal, applied: Applied) -> Applied {
        if let Some(observer) = &self.inner.observer {
            observer(signal, applied);
        }
        applied
    }

    fn checkers(&self) -> RwLockReadGuard<'_, Checkers> {
        self.inner.checkers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn relays(&self) -> MutexGuard<'_, Vec<Sender<Signal>>> {
        self.inner.relays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn source(&self, source: SourceKind) -> MutexGuard<'_, SourceState> {
        self.inner.sources[source.index()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins the coverage of a checker that asks at this org alone.
fn begin(checker: &Checker, since: Instant, org: &str) {
    if checker.is_of(org) {
        return checker.coverage().begin(since);
    }
    if checker.signal_mode() != SignalMode::Purge {
        tracing::warn!(
            org,
            ?checker,
            "a checker also asks at other addresses than that of the System Log, which tells nothing of their tokens: none of its answers is extended"
        );
    }
}

/// Tells a checker what is not to be believed any more.
fn invalidate(checker: &Checker, subject: &Subject) {
    let raise = |named| checker.invalidate(named);
    match subject {
        // Both: which of them the checker's answers have is not known here.
        Subject::Token { jti, hash } => {
            jti.iter().for_each(|jti| raise(Invalidation::Jti(jti)));
            hash.iter().for_each(|hash| raise(Invalidation::TokenHash(hash)));
        }
        // A login concerns every token of which no login is known, such as those of clients.
        Subject::User { id: Some(id), .. } => raise(Invalidation::User(id)),
        Subject::User { id: None, logins } => {
            logins.iter().for_each(|login| raise(Invalidation::Login(login)));
        }
        Subject::Client(id) => raise(Invalidation::Client(id)),
        Subject::Server(server) => raise(Invalidation::Server(server)),
        Subject::Everything => raise(Invalidation::Everything),
    }
}

/// Builds a [`Feed`].
///
/// # Example: print what would be asked about again
///
/// ```
/// use okta_introspect::signals::Feed;
///
/// let feed = Feed::builder([]).on_signal(|signal, _| println!("{signal:?}")).build();
/// ```
#[must_use]
pub struct FeedBuilder {
    checkers: Vec<Checker>,
    clock: Option<Arc<dyn Clock>>,
    observer: Option<Box<Observer>>,
}

impl FeedBuilder {
    fn new(checkers: impl IntoIterator<Item = Checker>) -> Self {
        Self { checkers: checkers.into_iter().collect(), clock: None, observer: None }
    }

    /// The clock. Default: that of the first checker, and the system's where there is none. The
    /// checkers' ages are told by it, so it is to be theirs.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Hears of every signal, after it was applied. It is called where the signal comes in, and
    /// must not block.
    pub fn on_signal(
        mut self,
        observer: impl Fn(&Signal, Applied) + Send + Sync + 'static,
    ) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// The feed.
    pub fn build(self) -> Feed {
        let of_checker = || self.checkers.first().map(|checker| Arc::clone(checker.shared_clock()));
        let clock = self.clock.or_else(of_checker).unwrap_or_else(|| Arc::new(SystemClock));
        let checkers = Checkers { current: fed(self.checkers), ..Checkers::default() };
        let (checkers, observer) = (RwLock::new(checkers), self.observer);
        let sources = SourceKind::ALL.map(|source| Mutex::new(SourceState::new(source)));
        let seen = Mutex::new(Seen::new(Feed::REMEMBERED));
        let relays = Mutex::default();
        let inner = Inner { checkers, clock, observer, relays, seen, sources };
        Feed { inner: Arc::new(inner) }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("checkers", &self.inner.checkers).finish_non_exhaustive()
    }
}

impl fmt::Debug for FeedBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedBuilder").field("checkers", &self.checkers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use chrono::DateTime;
    use std::collections::BTreeMap;

    fn feed() -> (Feed, ManualClock, Arc<Mutex<Vec<Applied>>>) {
        let clock = ManualClock::new(DateTime::UNIX_EPOCH);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&heard);
        let feed = Feed::builder([]).clock(clock.clone());
        let feed = feed.on_signal(move |_, applied| own.lock().unwrap().push(applied)).build();
        (feed, clock, heard)
    }

    fn signal(source: SourceKind, id: &str) -> Signal {
        Signal::new(source, "k", [Subject::Client("0oa1".to_owned())]).id(id)
    }

    #[test]
    fn a_signal_is_new_once_for_each_source_and_always_without_an_id() {
        let (feed, _, heard) = feed();
        let (log, hook) = (SourceKind::SystemLog, SourceKind::EventHook);
        let (new, repeated) = (Applied::New, Applied::Repeated);
        for (signal, expected) in [
            (signal(log, "e1"), new),
            (signal(log, "e1"), repeated),
            (signal(hook, "e1"), new),
            (signal(log, ""), new),
            (signal(log, ""), new),
        ] {
            assert_eq!(feed.apply(&signal), expected);
        }
        assert_eq!(*heard.lock().unwrap(), [new, repeated, new, new, new]);
        let [log, hook] = &feed.status()[..] else { panic!("{:?}", feed.status()) };
        assert_eq!((log.repeated, &log.events), (1, &BTreeMap::from([("k".to_owned(), 3)])));
        assert_eq!((hook.repeated, hook.events["k"]), (0, 1));
    }

    #[test]
    fn what_is_remembered_and_counted_is_bounded() {
        let (feed, ..) = feed();
        for number in 0..100_000 {
            let mut signal = signal(SourceKind::EventHook, &number.to_string());
            signal.kind = number.to_string();
            feed.apply(&signal);
        }
        let [status] = &feed.status()[..] else { panic!("{:?}", feed.status()) };
        assert_eq!(status.events.len(), SourceStatus::MAX_KINDS + 1);
        assert_eq!(status.events.values().sum::<u64>(), 100_000);
        assert_eq!(feed.apply(&signal(SourceKind::EventHook, "99999")), Applied::Repeated);
        assert_eq!(feed.apply(&signal(SourceKind::EventHook, "0")), Applied::New);
    }

    #[test]
    fn the_lag_of_a_source_that_has_told_all_grows_until_it_does_so_again() {
        let (feed, clock, _) = feed();
        let (second, start) = (Duration::from_secs(1), clock.monotonic());
        clock.advance(10 * second);
        feed.advance_coverage(start + 8 * second, 5 * second, "");
        for (after, lag, healthy) in [(0, 2, true), (5, 7, true), (6, 8, false)] {
            clock.advance(Duration::from_secs(after) - clock.elapsed().saturating_sub(10 * second));
            let [status] = &feed.status()[..] else { panic!("{:?}", feed.status()) };
            assert_eq!((status.lag, status.healthy), (Some(lag * second), Some(healthy)));
        }
        feed.advance_coverage(start + 15 * second, 5 * second, "");
        assert_eq!(feed.status()[0].healthy, Some(true));
        feed.failed(SourceKind::SystemLog, "malformed");
        assert_eq!(feed.status()[0].healthy, Some(false));
        assert_eq!(feed.status()[0].errors, BTreeMap::from([("malformed", 1)]));
    }

    #[test]
    fn a_gap_counts_and_names_everything() {
        let (feed, ..) = feed();
        assert_eq!(feed.status(), []);
        feed.invalidate_everything(SourceKind::SystemLog, "gap");
        let [status] = &feed.status()[..] else { panic!("{:?}", feed.status()) };
        assert_eq!((status.gaps, status.events["gap"]), (1, 1));
    }
}
