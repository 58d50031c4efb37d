//! The signing keys of a custom authorization server, and how they take turns. Pure: keys are
//! numbers here, and time comes in as an argument.

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::shifted;

/// The keys of one server, by their numbers. Okta: `NEXT` is published weeks before it becomes
/// `ACTIVE` and signs, and after that the key is `EXPIRED` and published for a while longer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct KeyRing {
    active: usize,
    next: usize,
    /// With the time until which it is published.
    expired: Option<(usize, DateTime<Utc>)>,
    scheduled: Option<DateTime<Utc>>,
}

impl KeyRing {
    /// How long caches may keep the published keys while no rotation is near: the example in
    /// Okta's documentation, six weeks.
    pub(crate) const MAX_AGE_SECS: u32 = 3_832_304;

    /// Okta does not say how long expired keys stay. No access token lives longer than this.
    const EXPIRED_FOR: TimeDelta = TimeDelta::hours(24);

    pub(crate) fn new(active: usize, next: usize) -> Self {
        Self { active, next, expired: None, scheduled: None }
    }

    /// The key that signs.
    pub(crate) fn active(&self) -> usize {
        self.active
    }

    /// All keys whose signatures are good.
    pub(crate) fn published(&self, now: DateTime<Utc>) -> Vec<usize> {
        let expired = self.expired.filter(|(_, until)| now < *until).map(|(key, _)| key);
        [self.active, self.next].into_iter().chain(expired).collect()
    }

    /// How long caches may keep the published keys: no longer than to the scheduled rotation.
    pub(crate) fn max_age_secs(&self, now: DateTime<Utc>) -> u32 {
        let left = self.scheduled.map(|at| (at - now).num_seconds().max(0));
        left.and_then(|left| u32::try_from(left).ok())
            .map_or(Self::MAX_AGE_SECS, |left| left.min(Self::MAX_AGE_SECS))
    }

    /// Rotates at `now`; `fresh` is the key after the next one.
    pub(crate) fn rotate(&mut self, now: DateTime<Utc>, fresh: usize) {
        let expired = Some((self.active, shifted(now, Self::EXPIRED_FOR)));
        *self = Self { active: self.next, next: fresh, expired, scheduled: self.scheduled };
    }

    /// Sets when to rotate next.
    pub(crate) fn schedule(&mut self, at: DateTime<Utc>) {
        self.scheduled = Some(at);
    }

    /// Rotates if that was due by `now`; whether it was. It counts from when it was due.
    pub(crate) fn rotate_if_due(&mut self, now: DateTime<Utc>, fresh: usize) -> bool {
        let Some(at) = self.scheduled.filter(|at| *at <= now) else {
            return false;
        };
        self.scheduled = None;
        self.rotate(at, fresh);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(hours * 3600, 0).unwrap()
    }

    #[test]
    fn keys_take_turns_and_expired_ones_stay_a_day() {
        let mut ring = KeyRing::new(2, 3);
        assert_eq!((ring.active(), ring.published(at(0))), (2, vec![2, 3]));
        ring.rotate(at(0), 7);
        assert_eq!((ring.active(), ring.published(at(23))), (3, vec![3, 7, 2]));
        assert_eq!(ring.published(at(24)), [3, 7]);
        ring.rotate(at(1), 8);
        assert_eq!(ring.published(at(2)), [7, 8, 3], "one expired key at a time");
    }

    #[test]
    fn a_scheduled_rotation_happens_once_and_counts_from_its_time() {
        let mut ring = KeyRing::new(2, 3);
        ring.schedule(at(10));
        assert!(!ring.rotate_if_due(at(9), 4));
        assert!(ring.rotate_if_due(at(30), 4));
        assert!(!ring.rotate_if_due(at(30), 5));
        assert_eq!(ring.published(at(33)), [3, 4, 2]);
        assert_eq!(ring.published(at(34)), [3, 4]);
    }

    #[test]
    fn caches_must_ask_again_when_the_keys_have_changed() {
        let mut ring = KeyRing::new(2, 3);
        assert_eq!(ring.max_age_secs(at(0)), KeyRing::MAX_AGE_SECS);
        ring.schedule(at(10_000));
        assert_eq!(ring.max_age_secs(at(0)), KeyRing::MAX_AGE_SECS);
        assert_eq!(ring.max_age_secs(at(9_999)), 3600);
        assert_eq!(ring.max_age_secs(at(10_001)), 0);
    }
}
