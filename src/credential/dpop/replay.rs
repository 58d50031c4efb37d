//! Remembers used proofs, so that each is good once
//! ([RFC 9449 §11.1](https://www.rfc-editor.org/rfc/rfc9449#section-11.1)).

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::Proof;
use super::digest::{Digest, digest};
use super::repeats::Repeats;

/// What a check does about the replay of a proof.
///
/// # Example: before a backend that takes care of it
///
/// A proof is good once. Where a proxy checks a request in front of a backend that checks it again,
/// one of the two records the use, and the other must not take it for the second.
///
/// ```no_run
/// # use okta_introspect::{Error, checker::{Checker, Presented, Requirement}};
/// use okta_introspect::checker::Replay;
///
/// # async fn example(checker: Checker, any: Requirement, presented: Presented<'_>) -> Result<(), Error> {
/// let verdict = checker.check(presented.replay(Replay::CheckOnly), &any).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Replay {
    /// A proof that was used before is refused, and the use of one that was not is recorded.
    #[default]
    Consume,
    /// A proof whose use is recorded is refused, and nothing is recorded: the proof is still good
    /// for a check that consumes it.
    CheckOnly,
    /// Nothing is looked up or recorded: within its time a proof can be used any number of times
    /// for the same method and URL. All else about it is validated. For a gate before a service
    /// that sees to replays itself.
    Off,
}

impl Replay {
    /// Every name that [`as_str`](Self::as_str) gives, in the order of the variants.
    pub const NAMES: [&str; 3] = ["consume", "check_only", "off"];

    /// A name for settings and logs; one of [`NAMES`](Self::NAMES).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consume => "consume",
            Self::CheckOnly => "check_only",
            Self::Off => "off",
        }
    }

    /// What has this name, if anything has.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Consume, Self::CheckOnly, Self::Off].into_iter().find(|one| one.as_str() == name)
    }
}

/// The used proofs, in generations. A generation is forgotten as a whole, by the monotonic clock:
/// once everything in it is too old to be used again if the wall clock runs on steadily.
///
/// The wall clock may be set back, and then what was forgotten would look young again. So the
/// `iat`s of forgotten generations are kept as ranges, in which no proof is taken any more. A step
/// of the wall clock begins a new generation: so each range is as short as its generation, and a
/// clock that was ahead does not shut out what is dated between then and now.
#[derive(Debug)]
pub(super) struct ReplayMemory {
    /// How long a proof can be used.
    usable_for: Duration,
    capacity: usize,
    max_per_key: usize,
    /// The oldest first.
    generations: VecDeque<Generation>,
    forgotten: Vec<Dates>,
    repeats: Repeats,
}

/// The first and the last `iat`, both included.
type Dates = (i64, i64);

#[derive(Debug)]
struct Generation {
    began: Now,
    proofs: HashSet<Digest>,
    by_key: HashMap<Digest, usize>,
    dates: Option<Dates>,
}

/// Which use of a proof a request makes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Use {
    First,
    /// The proxy that made the first asks about the same request again.
    Repeated,
}

/// Why the use of a proof is not recorded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NotRecorded {
    /// It was used before.
    Replayed,
    /// It is of a time whose proofs are forgotten.
    Forgotten,
    /// The memory, or the share of the proof's key, is full.
    Full,
}

/// Both times at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// The wall time, in seconds since 1970.
    pub(crate) wall: i64,
    pub(crate) monotonic: Instant,
}

impl ReplayMemory {
    /// How many ranges are kept. One more, and the two earliest become one.
    const MAX_RANGES: usize = 16;

    /// A memory for so many proofs, and for so many of one key, that can be used for so long, and
    /// repeated for so long.
    pub(super) fn new(
        usable_for: Duration,
        (capacity, max_per_key): (usize, usize),
        repeat_within: Duration,
    ) -> Self {
        Self {
            usable_for,
            capacity,
            max_per_key,
            generations: VecDeque::new(),
            forgotten: Vec::new(),
            repeats: Repeats::new(repeat_within),
        }
    }

    /// Records that a proof is used now, unless it was used before or that cannot be told.
    /// `request` is the digest of what it was used for, by which it may be repeated.
    pub(super) fn record(
        &mut self,
        proof: &Proof,
        request: Option<Digest>,
        now: Now,
    ) -> Result<(), NotRecorded> {
        if self.look_up(proof, request, now)? == Use::Repeated {
            return Ok(());
        }
        let key = digest(&[&proof.jkt]);
        let held: usize = self.generations.iter().map(|generation| generation.proofs.len()).sum();
        let of_key = |generation: &Generation| generation.by_key.get(&key).copied();
        let of_key: usize = self.generations.iter().filter_map(of_key).sum();
        if held >= self.capacity || of_key >= self.max_per_key {
            return Err(NotRecorded::Full);
        }
        if let Some(young) = self.generations.back_mut() {
            young.add(id(proof), key, proof.iat);
        }
        if let Some(request) = request {
            self.repeats.add(request, now.monotonic);
        }
        Ok(())
    }

    /// Whether a proof may be used now, as far as uses before this one are concerned.
    pub(super) fn look_up(
        &mut self,
        proof: &Proof,
        request: Option<Digest>,
        now: Now,
    ) -> Result<Use, NotRecorded> {
        self.turn(now);
        if self.forgotten.iter().any(|(first, last)| (*first..=*last).contains(&proof.iat)) {
            return Err(NotRecorded::Forgotten);
        }
        let id = id(proof);
        if !self.generations.iter().any(|generation| generation.proofs.contains(&id)) {
            return Ok(Use::First);
        }
        let again = |request| self.repeats.admit(&request, now.monotonic);
        if request.is_some_and(again) { Ok(Use::Repeated) } else { Err(NotRecorded::Replayed) }
    }

    /// Forgets what has become too old, and sees to it that there is a generation for `now`.
    fn turn(&mut self, now: Now) {
        let age = |generation: &Generation| {
            now.monotonic.saturating_duration_since(generation.began.monotonic)
        };
        // The last proof in it came up to `usable_for` after the first.
        while self.generations.front().is_some_and(|old| age(old) >= 2 * self.usable_for) {
            let dates = self.generations.pop_front().and_then(|old| old.dates);
            self.forget(dates);
        }
        let serves = |young: &Generation| age(young) < self.usable_for && !young.is_stepped(now);
        if !self.generations.back().is_some_and(serves) {
            // An empty one has nothing to be kept for.
            if self.generations.back().is_some_and(|young| young.proofs.is_empty()) {
                self.generations.pop_back();
            }
            self.generations.push_back(Generation::new(now));
        }
    }

    fn forget(&mut self, dates: Option<Dates>) {
        self.forgotten.extend(dates);
        self.forgotten.sort_unstable();
        self.forgotten.dedup_by(|later, earlier| {
            let overlap = later.0 <= earlier.1.saturating_add(1);
            if overlap {
                earlier.1 = earlier.1.max(later.1);
            }
            overlap
        });
        if self.forgotten.len() > Self::MAX_RANGES {
            let earliest = self.forgotten.remove(0);
            self.forgotten[0].0 = earliest.0;
        }
    }
}

impl Generation {
    /// A difference between the two clocks up to this is no step: reading them takes time, and
    /// one of them has whole seconds only.
    const MAX_DRIFT_SECS: i64 = 2;

    fn new(began: Now) -> Self {
        Self { began, proofs: HashSet::new(), by_key: HashMap::new(), dates: None }
    }

    /// Whether the wall clock was set since this generation began.
    fn is_stepped(&self, now: Now) -> bool {
        let elapsed = now.monotonic.saturating_duration_since(self.began.monotonic).as_secs();
        let by_wall = now.wall.saturating_sub(self.began.wall);
        by_wall.saturating_sub_unsigned(elapsed).saturating_abs() > Self::MAX_DRIFT_SECS
    }

    fn add(&mut self, id: Digest, key: Digest, iat: i64) {
        self.proofs.insert(id);
        *self.by_key.entry(key).or_default() += 1;
        let (first, last) = self.dates.unwrap_or((iat, iat));
        self.dates = Some((first.min(iat), last.max(iat)));
    }
}

fn id(proof: &Proof) -> Digest {
    digest(&[&proof.jkt, &proof.jti])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    fn proof(jkt: &str, number: usize, iat: i64) -> Proof {
        Proof {
            jkt: jkt.to_owned(),
            htm: "GET".to_owned(),
            htu: "https://api.example/".to_owned(),
            iat,
            jti: number.to_string(),
            exp: None,
            ath: None,
            nonce: None,
        }
    }

    /// A memory, and the two times so many seconds apart from its beginning.
    fn memory(capacity: usize, max_per_key: usize) -> (ReplayMemory, impl Fn(i64, u64) -> Now) {
        let origin = SystemClock.monotonic();
        let now =
            move |wall, elapsed| Now { wall, monotonic: origin + Duration::from_secs(elapsed) };
        let limits = (capacity, max_per_key);
        (ReplayMemory::new(Duration::from_secs(66), limits, Duration::ZERO), now)
    }

    #[test]
    fn a_wall_clock_that_was_ahead_and_is_set_back_does_not_keep_the_memory_full() {
        let (mut memory, now) = memory(2, 2);
        for number in 0..2 {
            assert_eq!(memory.record(&proof("k", number, 4600), None, now(4600, 0)), Ok(()));
        }
        let next = proof("k", 2, 1131);
        assert_eq!(memory.record(&next, None, now(1131, 131)), Err(NotRecorded::Full));
        let next = proof("k", 2, 1132);
        assert_eq!(
            memory.record(&next, None, now(1132, 132)),
            Ok(()),
            "and is no day of the wrong time"
        );
    }

    #[test]
    fn a_step_in_the_midst_of_a_generation_shuts_out_nothing_between() {
        let (mut memory, now) = memory(100, 100);
        let ahead = proof("k", 1, 4600);
        assert_eq!(memory.record(&proof("k", 0, 1000), None, now(1000, 0)), Ok(()));
        assert_eq!(memory.record(&ahead, None, now(4600, 1)), Ok(()));
        assert_eq!(memory.record(&proof("k", 2, 1002), None, now(1002, 2)), Ok(()));
        assert_eq!(
            memory.record(&proof("k", 3, 2000), None, now(2000, 1000)),
            Ok(()),
            "long after"
        );
        assert_eq!(memory.record(&ahead, None, now(4600, 3600)), Err(NotRecorded::Forgotten));
        assert_eq!(memory.record(&proof("k", 4, 4601), None, now(4601, 3601)), Ok(()));
    }

    #[test]
    fn one_key_takes_its_share_and_no_more() {
        let (mut memory, now) = memory(100, 10);
        for number in 0..100 {
            let expected = if number < 10 { Ok(()) } else { Err(NotRecorded::Full) };
            assert_eq!(memory.record(&proof("greedy", number, 1000), None, now(1000, 0)), expected);
        }
        assert_eq!(memory.record(&proof("other", 0, 1000), None, now(1000, 0)), Ok(()));
    }

    #[test]
    fn ranges_of_forgotten_dates_are_bounded_and_never_shrink() {
        let (mut memory, _) = memory(1, 1);
        for start in 0..100 {
            memory.forget(Some((start * 10, start * 10 + 5)));
        }
        assert_eq!(memory.forgotten.len(), ReplayMemory::MAX_RANGES);
        for start in 0..100 {
            let date = start * 10 + 3;
            let covers = |(first, last): &Dates| (*first..=*last).contains(&date);
            assert!(memory.forgotten.iter().any(covers), "{date}");
        }
    }
}
